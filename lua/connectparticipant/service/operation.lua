-- Runs one operation of the service. Its request is built once and sent again for each attempt.

local attempt = require "connectparticipant.service.attempt"
local core = require "connectparticipant.core"
local failure = require "connectparticipant.error"

local operation = {}

-- Operations that change nothing: whether a failed one was carried out does not matter.
local READS = {
  GetAttachment = true, GetTranscript = true, DescribeView = true, GetAuthenticationUrl = true,
}

local function send(work, job, timeout)
  local client = job.client
  return work.request:send(client.engine, timeout, work.attempt, client.config.max_attempts)
end

-- Copies the parameters without `timeout`, which is ours and already in the job. Also returns what
-- is wrong with the timeout.
local function without_timeout(params)
  local timeout, members = params.timeout, {}
  for name, value in next, params do
    if name ~= "timeout" then members[name] = value end
  end
  if type(timeout) == "number" and timeout > 0 and timeout < math.huge then return members end
  return members, "timeout must be a number of seconds above 0"
end

--- Builds an operation's request, as an exchange that can be sent repeatedly, always with the same
--- ClientToken and invocation id.
---@param client table
---@param name string AWS's
---@param params table AWS's members, and `timeout`
---@param step? string the step of a flow
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

--- Sends a request built by operation.request, and releases it.
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

--- Builds and sends a request.
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
