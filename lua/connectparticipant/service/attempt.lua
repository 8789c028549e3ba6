-- Attempts a request until it succeeds or must not be repeated: waits between attempts, the
-- client's retry quota and pace, and a log event per attempt. What is sent is up to the `Work`.

local failure = require "connectparticipant.error"
local retry = require "connectparticipant.pace.retry"
local turn = require "connectparticipant.pace.turn"

local attempt = {}

---@class connectparticipant.Work what to attempt; `run` also keeps its state in it
---@field operation string
---@field step? string
---@field pace? string whose pace to keep, if not the operation's
---@field changes? boolean whether it changes something, so that it matters whether a failed
--- request was carried out nevertheless
---@field request? userdata an exchange that every `send` returns; released at the end
---@field send fun(work, job, timeout?: number): userdata|nil, table|nil starts an attempt; returns
--- its exchange
---@field drive? fun(work, job, exchange): table|nil waits for it to end; may return an error of
--- our own
---@field verdict? fun(work, err: table): boolean|nil whether to repeat; nil: use err.retryable
---@field attempt integer how many were started
---@field sent? integer the last one that was handed to libcurl
---@field counted integer failures that count against max_attempts
---@field flow? connectparticipant.Flow of a transfer
---@field moved? integer bytes of a transfer that have arrived, as far as that is known
---@field doubt? boolean whether a failed attempt may have been carried out
---@field cost? integer what the last retry cost from the quota
---@field turn? connectparticipant.Turn its turn in the pace
---@field waited? number seconds that this attempt waited for its turn

-- With these codes the request cannot have reached the service, unless libcurl had sent it before.
local NEVER_SENT = {
  COULDNT_CONNECT = true, COULDNT_RESOLVE_HOST = true, COULDNT_RESOLVE_PROXY = true,
  SSL_CONNECT_ERROR = true, PEER_FAILED_VERIFICATION = true, FAILED_INIT = true,
}

-- Whether the service may have carried out a failed request. An unreadable answer means that it
-- has, unless its status is a refusal. When a kept connection ends unanswered, libcurl sends the
-- request again by itself, and what it reports then says nothing about the first time.
local function is_doubtful(err, sendings)
  local kind, status = err.kind, err.status or 0
  if sendings > 1 then return true end
  if kind == "timeout" or kind == "transport" then
    return sendings > 0 or not NEVER_SENT[err.code]
  end
  if kind == "protocol" then return status < 300 or status >= 500 end
  return kind == "cancelled" or status >= 500 and not err.throttled
end

local function log(job, work, exchange, err, delay)
  local logger = job.client.options.logger
  if not logger then return end
  local info = exchange and exchange:info() or {}
  job:callback(logger, {
    operation = work.operation,
    step = work.step,
    attempt = work.attempt,
    status = info.status,
    code = err and err.code,
    kind = err and err.kind,
    seconds = info.seconds or 0,
    bytes_sent = info.bytes_sent or 0,
    bytes_received = info.bytes_received or 0,
    reused = info.reused or false,
    request_id = err and err.request_id or info.request_id,
    waited = work.waited,
    delay = delay,
  })
end

-- Completes the error for the caller.
local function failed(work, err)
  err.operation = err.operation or work.operation
  err.step = err.step or work.step
  err.attempts = work.sent
  if work.doubt and work.changes then err.outcome = "unknown" end
  return nil, err
end

-- The same for an attempt that was prepared but not sent: gives back its turn and its cost.
local function not_sent(job, work, err)
  if work.turn then work.turn:give_back() end
  if work.cost then job.client.quota:release(work.cost) end
  if work.request then work.request:release() end
  return failed(work, err)
end

-- Waits for the work's turn. Returns why the attempt cannot be made, or nil.
local function wait_for_turn(job, work, last)
  local waited, stopped = turn.wait(job, work)
  if not waited then
    local refusal = failure.timeout("throttled, and the next turn comes after the deadline", work)
    log(job, work, nil, refusal)
    return last or refusal
  end
  work.waited = waited > 0 and waited or nil
  return stopped
end

