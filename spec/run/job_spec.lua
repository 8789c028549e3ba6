-- One call, however it was made: started and awaited later, cancelled, timed out, or abandoned.
local Client = require "connectparticipant.client"
local clocks = require "spec.support.clock"
local participant = require "connectparticipant"
local scheduler = require "connectparticipant.run.scheduler"
local services = require "spec.support.service"

local TOKEN = "token-of-the-connection"

local service, client
setup(function() service = services.start() end)
teardown(function() service:stop() end)
before_each(function()
  service:script {}
  client = Client.new { endpoint = service.endpoint }
end)
after_each(function() client:close() end)

local function message(own, more)
  local params = { ConnectionToken = TOKEN, ContentType = "text/plain", Content = "hello" }
  for name, value in pairs(more or {}) do params[name] = value end
  return (own or client):send_message(params)
end

local MESSAGE = { ConnectionToken = TOKEN, ContentType = "text/plain", Content = "hello" }
local FILE = { ConnectionToken = TOKEN, AttachmentName = "a.txt", body = ("x"):rep(100000) }

local function changed(params, changes)
  local copy = {}
  for name, value in pairs(params) do copy[name] = value end
  for name, value in pairs(changes) do copy[name] = value end
  return copy
end

-- How many exchanges the client's engine has in flight.
local function under_way(own)
  return tonumber(tostring((own or client).engine):match "(%d+) under way")
end

