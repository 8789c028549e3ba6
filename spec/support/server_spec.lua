-- The scripted server that specs rely on: it must do exactly what a step says, to the byte.
local faults = require "spec.support.faults"
local files = require "spec.support.files"
local http = require "spec.support.http"
local process = require "spec.support.process"
local service = require "spec.support.service"
local socket = require "socket"

local server
setup(function() server = faults.start() end)
teardown(function() server:stop() end)

local GET = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n"

-- Everything that comes back for the bytes, until the connection's end.
local function told(step, bytes)
  server:script { step }
  return http.raw(server.port, bytes or GET)
end

describe("an answer", function()
  it("has the length, the range and the tag that a step gives it", function()
    assert.equal("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
      told { body = "hello", length = 9 })
    assert.equal("HTTP/1.1 200 OK\r\n\r\nhello", told { body = "hello", length = false })
    local ranged = "GET /x HTTP/1.1\r\nRange: bytes=3-\r\nHost: x\r\n\r\n"
    assert.equal("HTTP/1.1 206 Partial Content\r\nETag: \"a\"\r\n"
      .. "Content-Range: bytes 3-9/77\r\nContent-Length: 7\r\n\r\n3456789",
      told({ size = 10, range = true, total = 77, etag = '"a"', close = true }, ranged))
    assert.truthy(told({ size = 10, range = true, content_range = "x", close = true }, ranged)
      :find("Content-Range: x\r\n", 1, true))
  end)

  it("may be flooded with headers, have a long one, or be chunked", function()
    local _, count = told({ header_count = 5000, close = true }):gsub("\r\nX%-Filler%-%d+: ", "")
    assert.equal(5000, count)
    assert.truthy(told({ header_size = 200000, close = true }):match("X%-Long: (l+)"):len() == 2e5)
    assert.truthy(told({ size = 20, chunked = true, close = true })
      :find("\r\n\r\n14\r\n0123456789abcdef0123\r\n0\r\n\r\n", 1, true))
  end)

  it("may come in pieces, be cut, or be reset", function()
    assert.truthy(told({ body = "abcdef", drip = 0, drip_bytes = 4, close = true })
      :find("\r\n\r\nabcdef$"))
    assert.truthy(told({ size = 1000, cut = 3 }):find("\r\n\r\n012$"))
    assert.truthy(told({ size = 1000, reset = "headers" }):find("\r\n\r\n$"))
    assert.equal("", told { reset = "request" })
    assert.equal("", told { answer = false })
  end)

  it("may be larger than memory", function()
    server:script { { size = 5e12, cut = 3e6 } }
    local all = http.raw(server.port, GET)
    assert.truthy(all:find("Content-Length: 5000000000000\r\n", 1, true))
    assert.equal(3e6, #all:match("\r\n\r\n(.*)$"))
  end)

  it("may come before the body, or after any number of others", function()
    local put = "PUT /x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    assert.equal("HTTP/1.1 403 Answer\r\nContent-Length: 0\r\n\r\n",
      told({ status = 403, early = true, unread = true }, put))
    local continue = "HTTP/1.1 100 Continue\r\n\r\n"
    assert.equal(1, (told({ close = true }, put .. "hello")
      :find(continue .. "HTTP/1.1 200", 1, true)))
    assert.equal(1, (told({ close = true, continue = 2 }, put .. "hello")
      :find(continue .. continue .. "HTTP/1.1 200", 1, true)))
    assert.equal(1, (told({ close = true, continue = false, interim = { 102, 103 } },
      put .. "hello"):find("HTTP/1.1 102 Interim\r\n\r\nHTTP/1.1 103 Interim\r\n\r\nHTTP/1.1 200",
      1, true)))
  end)
end)

