-- Browsers that leave, requests that end, light threads that are killed: what their calls held is
-- released within 5 s, without the garbage collector.
local emulated = require "spec.support.emulated"
local nginx = require "spec.support.nginx"
local process = require "spec.support.process"
local socket = require "socket"

-- These specs test LuaJIT inside nginx, whichever Lua runs busted, so one Lua runs them.
if process.abi ~= "luajit" then return end

-- The collector is stopped, so nothing here can depend on it.
local HTTP = [[
  lua_check_client_abort on;
  init_by_lua_block {
    %s
    participant = require "connectparticipant"
    client = participant.new { endpoint = os.getenv "ENDPOINT" }
  }
  init_worker_by_lua_block { collectgarbage "stop" }
]]

local STATE = [[
  location /state { content_by_lua_block {
    local jobs = 0
    for _ in pairs(client.loop.alive) do jobs = jobs + 1 end
    ngx.print(tostring(client.engine), ", ", jobs, " jobs")
  } }
]]

local service, token, big, directory
setup(function()
  service = emulated.start { max_size = 100 * 1024 * 1024, quota = 100000 }
  token = service:connect(service.running.participant_token)
  local own = require("connectparticipant").new { endpoint = service.endpoint }
  big = assert(own:upload_attachment { ConnectionToken = token, AttachmentName = "big.bin",
    body = ("x"):rep(30 * 1024 * 1024) }).AttachmentId
  own:close()
  directory = process.run({ "mktemp", "-d" }).stdout:gsub("\n", "")
end)
teardown(function()
  service:stop()
  process.run { "rm", "-rf", directory }
end)

local function serve(locations, prelude)
  local server = nginx.start { locations = STATE .. locations, http = HTTP:format(prelude or ""),
    env = { ENDPOINT = service.endpoint } }
  finally(function() server:remove() end)
  assert.equal("pong", server:get("/ping").body)
  return server
end

local function ask(server, path, ...)
  local connection = assert(socket.connect("127.0.0.1", server.port))
  connection:settimeout(10)
  connection:send(("GET %s HTTP/1.1\r\nHost: x\r\n\r\n"):format(path:format(...)))
  return connection
end

-- How many transfers and jobs the worker's client has in flight.
local function state(server)
  local body = server:get("/state").body
  return tonumber(body:match "(%d+) under way"), tonumber(body:match "(%d+) jobs")
end

local function reach(server, transfers)
  repeat until state(server) >= transfers
end

-- Waits until the worker's client has nothing in flight.
local function gone_in_time(server)
  local began = socket.gettime()
  repeat
    local transfers, jobs = state(server)
    if transfers == 0 and jobs == 0 then break end
    socket.select(nil, nil, 0.05)
    assert.truthy(socket.gettime() - began < 6, ("%d transfers and %d jobs after 6 s"):format(
      transfers, jobs))
  until false
end