describe("a started job", function()
  it("may be waited for any number of times", function()
    local job = client:start("send_message", MESSAGE)
    assert.is_false(job:is_done())
    for _ = 1, 2 do
      local done, result, err = job:wait()
      assert.is_true(done)
      assert.equal("message-1", result.Id)
      assert.is_nil(err)
    end
    assert.is_true(job:is_done())
    assert.equal("connectparticipant.job (done)", tostring(job))
    assert.equal(1, #service:requests "message")
  end)

  it("goes on while others are waited for", function()
    service:script { message = { { hang = true } } }
    local hanging = client:start("send_message", MESSAGE)
    local upload = client:start("upload_attachment", FILE)
    local _, result, err = client:start("get_attachment",
      { ConnectionToken = TOKEN, AttachmentId = "none" }):wait()
    assert.is_nil(result)
    assert.equal("ResourceNotFoundException", err.code)
    assert.equal(100000, select(2, upload:wait()).AttachmentSizeInBytes)
    assert.same({ 100000, 100000 }, { upload:progress() })
    assert.same({ false }, { hanging:wait(0) })
    hanging:cancel()
  end)

  it("returns its error, and what a function raised as one", function()
    service:script { message = { { status = 400, error = "ValidationException" } } }
    local done, result, err = client:start("send_message", MESSAGE):wait()
    assert.same({ true, nil, "ValidationException" }, { done, result, err.code })
    done, result, err = client:start("upload_attachment", changed(FILE, {
      on_progress = function() error({ "mine" }) end })):wait()
    assert.same({ true, nil, "raised" }, { done, result, err.kind })
    assert.same({ "mine" }, err.cause)
    assert.truthy(message())
  end)

  it("wakes what waits for it at once, not when that looks again after a second", function()
    service:script { transcript = { { hang = true, always = true } } }
    local order = {}
    client:map({ "the started call", "the other call" }, function(name)
      if name == "the started call" then
        client:start("send_message", MESSAGE):wait()
      else
        client:get_transcript { ConnectionToken = TOKEN, timeout = 0.7 }
      end
      order[#order + 1] = name
    end)
    assert.same({ "the started call", "the other call" }, order)
  end)

  it("is cancelled, and releases what it had in flight", function()
    service:script { message = { { hang = true } } }
    local job = client:start("send_message", MESSAGE)
    assert.is_false((job:wait(0.01)))
    assert.equal(1, under_way())
    job:cancel()
    local done, result, err = job:wait()
    assert.same({ true, nil, "cancelled" }, { done, result, err.kind })
    assert.equal(0, under_way())
    job:cancel()
    assert.equal("cancelled", select(3, job:wait()).kind)
  end)

  it("is cancelled while it waits for another attempt", function()
    service:script { message = { { status = 503, headers = { ["Retry-After"] = "60" } } } }
    local job = client:start("send_message", MESSAGE)
    repeat job:wait(0.001) until #service:requests "message" == 1 and under_way() == 0
    job:cancel()
    assert.equal("cancelled", select(3, job:wait()).kind)
  end)

  it("is cancelled with all the calls that it consists of", function()
    service:script { start = { {}, { hang = true, always = true } } }
    local job = client:start("upload_attachments", { FILE, FILE, FILE })
    repeat job:wait(0.001) until #service:requests "complete" == 1 and under_way() == 2
    job:cancel()
    local done, results, errors = job:wait()
    assert.is_true(done)
    -- It is not known which of them reached the service first.
    local finished, cancelled = 0, 0
    for index = 1, 3 do
      if results[index] then finished = finished + 1 end
      if errors[index] and errors[index].kind == "cancelled" then cancelled = cancelled + 1 end
    end
    assert.same({ 1, 2 }, { finished, cancelled })
    assert.equal(0, under_way())
  end)

  it("ends with its client", function()
    service:script { message = { { hang = true } } }
    local job = client:start("send_message", MESSAGE)
    job:wait(0.01)
    client:close()
    local done, result, err = job:wait()
    assert.same({ true, nil, "cancelled" }, { done, result, err.kind })
  end)

  it("may be waited for in a map, and may be one", function()
    local job = client:start("upload_attachments", { FILE, FILE })
    local results = client:map({ 1, 2 }, function() return select(2, job:wait()) end)
    assert.equal(100000, results[1][1].AttachmentSizeInBytes)
    assert.equal(results[1], results[2])
  end)

  it("refuses what is not a method, and parameters that are not a table", function()
    local _, problem = pcall(client.start, client, "uplod_attachment", {})
    assert.truthy(problem:find("did you mean 'upload_attachment'?", 1, true), problem)
    assert.is_false((pcall(client.start, client, "close", {})))
    assert.is_false((pcall(client.start, client, "send_message")))
    assert.is_false((pcall(participant.start, "send_message")))
  end)
end)

describe("a call's own timeout", function()
  it("ends it, unless the client's is earlier", function()
    service:script { message = { { hang = true, always = true } } }
    local _, err = message(client, { timeout = 0.05 })
    assert.equal("timeout", err.kind)
    local own = Client.new { endpoint = service.endpoint, timeout = 0.05, max_attempts = 1 }
    _, err = message(own, { timeout = 3600 })
    assert.equal("timeout", err.kind)
    own:close()
  end)

  it("is inherited by the calls inside", function()
    service:script { message = { { hang = true, always = true } } }
    local own = Client.new { endpoint = service.endpoint, stall_timeout = 5, max_attempts = 1 }
    finally(function() own:close() end)
    local _, errors = own:map({ 1 }, function() return message(own) end, { timeout = 0.05 })
    assert.equal("timeout", errors[1].kind)
    local _, inner
    local _, err = own:upload_attachment(changed(FILE, { timeout = 0.2,
      on_progress = function()
        _, inner = message(own)
        return false
      end }))
    assert.truthy(inner.message:find "^not done within 0%.[12]%d* s", inner.message)
    assert.truthy(err.kind == "cancelled" or err.kind == "timeout")
  end)

  it("bounds a whole map, which still returns what was finished", function()
    service:script { message = { {}, { hang = true, always = true } } }
    local told = {}
    local results, errors = client:map({ "a", "b", "c", "d" }, function() return message() end,
      { concurrency = 1, timeout = 0.2, on_result = function(index, result, err)
        told[index] = result and "result" or err.kind
      end })
    assert.equal("message-1", results[1].Id)
    assert.same({ nil, "timeout", "timeout", "timeout" },
      { nil, errors[2].kind, errors[3].kind, errors[4].kind })
    assert.same({ "result", "timeout", "timeout", "timeout" }, told)
    assert.equal(0, under_way())
  end)
end)

-- Runs a coroutine until the call in it has an exchange in flight.
local function stuck(own, run)
  local co = coroutine.create(run)
  repeat assert(coroutine.resume(co)) until under_way(own) == 1
  return co
end

-- A host whose waits yield; by its clock every wait takes a moment.
local function in_coroutines()
  local clock = clocks.new()
  return Client.new({ endpoint = service.endpoint, driver = {
    wait = function(engine)
      clock.seconds = clock.seconds + 0.02
      if scheduler.can_yield() then coroutine.yield() end
      engine:wait(0.001)
    end,
    sleep = clock.driver.sleep,
  } }, clock), clock
end

describe("a call that its caller no longer waits for", function()
  it("is released within 5 s of other calls", function()
    local own, clock = in_coroutines()
    service:script { message = { { hang = true }, { hang = true } } }
    stuck(own, function() message(own) end)
    local began, waited = clock.seconds, nil
    local other = coroutine.create(function() message(own) end)
    for _ = 1, 1000 do
      assert(coroutine.resume(other))
      if under_way(own) == 1 and clock.seconds > began + 0.1 then
        waited = clock.seconds - began
        break
      end
    end
    assert.truthy(waited and waited <= 5, tostring(waited))
    own:close()
  end)

  it("is not one that is held up by a function of the caller's", function()
    local own, clock = in_coroutines()
    service:script {}
    local co
    for _ = 1, 100 do
      co = coroutine.create(function()
        return (own:map({ 1 }, function() return message(own) end))
      end)
      assert(coroutine.resume(co))
      -- On a busy machine the answer may arrive before anything has waited for it.
      if coroutine.status(co) ~= "dead" then break end
    end
    -- Something else blocks the process for an hour.
    clock.seconds = clock.seconds + 3600
    message(own)
    local ok, results
    repeat ok, results = coroutine.resume(co) until coroutine.status(co) == "dead"
    assert.is_true(ok)
    assert.equal("message-1", results[1].Id)
    own:close()
  end)

  it("is released at once when its coroutine is closed", function()
    local close = rawget(coroutine, "close")
    -- Before Lua 5.4 coroutines cannot be closed, only dropped.
    if not close then return assert.is_nil(close) end
    local own = in_coroutines()
    service:script { message = { { hang = true } } }
    local co = stuck(own, function() message(own) end)
    close(co)
    assert.equal(0, under_way(own))
    own:close()
  end)

  it("is cancelled if it is resumed after all", function()
    local own, clock = in_coroutines()
    service:script { message = { { hang = true }, { hang = true } } }
    local result, err
    local late = stuck(own, function() result, err = message(own) end)
    local other = coroutine.create(function() message(own) end)
    local began = clock.seconds
    repeat assert(coroutine.resume(other)) until clock.seconds > began + 5
    repeat assert(coroutine.resume(late)) until coroutine.status(late) == "dead"
    assert.is_nil(result)
    assert.equal("cancelled", err.kind)
    own:close()
  end)
end)

describe("closing a client", function()
  it("ends a call that sleeps between two attempts", function()
    local own, clock = in_coroutines()
    service:script { message = { { status = 503, headers = { ["Retry-After"] = "4" } } } }
    local _, err
    local co = coroutine.create(function() _, err = message(own) end)
    clock.driver.sleep = nil
    own.loop.driver.sleep = function() coroutine.yield "sleeps" end
    local what
    repeat _, what = coroutine.resume(co) until what == "sleeps"
    own:close()
    assert(coroutine.resume(co))
    assert.equal("dead", coroutine.status(co))
    assert.equal("cancelled", err.kind)
  end)
end)
