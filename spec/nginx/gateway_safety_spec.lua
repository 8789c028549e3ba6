-- Whatever goes wrong at the gateway: no part of a body is parsed as a request, no client takes a
-- part for the whole, and a client that leaves leaves nothing behind.
local cjson = require "cjson"
local faults = require "spec.support.faults"
local gateway = require "spec.support.gateway"
local http2 = require "spec.support.http2"
local process = require "spec.support.process"
local socket = require "socket"

-- These specs test LuaJIT inside nginx, whichever Lua runs busted, so one Lua runs them.
if process.abi ~= "luajit" then return end

local EVIL = "GET /secret HTTP/1.1\r\nHost: x\r\n\r\n"

local service, big
setup(function()
  service = gateway.service()
  local server = gateway.start(service)
  big = cjson.decode(server:upload(("x"):rep(20000000)).body).AttachmentId
  server:remove()
end)
before_each(function() service:admin("DELETE", "faults") end)
teardown(function() service:stop() end)

local function serve(given)
  local server = gateway.start(service, given)
  finally(function() server:remove() end)
  return server
end

-- A request for an upload, up to its body.
local function head(length, more)
  local framing = length and ("Content-Length: %d\r\n"):format(length) or ""
  return ("POST /up HTTP/1.1\r\nHost: x\r\nX-File-Name: a.txt\r\n"
    .. "X-Connection-Token: %s\r\n%s%s\r\n")
    :format(service.token, framing, more or "")
end

-- Reads until the connection ends; also returns whether it has ended.
local function rest(connection)
  local all, problem, part = connection:receive "*a"
  connection:close()
  return all or part, all ~= nil or problem == "closed"
end

