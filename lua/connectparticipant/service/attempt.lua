-- One request until it succeeds, or may not be repeated any more: attempts, waits between them, the
-- quota and the pace of the client, and one log event an attempt. Knows nothing of what is sent.

local failure = require "connectparticipant.error"
local retry = require "connectparticipant.pace.retry"
local turn = require "connectparticipant.pace.turn"

local attempt = {}

---@class connectparticipant.Work what is attempted once; `run` keeps in it what happened
---@field operation string
---@field step? string
---@field pace? string what the pace is kept for, where it is not the operation
---@field changes? boolean whether a success changes something, so that it matters whether a request
-- that failed was carried out all the same
---@field request? userdata an exchange that `send` gives again and again; spent at the end
---@field send fun(work, job, timeout?: number): userdata|nil, table|nil makes an attempt's exchange
---@field drive? fun(work, job, exchange): table|nil runs it to its end; may give an error of ours
---@field verdict? fun(work, err: table): boolean|nil whether to repeat; nil: as err.retryable says
---@field attempt integer how many were begun
---@field sent? integer the last that libcurl took
---@field counted integer how many failures count against max_attempts
---@field doubt? boolean whether one that failed may have been carried out
---@field cost? integer what the last retry took from the quota
---@field turn? connectparticipant.Turn the turn that the pace gave
---@field waited? number seconds that the present attempt waited for its turn

-- The request cannot have arrived, so these leave no doubt.
local NEVER_SENT = {
  COULDNT_CONNECT = true, COULDNT_RESOLVE_HOST = true, COULDNT_RESOLVE_PROXY = true,
  SSL_CONNECT_ERROR = true, PEER_FAILED_VERIFICATION = true, FAILED_INIT = true,
}

-- Whether the service may have carried out a request although it failed. A success that cannot be
-- read was one all the same.
local function is_doubtful(err)
  local kind, status = err.kind, err.status or 0
  if kind == "timeout" or kind == "transport" then return not NEVER_SENT[err.code] end
  if kind == "protocol" then return status >= 200 and status < 300 end
  return kind == "cancelled" or status >= 500 and not err.throttled
end

-- Single calls in the standard mode wait as the retry numbers say, and for nothing else.
local function keeps_pace(job)
  return job.patient or job.client.config.retry_mode == "adaptive"
end

local function log(job, work, exchange, err, delay)
  local logger = job.client.options.logger
  if not logger then return end
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
    waited = work.waited,
    delay = delay,
  }
end

-- The error as the caller gets it.
local function failed(work, err)
  err.operation = err.operation or work.operation
  err.step = err.step or work.step
  err.attempts = work.sent
  if work.doubt and work.changes then err.outcome = "unknown" end
  return nil, err
end

-- The same, when another attempt was prepared and is not sent: it costs nothing.
local function not_sent(job, work, err)
  if work.turn then work.turn:give_back() end
  if work.cost then job.client.quota:release(work.cost) end
  if work.request then work.request:release() end
  return failed(work, err)
end

-- Sees whether the job was stopped meanwhile, and waits for its turn if there is a pace to keep.
-- Gives the seconds that are left then, if they are counted, or why the attempt cannot be made.
local function get_ready(job, work, last)
  local stopped = job:problem()
  work.waited = nil
  if not stopped and keeps_pace(job) then
    local waited
    waited, stopped = turn.wait(job, work)
    if not waited then
      local refusal = failure.timeout("the service throttles, and no time is left to wait", work)
      log(job, work, nil, refusal)
      return nil, last or refusal
    end
    work.waited = waited > 0 and waited or nil
  end
  if stopped then return nil, stopped end
  local left = job:left()
  if left and left <= 0 then
    return nil, last or failure.timeout("no time is left to send the request", work)
  end
  return left
end

-- Runs an exchange to its end.
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

local function report(job, work, err)
  if not keeps_pace(job) then return end
  local refused = err and err.throttled or false
  if refused or not err or err.status then
    job.client.pace:report(work.pace or work.operation, refused)
  end
end

local function succeeded(job, work, exchange, result)
  job.client.quota:release(work.cost)
  if result.ResponseMetadata then result.ResponseMetadata.RetryAttempts = work.attempt - 1 end
  exchange:release()
  return result
end

-- Whether the nature of the error, and of what is sent, allow another attempt.
local function is_repeatable(job, work, err)
  if job:problem() then return false end
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
  local delay = retry.delay(work.attempt - 1, err.throttled, err.retry_after, job.clock.random)
  local left = patient and job:patience() or job:left()
  if left and delay >= left then return nil end
  -- A patient job keeps to the pace instead: it must outlast what empties the quota.
  if patient then return delay end
  work.cost = client.quota:acquire(err.throttled)
  return work.cost and delay
end

-- What follows from an attempt that failed: the seconds until the next one, or nil.
local function judge(job, work, exchange, err)
  work.cost = nil
  work.doubt = work.doubt or is_doubtful(err)
  if not (job.patient and err.throttled) then work.counted = work.counted + 1 end
  local delay = delay_after(job, work, err)
  log(job, work, exchange, err, delay)
  -- What will not be sent again need not keep its answer until Lua collects it.
  if not delay or exchange ~= work.request then exchange:release() end
  return delay
end

--- Runs the work to its end.
---@param job connectparticipant.Job
---@param work connectparticipant.Work
---@return table|nil result
---@return connectparticipant.Error|nil err its `outcome` is "unknown" where the service may have
-- carried out what was asked
function attempt.run(job, work)
  local last
  work.attempt, work.counted = 0, 0
  while true do
    local left, problem = get_ready(job, work, last)
    if problem then return not_sent(job, work, problem) end
    work.attempt = work.attempt + 1
    local exchange, refusal = work:send(job, left)
    if not exchange then return not_sent(job, work, refusal) end
    work.sent = work.attempt
    if work.turn then work.turn:use() end
    local result, err = drive(job, work, exchange)
    report(job, work, err)
    if result then
      log(job, work, exchange)
      return succeeded(job, work, exchange, result)
    end
    local delay = judge(job, work, exchange, err)
    if not delay then return failed(work, err) end
    last = err
    local stopped = job:sleep(delay)
    if stopped then return not_sent(job, work, stopped) end
  end
end

return attempt