-- Checks that the job may go on, and waits for its turn if it keeps a pace. Returns the seconds
-- left until the deadline, or nil if there is none; or nil and why the attempt cannot be made.
local function get_ready(job, work, paced, last)
  local stopped = job:problem() or paced and wait_for_turn(job, work, last)
  if stopped then return nil, stopped end
  local left = job:left()
  if left and left <= 0 then
    return nil, last or failure.timeout("the deadline passed before the request was sent", work)
  end
  return left
end

-- Waits for an exchange to end; returns its result, or nil and an error.
local function drive(job, work, exchange)
  local own, state
  job.exchange = exchange
  if work.drive then
    own = work:drive(job, exchange)
  else
    repeat own, state = job:await(exchange) until own or state == "done"
  end
  job.exchange = nil
  if work.flow then work.moved = work.flow:moved(exchange) end
  if not own then return exchange:result() end
  exchange:cancel()
  return nil, own
end

local function report(job, work, err)
  local refused = err and err.throttled or false
  if refused or not err or err.status then
    job.client.pace:report(work.pace or work.operation, refused, job)
  end
end

local function succeeded(job, work, exchange, result)
  job.client.quota:release(work.cost)
  local retries = work.attempt - 1
  if retries > 0 and result.ResponseMetadata then
    result.ResponseMetadata.RetryAttempts = retries
  end
  exchange:release()
  return result
end

-- Whether the error, and the kind of request, permit another attempt.
local function is_repeatable(job, work, err)
  if job:problem() then return false end
  local verdict = work.verdict and work:verdict(err)
  if verdict ~= nil then return verdict end
  return err.retryable
end

-- Seconds until the next attempt; nil: no further attempt.
local function delay_after(job, work, err)
  local client = job.client
  if not is_repeatable(job, work, err) then return nil end
  local patient = job.patient and err.throttled
  if not patient and work.counted >= client.config.max_attempts then return nil end
  local delay = retry.delay(work.attempt - 1, err.throttled, err.retry_after, job.clock.random)
  local left = patient and job:patience() or job:left()
  if left and delay >= left then return nil end
  -- A patient job does not draw on the quota, which long throttling would exhaust; the pace limits
  -- it.
  if patient then return delay end
  work.cost = client.quota:acquire(err.throttled, job)
  return work.cost and delay
end

-- Handles a failed attempt. Returns the seconds until the next one, or nil.
local function judge(job, work, exchange, err)
  if err.throttled then job.client.counters:throttle(work) end
  work.cost = nil
  work.doubt = work.doubt or is_doubtful(err, exchange:info().sendings)
  if not (job.patient and err.throttled) then work.counted = work.counted + 1 end
  local delay = delay_after(job, work, err)
  log(job, work, exchange, err, delay)
  -- If the exchange will not be sent again, free its buffers now instead of at its collection.
  if not delay or exchange ~= work.request then exchange:release() end
  return delay
end

local function attempt_all(job, work)
  local paced, last = job.patient or job.client.paced, nil
  work.attempt, work.counted = 0, 0
  while true do
    local left, problem = get_ready(job, work, paced, last)
    if problem then return not_sent(job, work, problem) end
    work.attempt = work.attempt + 1
    local exchange, refusal = work:send(job, left)
    if not exchange then return not_sent(job, work, refusal) end
    work.sent = work.attempt
    if work.turn then work.turn:use() end
    local result, err = drive(job, work, exchange)
    if paced then report(job, work, err) end
    if result then
      if job.client.options.logger then log(job, work, exchange) end
      return succeeded(job, work, exchange, result)
    end
    local delay = judge(job, work, exchange, err)
    if not delay then return failed(work, err) end
    last = err
    local stopped = job:sleep(delay)
    if stopped then return not_sent(job, work, stopped) end
  end
end

--- Attempts the work until it succeeds or must not be repeated.
---@param job connectparticipant.Job
---@param work connectparticipant.Work
---@return table|nil result
---@return connectparticipant.Error|nil err its `outcome` is "unknown" if the service may have
--- carried out the request
function attempt.run(job, work)
  local client, now = job.client, job.clock.now
  local began = now()
  local result, err = attempt_all(job, work)
  client.counters:call(work, now() - began, err)
  return result, err
end

return attempt
