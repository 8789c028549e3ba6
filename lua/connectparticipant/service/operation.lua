-- One operation of the service as a work: its request is built once, and sent until it succeeds or
-- may not be sent again.

local attempt = require "connectparticipant.service.attempt"
local core = require "connectparticipant.core"
local failure = require "connectparticipant.error"

local operation = {}

-- These change nothing, so it does not matter whether one that failed was carried out.
local READS = {
  GetAttachment = true, GetTranscript = true, DescribeView = true, GetAuthenticationUrl = true,
}

local function send(work, job, timeout)
  local client, attempt_number = job.client, work.attempt
  local most = client.config.max_attempts
  return work.request:send(client.engine, timeout, attempt_number,
    most > attempt_number and most or attempt_number)
end

-- AWS's members alone, and what is wrong with `timeout`, which is ours: the job has it already.
local function without_timeout(params)
  local timeout, members = params.timeout, {}
  for name, value in next, params do
    if name ~= "timeout" then members[name] = value end
  end
  if type(timeout) == "number" and timeout > 0 and timeout < math.huge then return members end
  return members, "timeout must be a number of seconds above 0"
end

--- Builds the request of an operation, as an exchange that can be sent as often as needed:
-- ClientToken and invocation id are settled with it.
---@param client table
---@param name string AWS's
---@param params table AWS's members, and `timeout`
---@param step? string of a flow
---@return userdata|nil request
---@return connectparticipant.Error|nil err
function operation.request(client, name, params, step)
  local problem
  if params.timeout ~= nil then params, problem = without_timeout(params) end
  local request, err = core.request(name, params, client.settings)
  if problem and (request or err.kind == "validation") then
    local problems = { err and err.message or problem, err and problem }
    request, err = nil, failure.validation(problems, name)
  end
  if not request then err.step = step end
  return request, err
end

--- Sends a request that was built before; it is spent then.
---@param job connectparticipant.Job
---@param name string
---@param request userdata
---@param step? string
---@return table|nil result
---@return connectparticipant.Error|nil err
function operation.send(job, name, request, step)
  return attempt.run(job, {
    operation = name, step = step, request = request, send = send,
    changes = not READS[name],
  })
end

--- Builds and sends.
---@param job connectparticipant.Job
---@param name string
---@param params table
---@param step? string
---@return table|nil result
---@return connectparticipant.Error|nil err
function operation.run(job, name, params, step)
  local request, err = operation.request(job.client, name, params, step)
  if not request then return nil, err end
  return operation.send(job, name, request, step)
end

return operation