describe("a connection", function()
  local function open()
    local connection = assert(socket.connect("127.0.0.1", server.port))
    connection:settimeout(10)
    return connection
  end

  it("may bring bytes that nobody asked for, at once or later", function()
    assert.truthy(told({ unsolicited = "more", close = true }):find("\r\n\r\nmore$"))
    server:script { {} }
    local connection = open()
    connection:send(GET)
    repeat until connection:receive "*l" == ""
    server:push(server:seen().each[1].number, "later", true)
    assert.equal("later", (connection:receive "*a"))
    connection:close()
  end)

  it("is counted", function()
    server:script { {}, {} }
    local connection = open()
    for _ = 1, 2 do
      connection:send(GET)
      repeat until connection:receive "*l" == ""
    end
    local seen = server:seen()
    connection:close()
    assert.equal(1, seen.connections)
    assert.same({ 2, 2 * #GET, true, false },
      { seen.each[1].requests, seen.each[1].bytes_in, seen.each[1].open, seen.each[1].tls })
    assert.equal(seen.each[1].number, seen.requests[2].connection)
  end)

  it("is one of thousands", function()
    server:script {}
    local all = {}
    for index = 1, 900 do all[index] = open() end
    local code = ([[
      local socket, all = require "socket", {}
      for index = 1, 900 do all[index] = assert(socket.connect("127.0.0.1", %d)) end
      all[900]:send("GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
      print((all[900]:receive "*l"))]]):format(server.port)
    assert.equal("HTTP/1.1 404 Answer\n", process.run { process.lua, "-e", code }.stdout)
    for _, connection in ipairs(all) do connection:close() end
  end)
end)

describe("by route", function()
  it("a step changes what the service would answer, once or always", function()
    server:script { message = { { status = 503 }, {}, { status = 500, always = true } } }
    local seen = {}
    for index = 1, 5 do
      seen[index] = http.request { port = server.port, path = "/participant/message",
        body = "{}" }.status
    end
    assert.same({ 503, 200, 500, 500, 500 }, seen)
    assert.equal("message message message message message", server:story())
    assert.equal(service.start, faults.start)
  end)
end)

describe("TLS", function()
  local directory
  setup(function() directory = files.new() end)
  teardown(function() directory:remove() end)

  it("has certificates that a client takes, and such that it must not", function()
    local ca = directory:write("ca.pem", server:ca())
    server:script { unknown = { { body = "hello", always = true } } }
    local function curl(kind)
      local result = process.run { "curl", "-sS", "--cacert", ca, server:tls(kind) .. "/x" }
      return result.status == 0 and result.stdout or result.stderr
    end
    assert.equal("hello", curl "good")
    assert.truthy(curl("other"):find "does not match" or curl("other"):find "no alternative")
    assert.truthy(curl("expired"):find "expired")
    assert.truthy(curl("stranger"):find "self.signed" or curl("stranger"):find "local issuer")
    assert.same({ "/x" }, { server:requests()[1].path, server:requests()[2] })
  end)
end)

describe("a proxy", function()
  it("records what it was asked, and connects", function()
    server:script { unknown = { { body = "through", always = true } } }
    local function curl(...)
      return process.run { "curl", "-sS", "--noproxy", "", "-x", server.url, ... }
    end
    assert.equal("through", curl("http://127.0.0.1:1/plain").stdout)
    assert.equal("through", curl("-k", server:tls() .. "/secret").stdout)
    local requests = server:requests()
    assert.equal("http://127.0.0.1:1", requests[1].absolute)
    assert.same({ "CONNECT", "connect", "/secret" },
      { requests[2].method, requests[2].route, requests[3].path })
    server:script { connect = { { status = 403 } } }
    assert.truthy(curl("-k", server:tls() .. "/x").stderr:find "403")
    assert.equal("connect", server:story())
  end)
end)

describe("the server", function()
  it("ends with its parent", function()
    if process.portable then return end -- only Linux sends a signal then
    local code = [[
      local running = require("spec.support.server").start()
      print(running.pid)
      io.stdout:flush()
      os.exit(0)]]
    local pid = process.run { process.lua, "-e", code }.stdout:match "%d+"
    assert.equal(0, process.run { "timeout", "10", "tail", "--pid=" .. pid, "-f",
      "/dev/null" }.status)
  end)
end)
