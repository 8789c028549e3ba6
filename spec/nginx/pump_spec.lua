-- A worker's pump: woken when an engine has work to do, and polling if nothing can wake it.
local emulated = require "spec.support.emulated"
local nginx = require "spec.support.nginx"
local process = require "spec.support.process"
local socket = require "socket"

-- These specs test LuaJIT inside nginx, whichever Lua runs busted, so one Lua runs them.
if process.abi ~= "luajit" then return end

local HTTP = [[
  init_by_lua_block {
    %s
    participant = require "connectparticipant"
    client = participant.new { endpoint = os.getenv "ENDPOINT" }
    count = { steps = 0 }
    local loop, step = client.loop, client.loop.step
    function loop:step()
      count.steps = count.steps + 1
      return step(self)
    end
  }
]]

local LOCATIONS = [[
  location /call { content_by_lua_block {
    count.steps = 0
    local sent, err = client:send_event { ConnectionToken = ngx.var.arg_token,
      ContentType = "application/vnd.amazonaws.connect.event.typing" }
    ngx.print(sent and "sent" or tostring(err), " after ", count.steps, " steps")
  } }
  location /upload { content_by_lua_block {
    local file, err = client:upload_attachment { ConnectionToken = ngx.var.arg_token,
      AttachmentName = "a.bin", body = ("x"):rep(5000000) }
    ngx.print(file and "good" or tostring(err))
  } }
  location /break { content_by_lua_block { watcher:close() } }
  location /close { content_by_lua_block { client:close() } }
]]

local service, token
setup(function()
  service = emulated.start { max_size = 100 * 1024 * 1024, quota = 100000 }
  token = service:connect(service.running.participant_token)
end)
teardown(function() service:stop() end)

local function serve(prelude)
  local server = nginx.start { http = HTTP:format(prelude or ""), locations = LOCATIONS,
    env = { ENDPOINT = service.endpoint } }
  finally(function() server:remove() end)
  return server
end

-- How many steps the engine made during a call that the service answers after 0.4 s.
local function steps_of_a_call(server)
  assert.truthy(server:get("/call?token=" .. token).body:find "^sent") -- the thread has started
  service:fault { operation = "SendEvent", delay = 0.4, count = 1 }
  local answer = server:get("/call?token=" .. token).body
  return tonumber(answer:match "^sent after (%d+) steps$"), answer
end

-- A worker that answers has started its pool's threads.
local function threads(server)
  assert.equal("pong", server:get("/ping").body)
  local master = server:pid()
  local children = process.run { "cat", ("/proc/%s/task/%s/children"):format(master, master) }
  local pid = children.stdout:match "%d+"
  return tonumber(process.run({ "sh", "-c", "ls /proc/" .. pid .. "/task | wc -l" }).stdout)
end

describe("the pump of a worker", function()
  it("steps an engine when there is something to do, and hardly else", function()
    if process.portable then return end
    local server = serve()
    local steps, answer = steps_of_a_call(server)
    assert.truthy(steps, answer)
    -- Polling would make at least 40.
    assert.truthy(steps <= 12, answer)
    assert.equal("good", server:get("/upload?token=" .. token).body)
    assert.equal("", server:stop())
  end)

  it("polls where the system cannot wake it, and says so once", function()
    local server = serve [[
      require("connectparticipant.core").watcher = function() return nil, "not here" end
    ]]
    local steps, answer = steps_of_a_call(server)
    assert.truthy(steps and steps > 12, answer)
    assert.equal("good", server:get("/upload?token=" .. token).body)
    assert.equal("", server:stop())
    local _, count = server:log():gsub("engines are polled: not here", "")
    assert.equal(1, count)
  end)

  it("polls where its connection has ended, and is woken again though calls go on", function()
    if process.portable then return end
    local server = serve [[
      local core = require "connectparticipant.core"
      local made = core.watcher
      function core.watcher()
        local path
        watcher, path = made()
        return watcher, path
      end
    ]]
    assert.truthy(server:get("/call?token=" .. token).body:find "^sent")
    local heard = #service:requests "SendEvent"
    service:fault { operation = "SendEvent", delay = 0.4, count = 1 }
    local slow = assert(socket.connect("127.0.0.1", server.port))
    slow:send(("GET /call?token=%s HTTP/1.0\r\n\r\n"):format(token))
    repeat until #service:requests "SendEvent" > heard
    server:get "/break"
    assert.truthy(slow:receive("*a"):find "sent after")
    slow:close()
    -- It is replaced while calls go on, the first of which takes longer than that.
    assert.truthy(steps_of_a_call(server))
    local steps, answer = steps_of_a_call(server)
    assert.truthy(steps and steps <= 12, answer)
    assert.equal("", server:stop())
  end)

  it("lets its thread end once all clients are closed", function()
    if process.portable then return end
    local server = serve()
    local before = threads(server)
    assert.truthy(steps_of_a_call(server))
    assert.equal(before + 1, threads(server))
    server:get "/close"
    local until_then = socket.gettime() + 10
    while threads(server) > before and socket.gettime() < until_then do
      socket.select(nil, nil, 0.05)
    end
    assert.equal(before, threads(server))
    assert.equal("", server:stop())
  end)

  it("has no thread without calls", function()
    local server = serve()
    local before = threads(server)
    assert.equal("pong", server:get("/ping").body)
    assert.equal(before, threads(server))
    assert.equal("", server:stop())
  end)
end)
