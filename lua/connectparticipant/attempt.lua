--- Sends one job until it succeeds, must not be repeated, or its deadline has passed: retries,
-- pace, and the log event of each attempt. Knows neither operations nor files.

local core = require "connectparticipant.core"
local retry = require "connectparticipant.retry"

local attempt = {}

-- How long many uploads at once wait for a throttling service where no timeout is set.
local PATIENCE = 300

---@class connectparticipant.Job
---@field operation string AWS's name
---@field pace? string what the pace is kept for, where it is not the operation
---@field step? string of a flow
---@field deadline? number of `clock.now()`
---@field send fun(number: integer, left?: number): userdata|nil, table|nil makes the exchange
---@field settle fun(exchange: userdata): table|nil, table|nil runs it to its end
---@field may_repeat? fun(err: table): boolean
---@field uncertain? boolean set when an attempt may have reached the service without an answer

local function log(client, job, number, exchange, result, err, delay)
  local logger = client.options.logger
  if not logger then return end
  local event = exchange and exchange:info() or { seconds = 0 }
  event.operation, event.step, event.attempt, event.delay = job.operation, job.step, number, delay
  local metadata = result and result.ResponseMetadata
  event.request_id = metadata and metadata.RequestId or err and err.request_id
  if err then event.kind, event.code, event.message = err.kind, err.code, err.message end
  logger(event)
end

-- Whether nobody can say what became of the request.
local function is_uncertain(err)
  return err.kind == "transport" or err.kind == "timeout" or err.kind == "protocol"
    or (err.status or 0) >= 500
end

local function deadline_error(job)
  return core.new_error {
    kind = "timeout", code = "OPERATION_TIMEDOUT", operation = job.operation, step = job.step,
    message = "the timeout passed before the request could be sent", retryable = true,
  }
end

-- Seconds until the next attempt, or nil when there must be none.
local function pause_before(client, job, err, tries, state)
  if not err.retryable or (job.may_repeat and not job.may_repeat(err)) then return nil end
  local patient = err.throttled and client:is_many()
  if not patient then
    state.counted = state.counted + 1
    if state.counted >= client.config.max_attempts then return nil end
    state.cost = client.quota:acquire(err.throttled)
    if not state.cost then return nil end
  end
  local delay = retry.delay(math.min(tries, 32) - 1, err.throttled, err.retry_after,
    client.clock.random)
  local limit = job.deadline or (patient and state.begun + PATIENCE)
  if limit and client.clock.now() + delay >= limit then return nil end
  return delay
end

-- Waits until the pace allows another request; false when the deadline comes first.
local function keep_pace(client, job)
  local pause = client.pace:reserve(job.pace or job.operation)
  if pause <= 0 then return true end
  if job.deadline and client.clock.now() + pause >= job.deadline then return false end
  client:sleep(pause)
  return true
end

---@param client table
---@param job connectparticipant.Job
---@return table|nil result
---@return table|nil err
function attempt.run(client, job)
  local state = { begun = client.clock.now(), counted = 0 }
  local number, last = 0, nil
  while true do
    if not keep_pace(client, job) then return nil, last or deadline_error(job) end
    local left = job.deadline and job.deadline - client.clock.now()
    if left and left <= 0 then return nil, last or deadline_error(job) end
    number = number + 1
    local result, err
    local exchange
    exchange, err = job.send(number, left)
    if exchange then result, err = job.settle(exchange) end
    if result then
      client.quota:release(state.cost)
      client.pace:succeeded(job.pace or job.operation)
      if result.ResponseMetadata then result.ResponseMetadata.RetryAttempts = number - 1 end
      log(client, job, number, exchange, result)
      return result
    end
    err.attempts = exchange and number or nil
    job.uncertain = job.uncertain or is_uncertain(err)
    if err.throttled then client.pace:throttled(job.pace or job.operation) end
    local delay = pause_before(client, job, err, number, state)
    log(client, job, number, exchange, nil, err, delay)
    if not delay then return nil, err end
    last = err
    client:sleep(delay)
  end
end

return attempt
