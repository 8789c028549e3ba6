-- Other hosts: what a scheduler needs to run calls together with its other work.
local has_cqueues, cqueues = pcall(require, "cqueues") -- Debian has none for Lua 5.5
local faults = require "spec.support.faults"
local participant = require "connectparticipant"
local process = require "spec.support.process"

-- Without epoll there is no descriptor, and hosts wait for the engine's timeout.
local DESCRIPTOR = process.portable and "nil" or "number"

local server
setup(function() server = faults.start() end)
teardown(function() server:stop() end)

-- An answer that has not come whole before the call waits for it, however quick the server is.
local function late()
  return { body = "{}", drip = 0.01 }
end

local function call(client)
  return client:upload_attachment { ConnectionToken = "token", body = ("x"):rep(50000),
    AttachmentName = "a.txt" }
end

describe("cqueues", function()
  if has_cqueues then it("polls the engine, and runs others meanwhile", function()
    local polls = 0
    local client = participant.new { endpoint = server.url, driver = {
      wait = function(engine, seconds)
        polls = polls + 1
        assert.equal("r", engine:events())
        assert.equal(DESCRIPTOR, type(engine:pollfd()))
        cqueues.poll(engine, seconds)
      end,
      sleep = cqueues.sleep,
    } }
    server:script { faults.started(), faults.stored(), late(), faults.started(),
      faults.stored(), faults.ok() }
    local queue, done, ticks = cqueues.new(), {}, 0
    -- The behaviours come in order, so the second begins when the first has ended.
    queue:wrap(function()
      done[1] = assert(call(client))
      done[2] = assert(call(client))
    end)
    queue:wrap(function()
      while not done[2] do
        ticks = ticks + 1
        cqueues.sleep(0.001)
      end
    end)
    assert(queue:loop())
    assert.equal(50000, done[2].AttachmentSizeInBytes)
    assert.truthy(polls > 0 and ticks > 0)
    client:close()
  end) end

  it("does not wait for the engine when nothing is under way", function()
    local engine = require("connectparticipant.core").engine()
    assert.is_nil(engine:timeout())
    assert.equal(DESCRIPTOR, type(engine:pollfd()))
    engine:close()
  end)
end)

describe("a scheduler of plain coroutines", function()
  it("gets control whenever a call waits, and resumes any coroutine", function()
    local client = participant.new { endpoint = server.url, driver = {
      wait = function(engine)
        coroutine.yield "waiting"
        engine:wait(0.001)
      end,
      sleep = function() coroutine.yield "sleeping" end,
    } }
    server:script { faults.started(), faults.stored(), late() }
    local routine, yields = coroutine.create(function() return call(client) end), 0
    local result
    repeat
      local ok, value = coroutine.resume(routine)
      assert.is_true(ok, value)
      if value == "waiting" then yields = yields + 1 end
      result = value
    until coroutine.status(routine) == "dead"
    assert.truthy(yields > 0)
    assert.equal("attachment-1", result.AttachmentId)
    client:close()
  end)
end)
