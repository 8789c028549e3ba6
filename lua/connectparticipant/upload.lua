--- One attachment, from its bytes to its completion: StartAttachmentUpload, the PUT to the
-- presigned URL, CompleteAttachmentUpload, and the scan where it is asked for.

local attempt = require "connectparticipant.attempt"
local content_type = require "connectparticipant.content_type"
local core = require "connectparticipant.core"
local progress = require "connectparticipant.progress"
local scope = require "connectparticipant.scope"
local source = require "connectparticipant.source"
local expiry = require "connectparticipant.expiry"

local upload = {}

-- Each Start leaves an attachment behind that nobody completes.
local MOST_STARTS = 3

local FIELDS = {
  ConnectionToken = "string", AttachmentName = "string", AttachmentSizeInBytes = "number",
  ContentType = "string", ClientToken = "string", path = "string", body = "string", file = "file",
  read = "function", on_progress = "function", wait = "boolean",
}

local NAMES = {}
for name in pairs(FIELDS) do NAMES[#NAMES + 1] = name end
table.sort(NAMES)

-- What is wrong with our own members; AWS's are left to the model.
local function problems_of(params)
  local problems, sources = {}, 0
  for name, value in pairs(params) do
    local wanted = FIELDS[name]
    if not wanted then
      local meant = type(name) == "string" and core.suggest(name, NAMES)
      problems[#problems + 1] = ("%s is no member of upload_attachment%s"):format(tostring(name),
        meant and (" (did you mean %s?)"):format(meant) or "")
    elseif wanted == "file" then
      if io.type(value) ~= "file" then problems[#problems + 1] = "file must be an open file" end
    elseif not name:match("^%u") and type(value) ~= wanted then
      problems[#problems + 1] = ("%s must be a %s, not %s"):format(name, wanted, type(value))
    end
    if wanted and source.is_kind(name) then sources = sources + 1 end
  end
  if sources ~= 1 then
    problems[#problems + 1] = ("exactly one of path, body, file and read is needed, not %d")
      :format(sources)
  end
  table.sort(problems)
  return problems
end

local function start_params(params, from)
  local name = params.AttachmentName
  if name == nil and type(params.path) == "string" then name = params.path:match("[^/]*$") end
  local kind = params.ContentType
  if kind == nil then kind = content_type.of(type(name) == "string" and name or "") end
  local size = params.AttachmentSizeInBytes
  if size == nil and from then size = from.size end
  return {
    ConnectionToken = params.ConnectionToken, AttachmentName = name, ContentType = kind,
    AttachmentSizeInBytes = size, ClientToken = params.ClientToken,
  }
end

local function validation(problems, model_error)
  if model_error then problems[#problems + 1] = model_error.message end
  return core.new_error {
    kind = "validation", code = "ParamValidationError", operation = "StartAttachmentUpload",
    message = table.concat(problems, "; "),
  }
end

-- Everything that can be known to be wrong before anything is sent, in one error.
local function check(client, params)
  local problems = problems_of(params)
  local from, err
  if #problems == 0 then
    from, err = source.open(params)
    if not from and err.kind ~= "validation" then return nil, err end
    if not from then problems[1] = err.message end
  end
  local start = start_params(params, from or not params.read and { size = 1 })
  local request, model_error = core.request("StartAttachmentUpload", start, client.settings)
  if #problems > 0 or not request then
    if from then from:close() end
    return nil, validation(problems, model_error)
  end
  return { source = from, start = start, params = params }
end

local function mark(err, step, id)
  err.step = step
  err.attachment_id = err.attachment_id or id
  return nil, err
end

local function start(client, plan)
  local result, err = client:call("StartAttachmentUpload", plan.start,
    { deadline = plan.deadline, step = "start" })
  if not result then return mark(err, "start") end
  local metadata = result.UploadMetadata
  if not result.AttachmentId or not metadata or not metadata.Url then
    return mark(core.new_error {
      kind = "protocol", code = "InvalidResponse", operation = "StartAttachmentUpload",
      message = "the answer names no attachment, or no URL to upload it to",
      status = result.ResponseMetadata.HTTPStatusCode,
      request_id = result.ResponseMetadata.RequestId,
    }, "start", result.AttachmentId)
  end
  return result
end

-- Sends the bytes. The third value tells that the URL has expired.
local function put(client, plan, started)
  local from, metadata = plan.source, started.UploadMetadata
  local job = { operation = "StartAttachmentUpload", step = "put", deadline = plan.deadline,
    pace = "PUT" }
  local expired
  local held = plan.scope
  function job.send(_, left)
    local exchange, err = client.engine:transfer {
      method = "PUT", url = metadata.Url, headers = metadata.HeadersToInclude,
      source = from:handle(), size = from.size, settings = client.settings, timeout = left,
      operation = "StartAttachmentUpload", step = "put",
    }
    if exchange then held:hold(exchange) end
    return exchange, err
  end
  function job.settle(exchange)
    return from:send(client, exchange, plan.progress)
  end
  function job.may_repeat(err)
    if not from:can_repeat() then
      err.retryable = false
      return false
    end
    expired = expiry.is_near(metadata.UrlExpiry, client.clock.time())
    return not expired
  end
  local result, err = attempt.run(client, job)
  if result then return result end
  expired = expired or expiry.is_error(err)
  return nil, err, expired and from:can_repeat()
end

-- An earlier attempt that got no answer may have completed it: then a conflict is a success.
local function complete(client, plan, id)
  local job = {}
  local result, err = client:call("CompleteAttachmentUpload",
    { ConnectionToken = plan.params.ConnectionToken, AttachmentIds = { id } },
    { deadline = plan.deadline, step = "complete", job = job })
  if result then return result end
  if err.code == "ConflictException" and job.uncertain then return {} end
  return mark(err, "complete", id)
end

local function transfer(client, plan)
  local started, err, expired
  for number = 1, MOST_STARTS do
    started, err = start(client, plan)
    if not started then return nil, err end
    local sent
    sent, err, expired = put(client, plan, started)
    if sent then break end
    if not expired or plan.params.ClientToken or number == MOST_STARTS then
      return mark(err, "put", started.AttachmentId)
    end
  end
  local completed
  completed, err = complete(client, plan, started.AttachmentId)
  if not completed then return nil, err end
  return {
    AttachmentId = started.AttachmentId, AttachmentName = plan.start.AttachmentName,
    ContentType = plan.start.ContentType, AttachmentSizeInBytes = plan.source.size,
  }
end

--- Uploads one attachment.
---@param client connectparticipant.Client
---@param params table
---@return table|nil attachment
---@return connectparticipant.Error|nil err
function upload.run(client, params)
  local plan, err = check(client, params)
  if not plan then return nil, err end
  plan.deadline = client:deadline()
  plan.progress = progress.new(params.on_progress, plan.source.size, client.clock.now)
  return scope.run(client, function(held)
    plan.scope = held
    held:hold(plan.source)
    local result, problem = transfer(client, plan)
    if not result or not params.wait then return result, problem end
    local seen
    seen, problem = require("connectparticipant.scan").run(client, {
      ConnectionToken = params.ConnectionToken, AttachmentId = result.AttachmentId,
    })
    if not seen then return nil, problem end
    result.Status = seen.Status
    return result
  end)
end

return upload
