-- Odd requests to the gateway, and stores that hang: each has an answer, and the worker goes on as
-- before.
local cjson = require "cjson"
local gateway = require "spec.support.gateway"
local process = require "spec.support.process"
local socket = require "socket"

-- These specs test LuaJIT inside nginx, whichever Lua runs busted, so one Lua runs them.
if process.abi ~= "luajit" then return end

local service
setup(function() service = gateway.service() end)
before_each(function() service:admin("DELETE", "faults") end)
teardown(function() service:stop() end)

local function serve(given)
  local server = gateway.start(service, given)
  finally(function() server:remove() end)
  return server
end

local function refused(status, code, answer)
  assert.equal(status, answer.status, answer.body)
  assert.equal("application/json", answer.headers["content-type"])
  assert.equal(code, cjson.decode(answer.body).code)
end

local function rest(connection)
  connection:settimeout(30)
  local all, _, part = connection:receive "*a"
  connection:close()
  return all or part
end

describe("a token at the gateway", function()
  it("that is longer than any is refused, and not sent back", function()
    local server = serve()
    local long = ("t"):rep(5000)
    local answer = server:upload("hello", { ["X-Connection-Token"] = long })
    refused(400, "ParamValidationError", answer)
    assert.is_nil(answer.body:find("tttttttt", 1, true))
    -- This exceeds nginx's own limit for a header, large_client_header_buffers.
    local huge = server:upload("hello", { ["X-Connection-Token"] = ("t"):rep(10240) })
    assert.equal(400, huge.status)
    assert.is_nil(huge.body:find("tttttttt", 1, true))
    assert.equal(201, server:upload("hello").status)
    assert.is_nil(server.nginx:log():find "connectparticipant: .*tttttttt")
    assert.equal("", server:stop())
  end)
end)

describe("a name at the gateway", function()
  it("of emoji comes back as it went", function()
    local server = serve()
    local name = "😀👩‍👩‍👧.txt"
    local encoded = name:gsub("[\128-\255]", function(byte)
      return ("%%%02X"):format(byte:byte())
    end)
    local stored = cjson.decode(server:upload("hello", { ["X-File-Name"] = encoded }).body)
    assert.equal(name, stored.AttachmentName)
    local back = server:download(stored.AttachmentId)
    assert.truthy(back.headers["content-disposition"]:find("%F0%9F%98%80", 1, true))
    assert.equal("", server:stop())
  end)

  it("with a line break is refused, and no header is made of it", function()
    local server = serve()
    for _, name in ipairs { "a%0D%0AX-Evil:%201.txt", "a%0Ab.txt", "a%00b.txt", "%0D%0A" } do
      local answer = server:upload("hello", { ["X-File-Name"] = name })
      refused(400, "InvalidName", answer)
      assert.is_nil(answer.headers["x-evil"])
    end
    assert.equal("", server:stop())
  end)

  it("of 300 characters is refused by the service's own rule", function()
    local server = serve()
    for _, letter in ipairs { "x", "%E6%97%A5" } do
      refused(400, "ParamValidationError",
        server:upload("hello", { ["X-File-Name"] = letter:rep(300) .. ".txt" }))
    end
    assert.equal("", server:stop())
  end)
end)

describe("a store that hangs", function()
  it("is waited for no longer than the timeout, and the answer is 504", function()
    local server = serve { upload = "{ timeout = 0.5 }", download = "{ timeout = 0.5 }" }
    local id = cjson.decode(server:upload("hello").body).AttachmentId
    service:fault { operation = "PutObject", action = "hang", count = 1, after_body = true }
    assert.equal(504, server:upload("hello").status)
    service:fault { operation = "GetObject", action = "hang", count = 1 }
    assert.equal(504, server:download(id).status)
    assert.equal(200, server:download(id).status)
    assert.truthy(server:rest() < 5)
    assert.equal("", server:stop())
  end)
end)

describe("a worker of the gateway that is told to quit", function()
  it("finishes an upload and a download in flight", function()
    local server = serve()
    local id = cjson.decode(server:upload(("x"):rep(12000000)).body).AttachmentId
    local down = server:send(("GET /down?id=%s HTTP/1.1\r\nHost: x\r\nX-Connection-Token: %s\r\n"
      .. "\r\n"):format(id, service.token))
    assert.equal("HTTP/1.1 200 OK\r", (down:receive "*l") .. "\r")
    local up = server:send(("POST /up HTTP/1.1\r\nHost: x\r\nX-File-Name: a.txt\r\n"
      .. "X-Connection-Token: %s\r\nContent-Length: 200000\r\n\r\n%s"):format(service.token,
      ("x"):rep(100000)))
    server:reach(1)
    local pid = server.nginx:pid()
    server.nginx:signal "QUIT"
    -- New connections are refused.
    local until_then = socket.gettime() + 10
    repeat
      local late = socket.connect("127.0.0.1", server.port)
      if late then late:close() end
    until not late or socket.gettime() > until_then
    up:send(("x"):rep(100000))
    assert.equal("201", rest(up):match "^HTTP/1%.1 (%d+)")
    local body = rest(down):match "\r\n\r\n(.*)$"
    assert.equal(12000000, #body)
    server.nginx.stopped = true -- its pid file is gone already
    assert.equal(0, process.run({ "timeout", "30", "tail", "--pid=" .. pid, "-f",
      "/dev/null" }).status)
    for _, level in ipairs { "error", "crit", "alert", "emerg" } do
      assert.is_nil(server.nginx:log():find("[" .. level .. "]", 1, true))
    end
  end)
end)