local function statuses(text)
  local list = {}
  for status in text:gmatch "HTTP/1%.1 (%d+)" do list[#list + 1] = status end
  return table.concat(list, " ")
end

-- Sends all of it, and returns the statuses of all answers.
local function answers(server, text)
  local all = rest(server:send(text))
  assert.is_nil(all:find("SECRET", 1, true), all)
  return statuses(all)
end

describe("a body at the gateway that nobody reads", function()
  it("is not run as a request, whatever the refusal", function()
    local server = serve { upload = [[{ types = { "text/plain" }, max_size = 1000,
      authorize = function(request) return request.name ~= "no.txt" end }]] }
    local function try(status, lines, framing)
      local chunked = ("%x\r\n%s\r\n0\r\n\r\n"):format(#EVIL, EVIL)
      assert.equal(status, answers(server,
        ("%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n%s")
          :format(framing or "POST /up", #EVIL, lines, EVIL)))
      assert.equal(status, answers(server,
        ("%s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n%s\r\n%s%s")
          :format(framing or "POST /up", lines, chunked, EVIL:rep(2))))
    end
    local token = ("X-Connection-Token: %s\r\n"):format(service.token)
    try("401", "")
    try("400", token)
    try("400", token .. "X-File-Name: a%0D%0A.txt\r\n")
    try("403", token .. "X-File-Name: no.txt\r\n")
    try("415", token .. "X-File-Name: a.exe\r\n")
    try("415", token .. "Content-Type: multipart/mixed\r\n")
    try("405", token, "DELETE /up")
    try("204", token, "OPTIONS /up")
    try("405", token, "POST /down")
    try("403", "X-Connection-Token: bad\r\n", "GET /down?id=x")
    assert.equal("413", answers(server, head(2000) .. EVIL:rep(50)))
    assert.equal("", server:stop())
  end)

  it("nor in the middle, when the store or the service fails", function()
    local server = serve()
    -- The body consists of requests, and a genuine one follows it.
    local body = EVIL:rep(60000)
    for _, fault in ipairs {
      { operation = "StartAttachmentUpload", status = 403, code = "AccessDeniedException",
        count = 1 },
      { operation = "PutObject", status = 403, code = "AccessDenied", count = 1 },
      { operation = "PutObject", action = "reset", count = 1 },
    } do
      service:fault(fault)
      local connection = server:send(head(#body))
      connection:send(body .. "GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      local all = rest(connection)
      assert.is_nil(all:find("SECRET", 1, true), all)
      -- Either the connection was closed, or the body was consumed and the genuine request
      -- answered.
      local list = statuses(all)
      assert.truthy(list == "403" or list == "502" or list:find "^%d+ 200$", list)
      if list:find " 200" then assert.equal("pong", all:match "pong$") end
    end
    assert.equal("", server:stop())
  end)

  it("of a handler that raises is not run either", function()
    local server = serve {
      upload = [[{ on_result = function() end, name = function() error "no luck" end }]] }
    assert.equal("500", answers(server, head(#EVIL) .. EVIL))
    assert.truthy(server:stop():find("no luck", 1, true))
  end)

  it("is not asked for, where the client waits to be", function()
    local server = serve()
    local refused = rest(server:send(
      "POST /up HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"))
    assert.equal("401", statuses(refused))
    local taken = server:send(head(5, "Expect: 100-continue\r\nConnection: close\r\n"))
    assert.equal("HTTP/1.1 100 Continue", taken:receive "*l")
    taken:send "hello"
    assert.equal("201", statuses(rest(taken)))
    assert.equal("", server:stop())
  end)
end)

describe("two bodies on one connection", function()
  it("are two uploads, and what follows is a request", function()
    local server = serve()
    assert.equal("201 201 200", answers(server, (head(5) .. "hello"):rep(2)
      .. "GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    assert.equal("", server:stop())
  end)

  it("of which the first says less than it has, are one upload and nonsense", function()
    local server = serve()
    assert.equal("201 400", answers(server, head(5) .. "hello, world\r\n\r\n"))
    assert.equal("", server:stop())
  end)
end)

describe("a body that says more than it has", function()
  it("ends in 408, and completes nothing", function()
    local server = serve { upload = "{ body_timeout = 0.3 }" }
    service:admin("DELETE", "requests")
    local all, ended = rest(server:send(head(2000) .. ("x"):rep(1000)))
    assert.equal("408", statuses(all))
    assert.is_true(ended)
    assert.equal(0, #service:requests "CompleteAttachmentUpload")
    assert.equal("", server:stop())
  end)

  it("is logged in one line when its client leaves, and leaves nothing behind", function()
    local server = serve()
    for _, linger in ipairs { true, false } do
      local connection = server:send(head(2000) .. ("x"):rep(1000))
      server:reach(1)
      if linger then connection:setoption("linger", { on = true, timeout = 0 }) end
      connection:close()
      assert.truthy(server:rest() < 5)
    end
    local _, count = server.nginx:log():gsub("the client left in the middle of an upload", "")
    assert.equal(2, count)
    assert.equal("", server:stop())
  end)
end)

describe("a client of the gateway that leaves", function()
  it("while the store hangs has all released within 5 s, and affects no later request", function()
    local server = serve()
    service:fault { operation = "PutObject", action = "hang", count = 1, after_body = true }
    local connection = server:send(head(2000) .. ("x"):rep(2000))
    server:reach(1)
    connection:close()
    assert.truthy(server:logged "the client left in the middle of an upload")
    -- ngx_lua reuses the coroutine that it has killed for the next requests.
    for _ = 1, 5 do assert.equal(201, server:upload("hello").status) end
    assert.truthy(server:rest() < 5)
    for _ = 1, 5 do assert.equal(201, server:upload("hello").status) end
    assert.equal("", server:stop())
  end)

  it("in the middle of a download, or before its first byte, does so as well", function()
    local server = serve()
    local ask = ("GET /down?id=%s HTTP/1.1\r\nHost: x\r\nX-Connection-Token: %s\r\n\r\n")
      :format(big, service.token)
    local connection = server:send(ask)
    connection:receive(1000)
    connection:close()
    assert.truthy(server:rest() < 5)
    service:fault { operation = "GetObject", action = "hang", count = 1 }
    connection = server:send(ask)
    server:reach(1)
    connection:close()
    assert.truthy(server:rest() < 5)
    assert.truthy(server:logged "the client left in the middle of a download")
    assert.equal("", server:stop())
  end)
end)

describe("a download that breaks off", function()
  it("is an error to the client, over HTTP/1.1 and HTTP/2", function()
    local store = faults.start()
    finally(function() store:stop() end)
    local server = serve { endpoint = store.url }
    local function script(given)
      store:script(given)
      store:put("x", ("x"):rep(300000))
    end
    -- Gives curl's exit status, which is 18 if a connection is closed in the middle.
    local function get()
      local done = process.run { "curl", "-sSm30", "-o", "/dev/null", "-w", "%{http_code}", "-H",
        "X-Connection-Token: " .. service.token,
        ("http://127.0.0.1:%d/down?id=x"):format(server.port) }
      assert.equal("200", done.stdout, done.stderr)
      return done.status
    end
    local function get2()
      return { http2.get(server.http2, "/down?id=x", { ["x-connection-token"] = service.token }) }
    end
    script { object = { { cut = 100000 } } }
    assert.equal(18, get())
    assert.equal(0, get())
    script { object = { { cut = 100000 } } }
    assert.same({ 100000, "reset" }, get2())
    assert.same({ 300000, "whole" }, get2())
    assert.truthy(server:logged "a download broke off: ")
    assert.equal("", server:stop())
  end)
end)

describe("a slow client of the gateway", function()
  it("uploads a byte at a time", function()
    local server = serve()
    local connection = server:send(head(12, "Connection: close\r\n"))
    connection:setoption("tcp-nodelay", true)
    for letter in ("hello, world"):gmatch "." do
      connection:send(letter)
      socket.select(nil, nil, 0.02)
    end
    assert.equal("201", statuses(rest(connection)))
    assert.equal("", server:stop())
  end)
end)

describe("a thousand clients of the gateway at once", function()
  it("are all served, and nothing is left", function()
    local server, list = serve { stall_timeout = 60 }, {}
    for index = 1, 1000 do
      list[index] = server:send(head(5, "Connection: close\r\n") .. "hello")
    end
    for index = 1, 1000 do
      list[index]:settimeout(60)
      assert.equal("201", statuses(rest(list[index])))
    end
    assert.truthy(server:rest() < 5)
    assert.equal("", server:stop())
  end)
end)

describe("a worker of the gateway that is to quit", function()
  it("finishes the transfers in flight", function()
    local server = serve()
    local connection = server:send(head(200000, "Connection: close\r\n") .. ("x"):rep(100000))
    server:reach(1)
    server.nginx:signal "HUP"
    connection:send(("x"):rep(100000))
    assert.equal("201", statuses(rest(connection)))
    assert.equal("", server:stop())
  end)
end)
