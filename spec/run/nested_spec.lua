-- A call in one of whose functions, or in a started job's, another call waits.
local Client = require "connectparticipant.client"
local clocks = require "spec.support.clock"
local job_of = require "connectparticipant.run.job"
local services = require "spec.support.service"

local TOKEN = "token-of-the-connection"
local MESSAGE = { ConnectionToken = TOKEN, ContentType = "text/plain", Content = "hello" }
local FILE = { ConnectionToken = TOKEN, AttachmentName = "a.txt", body = "abc" }

local service, events
setup(function() service = services.start() end)
teardown(function() service:stop() end)
before_each(function() events = {} end)

-- A client whose time passes by a second whenever somebody looks.
local function hurried(options)
  local clock = clocks.new()
  function clock.now()
    clock.seconds = clock.seconds + 1
    return clock.seconds
  end
  options.endpoint = service.endpoint
  options.driver = options.driver or { wait = clock.driver.wait, sleep = function() end }
  return Client.new(options, clock)
end

local function many_calls(client)
  for _ = 1, 30 do assert(client:get_transcript { ConnectionToken = TOKEN }) end
end

describe("a call", function()
  for _, driver in ipairs { "blocking", "host" } do
    it("is not abandoned while its logger waits for others, in a coroutine, with the driver "
      .. driver, function()
      service:script { message = { { status = 500 }, {} } }
      local client, once
      client = hurried { driver = driver == "blocking" and driver or nil, logger = function()
        if once then return end
        once = true
        coroutine.wrap(function() many_calls(client) end)()
      end }
      assert(client:send_message(MESSAGE))
      client:close()
    end)

    it("is not abandoned while a started job's function waits for others, with the driver "
      .. driver, function()
      service:script { message = { { hang = true } } }
      local client, done
      client = hurried { driver = driver == "blocking" and driver or nil, stall_timeout = 1,
        max_attempts = 1 }
      client:start("upload_attachment", { ConnectionToken = TOKEN, AttachmentName = "a.txt",
        AttachmentSizeInBytes = 1, read = function()
          if done then return nil end
          done = true
          -- gsub's function cannot yield.
          ;("x"):gsub("x", function() many_calls(client) end)
          return "x"
        end })
      local _, err = client:send_message(MESSAGE)
      assert.is_true(done)
      assert.equal("timeout", err.kind)
      client:close()
    end)
  end

  it("is not abandoned while a hook, as a signal's handler sets one, waits for others", function()
    service:script { message = { { hang = true } } }
    local client = hurried { driver = "blocking", stall_timeout = 1, max_attempts = 1 }
    local hook, mask, count = debug.gethook()
    local done
    debug.sethook(function()
      if done or not next(client.loop.alive) then return end
      done = true
      coroutine.wrap(function() many_calls(client) end)()
    end, "", 1)
    local _, err = client:send_message(MESSAGE)
    debug.sethook(hook, mask, count)
    assert.is_true(done)
    assert.equal("timeout", err.kind)
    client:close()
  end)

  it("is told the state after on_progress, in which another call may have moved the engine",
    function()
      local client, state = hurried {}, "run"
      local exchange = {
        state = function() return state end, cancel = function() end, id = function() return 1 end,
      }
      client.loop.await = function() return state end
      local told = job_of.run(client, nil, function(job)
        job:call_each_second(function() state = "done" end)
        return select(2, job:await(exchange))
      end)
      assert.equal("done", told)
      client:close()
    end)

  it("that a started job's on_progress ends, with its client, is logged and counted", function()
    service:script { start = { { hang = true } }, message = { { hang = true } } }
    local client
    client = Client.new { endpoint = service.endpoint,
      logger = function(event) events[#events + 1] = event.operation .. " " .. event.kind end }
    local params = { on_progress = function() client:close() end }
    for name, value in pairs(FILE) do params[name] = value end
    local job = client:start("upload_attachment", params)
    client:send_message(MESSAGE)
    local _, _, err = job:wait()
    assert.equal("cancelled", err.kind)
    table.sort(events)
    assert.same({ "SendMessage cancelled", "StartAttachmentUpload cancelled" }, events)
    assert.equal(1, client:metrics().calls.StartAttachmentUpload.cancelled)
  end)
end)
