-- map in nginx: its functions run in light threads, and may wait for anything.
local emulated = require "spec.support.emulated"
local nginx = require "spec.support.nginx"
local process = require "spec.support.process"
local socket = require "socket"

-- These specs test LuaJIT inside nginx, whichever Lua runs busted, so one Lua runs them.
if process.abi ~= "luajit" then return end

local HTTP = [[
  lua_check_client_abort on;
  init_by_lua_block {
    participant = require "connectparticipant"
    client = participant.new { endpoint = os.getenv "ENDPOINT" }
    other = participant.new { endpoint = os.getenv "ENDPOINT" }
    function upload(own, name)
      return own:upload_attachment { ConnectionToken = ngx.var.arg_token, AttachmentName = name,
        body = "bytes" }
    end
  }
  init_worker_by_lua_block { collectgarbage "stop" }
]]

local STATE = [[
  location /state { content_by_lua_block {
    local jobs, asleep = 0, 0
    for _, own in ipairs { client, other } do
      for _ in pairs(own.loop.alive) do jobs = jobs + 1 end
      for _ in pairs(own.loop.sleeping) do asleep = asleep + 1 end
    end
    ngx.print(jobs, " ", ngx.worker.pid(), " ", asleep)
  } }
]]

local service, token
setup(function()
  service = emulated.start { quota = 100000 }
  token = service:connect(service.running.participant_token)
end)
teardown(function() service:stop() end)

local function serve(code)
  local server = nginx.start { http = HTTP, env = { ENDPOINT = service.endpoint },
    locations = STATE .. "location /map { content_by_lua_block {" .. code .. "} }" }
  finally(function() server:remove() end)
  assert.equal("pong", server:get("/ping").body)
  return server
end

local function ask(server)
  return server:get("/map?token=" .. token).body
end

local function state(server)
  local jobs, pid, asleep = server:get("/state").body:match "^(%d+) (%d+) (%d+)$"
  return tonumber(jobs), pid, tonumber(asleep)
end

describe("a function of map in nginx", function()
  it("may wait for anything, while the others go on", function()
    assert.equal("4 and 4", ask(serve [[
      local arrived = 0
      local results, errors = client:map({ 1, 2, 3, 4 }, function(item)
        arrived = arrived + 1
        local due = ngx.now() + 10
        while arrived < 4 and ngx.now() < due do ngx.sleep(0.005) end
        assert(upload(client, "a" .. item .. ".txt"))
        return arrived
      end)
      ngx.print(errors and tostring(next(errors)) or #results, " and ", results[1])
    ]]))
  end)

  it("may raise, with a traceback, and the others go on", function()
    assert.equal("raised oops true|3 1 2|nil", ask(serve [[
      local told = {}
      local function broken() error({ oops = "oops" }) end
      local results, errors = client:map({ 1, 2, 3 }, function(item)
        ngx.sleep(0.001 * item)
        if item == 3 then broken() end
        return item
      end, { concurrency = 1, on_result = function(index) table.insert(told, 1, index) end })
      local err = errors[3]
      ngx.print(err.kind, " ", err.cause.oops, " ", err.traceback:find("broken", 1, true) ~= nil,
        "|", told[1], " ", results[1], " ", results[2], "|", results[3])
    ]]))
  end)

  it("may raise in on_result, and the others go on", function()
    assert.equal("2 raised", ask(serve [[
      local results, errors = client:map({ 1, 2, 3 }, function(item) return item end,
        { concurrency = 2, on_result = function(index) if index == 1 then error "no" end end })
      local count = 0
      for _ in pairs(errors) do count = count + 1 end
      ngx.print(3 - count, " ", errors[1].kind)
    ]]))
  end)

  it("may call map of the same client, and of another", function()
    assert.equal("9 9", ask(serve [[
      local counts = {}
      for _, own in ipairs { client, other } do
        local count = 0
        local _, errors = client:map({ 1, 2, 3 }, function()
          local results = own:map({ 1, 2, 3 }, function(item)
            return upload(own, item .. ".txt")
          end)
          count = count + #results
          return true
        end)
        assert(not errors)
        counts[#counts + 1] = count
      end
      ngx.print(counts[1], " ", counts[2])
    ]]))
  end)

  it("is ended with the map's time, whatever it waits for", function()
    assert.equal("timeout timeout 0", ask(serve [[
      local results, errors = client:map({ 1, 2 }, function() ngx.sleep(3600) return true end,
        { timeout = 0.1 })
      ngx.print(errors[1].kind, " ", errors[2].kind, " ", #results)
    ]]))
  end)

  it("is ended when the client is closed", function()
    assert.equal("cancelled upload cancelled", ask(serve [[
      local own = participant.new { endpoint = os.getenv "ENDPOINT" }
      local said
      ngx.timer.at(0.05, function() own:close() end)
      local _, errors = own:map({ 1, 2 }, function(item)
        if item == 1 then ngx.sleep(3600) end
        local _, err
        repeat _, err = own:upload_attachment { ConnectionToken = ngx.var.arg_token,
          AttachmentName = "a.txt", body = "bytes" } until err
        said = "upload " .. err.kind
        return nil, err
      end)
      ngx.print(errors[1].kind, " ", said)
    ]]))
  end)

  it("leaves no coroutine behind in one that lives long", function()
    local count = ask(serve [[
      local seen = setmetatable({}, { __mode = "k" })
      for _ = 1, 200 do
        client:map({ 1, 2, 3, 4 }, function()
          seen[coroutine.running()] = true
          return true
        end)
      end
      collectgarbage()
      local count = 0
      for _ in pairs(seen) do count = count + 1 end
      ngx.print(count)
    ]])
    assert.is_true(tonumber(count) < 20, count)
  end)

  -- ngx_lua 0.10.23 crashes if a browser leaves while a coroutine sleeps that is not a light
  -- thread.
  it("lets go of everything when browsers leave, and the worker lives", function()
    local server = serve [[
      client:map({ 1, 2 }, function()
        other:map({ 1, 2 }, function(item)
          upload(other, item .. ".txt")
          ngx.sleep(3600)
        end)
      end)
    ]]
    local _, pid = state(server)
    local list = {}
    for index = 1, 10 do
      list[index] = assert(socket.connect("127.0.0.1", server.port))
      list[index]:send(("GET /map?token=%s HTTP/1.1\r\nHost: x\r\n\r\n"):format(token))
    end
    local due = socket.gettime() + 20
    repeat until state(server) == 30 or socket.gettime() > due
    for index = 1, 10 do list[index]:close() end
    local jobs, now, asleep
    due = socket.gettime() + 6
    repeat
      jobs, now, asleep = state(server)
    until jobs == 0 and asleep == 0 or socket.gettime() > due
    assert.same({ 0, pid, 0 }, { jobs, now, asleep })
  end)
end)