describe("what a call in nginx holds", function()
  it("is released when browsers leave in the middle of a streamed download", function()
    local server = serve [[
      location /stream { content_by_lua_block {
        client:download_attachment { ConnectionToken = ngx.var.arg_token,
          AttachmentId = ngx.var.arg_id,
          write = function(chunk) ngx.print(chunk) ngx.flush(true) end }
      } }
    ]]
    local list = {}
    for index = 1, 20 do list[index] = ask(server, "/stream?token=%s&id=%s", token, big) end
    for index = 1, 20 do list[index]:receive(2000) end
    for index = 1, 20 do list[index]:close() end
    gone_in_time(server)
  end)

  it("is released when browsers leave while a file is written, and the file is removed", function()
    local server = serve([[
      location /file { content_by_lua_block {
        client:download_attachment { ConnectionToken = ngx.var.arg_token,
          AttachmentId = ngx.var.arg_id,
          path = "]] .. directory .. [[/" .. ngx.var.arg_n }
      } }
    ]])
    service:fault { operation = "GetObject", action = "hang", count = 10 }
    local list = {}
    for index = 1, 10 do
      list[index] = ask(server, "/file?token=%s&id=%s&n=%d", token, big, index)
    end
    reach(server, 10)
    for index = 1, 10 do list[index]:close() end
    gone_in_time(server)
    service:admin("DELETE", "faults")
    assert.equal("", process.run({ "ls", "-A", directory }).stdout)
  end)

  local function assert_released_when_killed(prelude)
    local server = serve([[
      location /kill { content_by_lua_block {
        local function download(write)
          return ngx.thread.spawn(function()
            client:download_attachment { ConnectionToken = ngx.var.arg_token,
              AttachmentId = ngx.var.arg_id, write = write }
          end)
        end
        local began
        local in_function = download(function() began = true ngx.sleep(3600) end)
        while not began do ngx.sleep(0.01) end
        local in_wait = ngx.thread.spawn(function()
          client:upload_attachment { ConnectionToken = ngx.var.arg_token, AttachmentName = "a",
            AttachmentSizeInBytes = 1000, read = function() ngx.sleep(0.01) return "" end }
        end)
        ngx.sleep(0.1)
        ngx.thread.kill(in_function)
        ngx.thread.kill(in_wait)
        ngx.print "killed"
      } }
    ]], prelude)
    assert.equal("killed", server:get(("/kill?token=%s&id=%s"):format(token, big)).body)
    gone_in_time(server)
  end

  it("is released when a light thread is killed, in a wait and in a function", function()
    assert_released_when_killed()
  end)

  it("is released also without lua-resty-core, so without semaphores", function()
    assert_released_when_killed 'package.preload["ngx.semaphore"] = function() error "none" end'
  end)

  it("is released when a function of the caller's ends the request", function()
    local server = serve [[
      location /exit { content_by_lua_block {
        client:download_attachment { ConnectionToken = ngx.var.arg_token,
          AttachmentId = ngx.var.arg_id,
          write = function() ngx.exit(403) end }
      } }
    ]]
    for _ = 1, 5 do
      assert.equal(403, server:get(("/exit?token=%s&id=%s"):format(token, big)).status)
    end
    gone_in_time(server)
  end)

  it("stays as long as its light thread lives, however slow a function is", function()
    local server = serve [[
      location /slow { content_by_lua_block {
        local slept, size = false, 0
        local result, err = client:download_attachment { ConnectionToken = ngx.var.arg_token,
          AttachmentId = ngx.var.arg_id, write = function(chunk)
            size = size + #chunk
            if not slept then slept = true ngx.sleep(6) end
          end }
        ngx.print(result and size or tostring(err))
      } }
    ]]
    assert.equal(("%d"):format(30 * 1024 * 1024),
      server:get(("/slow?token=%s&id=%s"):format(token, big)).body)
    assert.equal("", server:stop())
  end)
end)

describe("a client a request", function()
  it("does not wear out nginx's timers, 400 at a time", function()
    local server = serve [[
      location /own { content_by_lua_block {
        local own = participant.new { endpoint = os.getenv "ENDPOINT" }
        local result, err = own:send_event { ConnectionToken = ngx.var.arg_token,
          ContentType = "application/vnd.amazonaws.connect.event.typing" }
        own:close()
        ngx.print(result and "good" or tostring(err))
      } }
    ]]
    local list = {}
    for index = 1, 400 do list[index] = ask(server, "/own?token=%s", token) end
    for index = 1, 400 do
      assert.truthy(list[index]:receive "*l":find("200", 1, true))
      list[index]:close()
    end
    assert.equal("", server:stop())
  end)
end)

describe("a started job in nginx", function()
  it("goes on in a light thread of the request, and is waited for", function()
    local server = serve [[
      location /start { content_by_lua_block {
        local jobs = {}
        for index = 1, 5 do
          jobs[index] = client:start("upload_attachment", { ConnectionToken = ngx.var.arg_token,
            AttachmentName = "a.txt", body = ("x"):rep(index) })
        end
        for index = 1, 5 do
          local done, result, err = jobs[index]:wait()
          ngx.print(done and result and result.AttachmentSizeInBytes or tostring(err), " ")
        end
        service_hangs = client:start("send_event", { ConnectionToken = ngx.var.arg_token,
          ContentType = "application/vnd.amazonaws.connect.event.typing" })
        service_hangs:cancel()
        ngx.print(select(3, service_hangs:wait()).kind)
      } }
    ]]
    -- It hangs, so that nothing but the cancel can end it.
    service:fault { operation = "SendEvent", action = "hang", count = 1 }
    assert.equal("1 2 3 4 5 cancelled", server:get("/start?token=" .. token).body)
    service:admin("DELETE", "faults")
  end)
end)
