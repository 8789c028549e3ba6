-- Attempts, and the waits between them: with a scripted job and scripted exchanges, so that neither
-- time nor the network is needed.
local attempt = require "connectparticipant.service.attempt"
local clocks = require "spec.support.clock"
local failure = require "connectparticipant.error"
local metrics = require "connectparticipant.service.metrics"
local pace = require "connectparticipant.pace"
local retry = require "connectparticipant.pace.retry"

local START = "StartAttachmentUpload"

local Job = {}
Job.__index = Job

function Job:left() return self.deadline and self.deadline - self.clock.now() end
function Job:patience() return (self.deadline or 1300) - self.clock.now() end
function Job:problem() return self.stopped end
function Job.callback(_, fn, ...) return fn(...) end
function Job:hold(object, method) self.held[#self.held + 1] = { object, method } end
function Job:await(exchange)
  exchange.done = true
  return self.stopped, exchange:state()
end

function Job:sleep(seconds)
  self.slept[#self.slept + 1] = seconds
  self.clock.seconds = self.clock.seconds + seconds
  return self.interrupt and self:interrupt() or self.stopped
end

local Exchange = {}
Exchange.__index = Exchange

function Exchange:state() return self.done and "done" or "run" end
function Exchange:info()
  local sendings = type(self.answer) == "table" and self.answer.sendings or 0
  return { status = self.status, seconds = 0.1, sendings = sendings }
end
function Exchange:result()
  if self.answer == "ok" then return { ResponseMetadata = {} } end
  return nil, self.answer
end
function Exchange:cancel() self.cancelled = true end
function Exchange:release() self.released = true end

local function throttling()
  local err = failure.protocol("ThrottlingException", "slow down")
  err.kind, err.status, err.throttled, err.retryable = "service", 429, true, true
  return err
end

local function service_error(status, code, retryable)
  local err = failure.protocol(code, "no")
  err.kind, err.status, err.retryable = "service", status, retryable
  return err
end

describe("attempt.run", function()
  local client, events, clock

  before_each(function()
    clock, events = clocks.new(), {}
    client = {
      counters = metrics.new(), config = { max_attempts = 3 }, paced = false,
      quota = retry.quota(), pace = pace.new(clock.now), options = {
        logger = function(event) events[#events + 1] = event end,
      },
    }
  end)

  local function new_job(changes)
    local job = setmetatable({ client = client, clock = clock, slept = {}, held = {} }, Job)
    for name, value in pairs(changes or {}) do job[name] = value end
    return job
  end

  -- The work to attempt; it gets `answers` one after another, and "ok" from then on.
  local function new_work(answers, changes)
    local work = { operation = START, step = "start", changes = true, exchanges = {} }
    function work.send(self)
      local exchange = setmetatable({ answer = answers[#self.exchanges + 1] or "ok" }, Exchange)
      self.exchanges[#self.exchanges + 1] = exchange
      return exchange
    end
    for name, value in pairs(changes or {}) do work[name] = value end
    return work
  end

  local function tokens()
    return client.quota.tokens.left
  end

  -- Has the service throttle until turns are half a second apart, and none is free.
  local function throttle(turns)
    client.pace:report(START, true)
    for _ = 1, turns or 0 do client.pace:reserve(START) end
  end

  describe("of a client that keeps no pace", function()
    it("waits after throttling as the retry numbers say, and then for nothing", function()
      local job = new_job()
      assert(attempt.run(job, new_work { throttling() }))
      for _ = 1, 20 do assert(attempt.run(job, new_work {})) end
      assert.same({ 0.5 }, job.slept)
      for _, event in ipairs(events) do assert.is_nil(event.waited) end
    end)

    it("ignores a pace that others have found", function()
      throttle(10)
      local job = new_job()
      assert(attempt.run(job, new_work {}))
      assert.same({}, job.slept)
    end)
  end)

  for _, case in ipairs { { "of a client that keeps a pace", true, false },
    { "in a patient job", false, true } } do
    it(case[1] .. " keeps the pace, and logs what it waited", function()
      client.paced = case[2]
      local job = new_job { patient = case[3] }
      assert(attempt.run(job, new_work { throttling() }))
      for _ = 1, 5 do assert(attempt.run(job, new_work {})) end
      local waited = 0
      for _, event in ipairs(events) do waited = waited + (event.waited or 0) end
      assert.truthy(waited > 0.4, waited)
      assert.near(clock.seconds - 1000, waited + 0.5, 1e-6)
      assert.is_nil(events[1].waited)
    end)
  end

  it("asks again when the queue is long, and gets its turn", function()
    throttle(100)
    local job = new_job { patient = true }
    assert(attempt.run(job, new_work {}))
    assert.truthy(#job.slept > 1)
    assert.near(clock.seconds - 1000, events[1].waited, 1e-6)
  end)

  it("waits anew when the service refuses others meanwhile", function()
    throttle(4)
    local job = new_job { patient = true }
    job.interrupt = function(self)
      self.interrupt = nil
      client.pace:report(START, true)
    end
    assert(attempt.run(job, new_work {}))
    assert.equal(2, #job.slept)
  end)

  describe("that is refused because its turn would come too late", function()
    before_each(function()
      client.paced = true
      throttle(5)
    end)

    it("sends nothing, reports why, and logs it", function()
      local work = new_work {}
      local result, err = attempt.run(new_job { deadline = clock.seconds + 1 }, work)
      assert.is_nil(result)
      assert.equal("timeout", err.kind)
      assert.truthy(err.message:find("throttled", 1, true))
      assert.equal(START, err.operation)
      assert.equal("start", err.step)
      assert.is_nil(err.attempts)
      assert.is_nil(err.outcome)
      assert.equal(0, #work.exchanges)
      assert.equal("timeout", events[1].kind)
    end)

    it("takes no place in the queue", function()
      for _ = 1, 100 do attempt.run(new_job { deadline = clock.seconds + 1 }, new_work {}) end
      local job = new_job { deadline = clock.seconds + 20 }
      assert(attempt.run(job, new_work {}))
      assert.near(3, job.slept[1], 1e-5)
    end)

    it("gives the last error, and the token of the retry back", function()
      local work = new_work { throttling() }
      local job = new_job { deadline = clock.seconds + 4 }
      job.interrupt = function(self)
        if #work.exchanges == 1 then throttle(10) end
        self.interrupted = true
      end
      local _, err = attempt.run(job, work)
      assert.equal("ThrottlingException", err.code)
      assert.equal(1, err.attempts)
      assert.equal(500, tokens())
    end)
  end)

  describe("that is stopped", function()
    local function stop(self) self.stopped = failure.cancelled("stopped by the spec") end

    it("while it waits for its turn gives the turn back", function()
      throttle(1)
      local job = new_job { patient = true, interrupt = stop }
      local _, err = attempt.run(job, new_work {})
      assert.equal("cancelled", err.kind)
      assert.equal("start", err.step)
      clock.seconds = 1000
      assert.near(1, (client.pace:reserve(START)), 1e-5)
    end)

    it("without ever being resumed gives the turn back, too", function()
      throttle(1)
      local job = new_job { patient = true }
      job.interrupt = function() error("killed", 0) end
      assert.is_false(pcall(attempt.run, job, new_work {}))
      for _, held in ipairs(job.held) do held[1][held[2]](held[1]) end
      clock.seconds = 1000
      assert.near(1, (client.pace:reserve(START)), 1e-5)
    end)

    -- As when on_progress, which is called while the job sleeps, returns false.
    it("before a retry gives the quota's token back", function()
      local interrupt = function() return failure.cancelled("on_progress returned false") end
      local _, err = attempt.run(new_job { interrupt = interrupt },
        new_work { service_error(500, "InternalServerException", true) })
      assert.equal("cancelled", err.kind)
      assert.equal(500, tokens())
    end)

    it("while the request is under way cancels it, and does not know its outcome", function()
      local work = new_work {}
      local _, err = attempt.run(new_job { await = function(self)
        stop(self)
        return self.stopped
      end }, work)
      assert.equal("cancelled", err.kind)
      assert.equal("unknown", err.outcome)
      assert.is_true(work.exchanges[1].cancelled)
    end)

    it("before it begins sends nothing", function()
      local work = new_work {}
      local job = new_job()
      stop(job)
      local _, err = attempt.run(job, work)
      assert.equal("cancelled", err.kind)
      assert.is_nil(err.outcome)
      assert.equal(0, #work.exchanges)
    end)
  end)

  it("gives turn and token back when the request cannot be made", function()
    throttle(1)
    local work = new_work {}
    work.send = function() return nil, failure.validation { "no such thing" } end
    local _, err = attempt.run(new_job { patient = true }, work)
    assert.equal("validation", err.kind)
    clock.seconds = 1000
    assert.near(1, (client.pace:reserve(START)), 1e-5)
    assert.equal(500, tokens())
  end)

  it("counts retries in the result, attempts in the error, and what they cost", function()
    local broken = service_error(500, "InternalServerException", true)
    local result = assert(attempt.run(new_job(), new_work { broken, broken }))
    assert.equal(2, result.ResponseMetadata.RetryAttempts)
    assert.equal(500 - 14, tokens())
    local _, err = attempt.run(new_job(), new_work { broken, broken, broken })
    assert.equal(3, err.attempts)
    assert.equal(500 - 3 * 14, tokens())
  end)

  it("ends at its deadline with the last error, without waiting for it", function()
    local broken = service_error(500, "InternalServerException", true)
    broken.retry_after = 3
    local job = new_job { deadline = clock.seconds + 2 }
    local _, err = attempt.run(job, new_work { broken })
    assert.equal("InternalServerException", err.code)
    assert.same({}, job.slept)
    assert.equal(500, tokens())
  end)

  it("releases every answer that it no longer needs", function()
    local broken = service_error(500, "InternalServerException", true)
    local work = new_work { broken, broken, broken }
    attempt.run(new_job(), work)
    for _, exchange in ipairs(work.exchanges) do assert.is_true(exchange.released) end
  end)

  describe("reports the outcome as unknown", function()
    local function outcome_of(answers, changes)
      local _, err = attempt.run(new_job(), new_work(answers, changes))
      return err.outcome
    end
    local conflict, refusal
    before_each(function()
      conflict = service_error(409, "ConflictException", false)
      refusal = service_error(403, "AccessDeniedException", false)
    end)

    it("once an attempt may have been carried out, whatever the last one says", function()
      local broken = service_error(500, "InternalServerException", true)
      local lost = failure.timeout("no answer", { retryable = true })
      assert.equal("unknown", outcome_of { broken, conflict })
      assert.equal("unknown", outcome_of { lost, conflict })
      assert.equal("unknown", outcome_of { lost, refusal })
      assert.equal("unknown", outcome_of { broken, broken, broken })
    end)

    it("when an answer cannot be read, and is not a refusal", function()
      local function unreadable(status)
        return outcome_of { failure.protocol("InvalidResponse", "half of it", { status = status }) }
      end
      for _, status in ipairs { 200, 204, 500 } do assert.equal("unknown", unreadable(status)) end
      assert.equal("unknown", unreadable(nil))
      assert.is_nil(unreadable(403))
    end)

    it("where libcurl had sent it once more, whatever answered that", function()
      local unsent = failure.timeout("no server", { retryable = false })
      unsent.kind, unsent.code, unsent.sendings = "transport", "COULDNT_CONNECT", 1
      assert.equal("unknown", outcome_of { unsent })
      refusal.sendings = 2
      assert.equal("unknown", outcome_of { refusal })
    end)

    it("but not when the service has refused, or cannot have heard of it", function()
      local unsent = failure.timeout("no server", { retryable = true })
      unsent.kind, unsent.code = "transport", "COULDNT_CONNECT"
      assert.is_nil(outcome_of { conflict })
      assert.is_nil(outcome_of { unsent, conflict })
      assert.is_nil(outcome_of { throttling(), throttling(), throttling() })
    end)

    it("but not of what changes nothing", function()
      local broken = service_error(500, "InternalServerException", true)
      assert.is_nil(outcome_of({ broken, broken, broken }, { changes = false }))
    end)
  end)
end)
