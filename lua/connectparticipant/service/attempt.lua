-- One request until it succeeds, or may not be repeated any more: attempts, waits between them, the
-- quota and the pace of the client, and one log event an attempt. Knows nothing of what is sent.

local failure = require "connectparticipant.error"
local retry = require "connectparticipant.pace.retry"

local attempt = {}

---@class connectparticipant.Work what is attempted, once; attempts are counted in it
---@field operation string
---@field step? string
---@field pace? string what the pace is kept for, where it is not the operation
---@field send fun(work, job, timeout?: number): userdata|nil, table|nil makes an attempt's exchange
---@field drive? fun(work, job, exchange): table|nil runs it to its end; may give an error of ours
---@field verdict? fun(work, err: table): boolean|nil whether to repeat; nil: as err.retryable says
---@field attempt integer how many were begun
---@field sent? integer the last that libcurl took
---@field counted integer how many failures count against max_attempts
---@field doubt? boolean whether the service may have done what was asked in one that failed
---@field cost? integer what the last retry took from the quota

-- The request cannot have arrived, so these leave no doubt.
local NEVER_SENT = {
  COULDNT_CONNECT = true, COULDNT_RESOLVE_HOST = true, COULDNT_RESOLVE_PROXY = true,
  SSL_CONNECT_ERROR = true, PEER_FAILED_VERIFICATION = true, FAILED_INIT = true,
}

-- Whether the service may have done what was asked although the attempt failed: a success that can
-- not be read was one all the same.
local function is_unknown(err)
  if err.kind == "timeout" or err.kind == "transport" then return not NEVER_SENT[err.code] end
  local status = err.status or 0
  if err.kind == "protocol" then return status >= 200 and status < 300 end
  return err.kind == "cancelled" or status >= 500 and not err.throttled
end

local function drive(job, work, exchange)
  local own
  job.exchange = exchange
  if work.drive then
    own = work:drive(job, exchange)
  else
    while not own and exchange:state() ~= "done" do own = job:await(exchange) end
  end
  job.exchange = nil
  if not own then return exchange:result() end
  exchange:cancel()
  return nil, own
end

local function log(logger, work, exchange, err, delay)
  local info = exchange and exchange:info() or {}
  logger {
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
    delay = delay,
  }
end

-- Whether the nature of the error, and of what is sent, allow another attempt.
local function is_repeatable(job, work, err)
  if job.loop.closed then return false end
  local verdict = work.verdict and work:verdict(err)
  if verdict ~= nil then return verdict end
  return err.retryable
end

-- Seconds until the next attempt; nil when there is none.
local function delay_after(job, work, err)
  local client = job.client
  if not is_repeatable(job, work, err) then return nil end
  local patient = job.patient and err.throttled
  if not patient and work.counted >= client.config.max_attempts then return nil end
  local delay = retry.delay(work.attempt - 1, err.throttled, err.retry_after,
    client.loop.clock.random)
  local left = patient and job:patience() or job:left()
  if left and delay >= left then return nil end
  -- A patient job keeps to the pace instead: it must outlast what empties the quota.
  if patient then return delay end
  work.cost = client.quota:acquire(err.throttled)
  return work.cost and delay
end

-- Waits for the job's turn after throttling. Gives an error when that would take too long; then
-- the seconds that are left, if they are counted.
local function keep_pace(job, work, last)
  local wait = job.client.pace:reserve(work.pace or work.operation)
  if wait > 0 then
    if wait >= job:patience() then
      return last or failure.timeout("the service throttles, and no time is left to wait", work)
    end
    job:sleep(wait)
  end
  local left = job:left()
  if left and left <= 0 then
    return last or failure.timeout("no time is left to send the request", work)
  end
  if job.loop.closed then return failure.cancelled("the client was closed", work) end
  return nil, left
end

local function try(job, work, left)
  work.attempt = work.attempt + 1
  local exchange, err = work:send(job, left)
  if not exchange then return nil, err end
  work.sent = work.attempt
  local result
  result, err = drive(job, work, exchange)
  return result, err, exchange
end

local function succeeded(job, work, exchange, result)
  local client = job.client
  client.quota:release(work.cost)
  client.pace:succeeded(work.pace or work.operation)
  if result.ResponseMetadata then result.ResponseMetadata.RetryAttempts = work.attempt - 1 end
  exchange:release()
  return result
end

local function failed(work, err)
  err.attempts = work.sent
  if work.doubt and not work.drive then err.outcome = "unknown" end
  err.operation = err.operation or work.operation
  err.step = err.step or work.step
  return nil, err
end

--- Runs the work to its end.
---@param job connectparticipant.Job
---@param work connectparticipant.Work
---@return table|nil result
---@return table|nil err
function attempt.run(job, work)
  local logger = job.client.options.logger
  local last
  work.attempt, work.counted = 0, 0
  while true do
    local problem, left = keep_pace(job, work, last)
    if problem then return failed(work, problem) end
    local result, err, exchange = try(job, work, left)
    if result then
      if logger then log(logger, work, exchange) end
      return succeeded(job, work, exchange, result)
    end
    work.doubt = work.doubt or is_unknown(err)
    if err.throttled then job.client.pace:throttled(work.pace or work.operation) end
    if not (job.patient and err.throttled) then work.counted = work.counted + 1 end
    local delay = delay_after(job, work, err)
    if logger then log(logger, work, exchange, err, delay) end
    if not delay then return failed(work, err) end
    last = err
    local stopped = job:sleep(delay)
    if stopped then return failed(work, stopped) end
  end
end

return attempt
