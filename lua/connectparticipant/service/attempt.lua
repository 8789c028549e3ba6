-- One request until it succeeds, or may not be repeated any more: attempts, waits between them, the
-- quota and the pace of the client, and one log event an attempt. Knows nothing of what is sent.

local failure = require "connectparticipant.error"
local retry = require "connectparticipant.pace.retry"

local attempt = {}

---@class connectparticipant.Job what is attempted, once; attempts are counted in it
---@field operation string
---@field step? string
---@field pace? string what the pace is kept for, where it is not the operation
---@field send fun(job, call, timeout?: number): userdata|nil, table|nil makes an attempt's exchange
---@field drive? fun(job, call, exchange): table|nil runs it to its end; may give an error of ours
---@field verdict? fun(job, err: table): boolean|nil whether to repeat; nil: as err.retryable says
---@field done_code? string the service's word for "already done", once an attempt's end is unknown
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

-- Whether the service may have done what was asked although the attempt failed.
local function is_unknown(err)
  if err.kind == "timeout" or err.kind == "transport" then return not NEVER_SENT[err.code] end
  return (err.status or 0) >= 500 and not err.throttled
end

local function drive(call, job, exchange)
  local own
  call.exchange = exchange
  if job.drive then
    own = job:drive(call, exchange)
  else
    while exchange:state() ~= "done" do call:await(exchange) end
  end
  call.exchange = nil
  if not own then return exchange:result() end
  exchange:cancel()
  return nil, own
end

local function log(logger, job, exchange, err, delay)
  local info = exchange and exchange:info() or {}
  logger {
    operation = job.operation,
    step = job.step,
    attempt = job.attempt,
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
local function is_repeatable(call, job, err)
  if call.loop.closed then return false end
  local verdict = job.verdict and job:verdict(err)
  if verdict ~= nil then return verdict end
  return err.retryable
end

-- Seconds until the next attempt; nil when there is none.
local function delay_after(call, job, err)
  local client = call.client
  if not is_repeatable(call, job, err) then return nil end
  local patient = call.patient and err.throttled
  if not patient and job.counted >= client.config.max_attempts then return nil end
  local delay = retry.delay(job.attempt - 1, err.throttled, err.retry_after,
    client.loop.clock.random)
  local left = patient and call:patience() or call:left()
  if left and delay >= left then return nil end
  -- A patient call keeps to the pace instead: it must outlast what empties the quota.
  if patient then return delay end
  job.cost = client.quota:acquire(err.throttled)
  return job.cost and delay
end

-- Waits for the call's turn after throttling. Gives an error when that would take too long; then
-- the seconds that are left, if they are counted.
local function keep_pace(call, job, last)
  local wait = call.client.pace:reserve(job.pace or job.operation)
  if wait > 0 then
    if wait >= call:patience() then
      return last or failure.timeout("the service throttles, and no time is left to wait", job)
    end
    call:sleep(wait)
  end
  local left = call:left()
  if left and left <= 0 then
    return last or failure.timeout("no time is left to send the request", job)
  end
  if call.loop.closed then return failure.cancelled("the client was closed", job) end
  return nil, left
end

local function try(call, job, left)
  job.attempt = job.attempt + 1
  local exchange, err = job:send(call, left)
  if not exchange then return nil, err end
  job.sent = job.attempt
  local result
  result, err = drive(call, job, exchange)
  return result, err, exchange
end

local function succeeded(call, job, exchange, result)
  local client = call.client
  client.quota:release(job.cost)
  client.pace:succeeded(job.pace or job.operation)
  if result.ResponseMetadata then result.ResponseMetadata.RetryAttempts = job.attempt - 1 end
  exchange:release()
  return result
end

local function failed(job, err)
  err.attempts = job.sent
  err.step = err.step or job.step
  return nil, err
end

--- Runs the job to its end.
---@param call connectparticipant.Call
---@param job connectparticipant.Job
---@return table|nil result
---@return table|nil err
function attempt.run(call, job)
  local logger = call.client.options.logger
  local last
  job.attempt, job.counted = 0, 0
  while true do
    local problem, left = keep_pace(call, job, last)
    if problem then return failed(job, problem) end
    local result, err, exchange = try(call, job, left)
    if err and job.doubt and job.done_code and err.code == job.done_code then
      result, err = {}, nil
    end
    if result then
      if logger then log(logger, job, exchange) end
      return succeeded(call, job, exchange, result)
    end
    job.doubt = job.doubt or is_unknown(err)
    if err.throttled then call.client.pace:throttled(job.pace or job.operation) end
    if not (call.patient and err.throttled) then job.counted = job.counted + 1 end
    local delay = delay_after(call, job, err)
    if logger then log(logger, job, exchange, err, delay) end
    if not delay then return failed(job, err) end
    last = err
    call:sleep(delay)
  end
end

return attempt
