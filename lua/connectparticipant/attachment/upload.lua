-- One attachment, from its bytes to its completion: StartAttachmentUpload, the PUT to the presigned
-- URL, CompleteAttachmentUpload, and the wait for its scan where that is asked for.

local attempt = require "connectparticipant.service.attempt"
local content_type = require "connectparticipant.attachment.content_type"
local expiry = require "connectparticipant.attachment.expiry"
local failure = require "connectparticipant.error"
local members = require "connectparticipant.config.members"
local operation = require "connectparticipant.service.operation"
local progress = require "connectparticipant.attachment.progress"
local wait = require "connectparticipant.attachment.wait"
local source = require "connectparticipant.attachment.source"

local upload = {}

-- Each Start leaves an attachment behind that nobody completes.
local MOST_STARTS = 3

local START, COMPLETE = "StartAttachmentUpload", "CompleteAttachmentUpload"

local KINDS = {
  ConnectionToken = "service", AttachmentName = "service", AttachmentSizeInBytes = "service",
  ContentType = "service", ClientToken = "service", path = "string", body = "string",
  file = "file", read = "function", on_progress = "function", wait = "boolean",
}

local NAMES = members.names(KINDS)

local function problems_of(params)
  local problems = members.problems(params, KINDS, NAMES, "upload_attachment")
  local given = members.given(params, source.NAMES)
  if #given ~= 1 then
    problems[#problems + 1] = ("exactly one of %s is needed, not %s")
      :format(table.concat(source.NAMES, ", "), #given == 0 and "none" or
        table.concat(given, " and "))
  end
  return problems
end

-- The parameters of StartAttachmentUpload, with what can be told from the source.
local function start_params(params, from)
  local name, size = params.AttachmentName, params.AttachmentSizeInBytes
  if name == nil and type(params.path) == "string" then name = params.path:match("[^/]*$") end
  -- A source that cannot be opened has no size to complain about.
  if size == nil and params.read == nil then size = from and from.size or 1 end
  return {
    ConnectionToken = params.ConnectionToken, AttachmentName = name, AttachmentSizeInBytes = size,
    ContentType = params.ContentType or content_type.of(type(name) == "string" and name or ""),
    ClientToken = params.ClientToken,
  }
end

---@class connectparticipant.UploadPlan
---@field params table the caller's
---@field source connectparticipant.Source
---@field start table the parameters of StartAttachmentUpload
---@field request? userdata that of the first Start
---@field progress connectparticipant.Progress

-- Everything that can be known to be wrong before anything is sent, in one error.
local function make_plan(job, params)
  local problems = problems_of(params)
  local from, err
  if #problems == 0 then from, err = source.open(params) end
  if from then job:hold(from, "close") end
  if err and err.kind == "validation" then problems[1] = err.message end
  local start = start_params(params, from)
  local request, refusal = operation.request(job.client, START, start, "start")
  if #problems == 0 and refusal then return nil, refusal end
  if refusal then problems[#problems + 1] = refusal.message end
  if #problems > 0 then return nil, failure.validation(problems, START, "start") end
  if err then return nil, err end
  return {
    params = params, source = from, start = start, request = request,
    progress = progress.new(params.on_progress, from.size, job.loop.clock.now),
  }
end

local function mark(err, id)
  err.attachment_id = err.attachment_id or id
  return nil, err
end

local function start(job, plan)
  local request, err = plan.request, nil
  plan.request = nil
  -- Starting over is another upload to the service: its ClientToken is new.
  if not request then request, err = operation.request(job.client, START, plan.start, "start") end
  if not request then return nil, err end
  local result
  result, err = operation.send(job, START, request, "start")
  if not result then return nil, err end
  local metadata = result.UploadMetadata
  if result.AttachmentId and metadata and metadata.Url then return result end
  return mark(failure.protocol("InvalidResponse",
    "the answer names no attachment, or no URL to send it to", { operation = START, step = "start",
      status = result.ResponseMetadata.HTTPStatusCode }), result.AttachmentId)
end

-- The PUT as a work; see connectparticipant.Work.
local Put = {}
Put.__index = Put

function Put:send(job, timeout)
  local metadata, from = self.started.UploadMetadata, self.plan.source
  return job.client.engine:transfer {
    method = "PUT", url = metadata.Url, headers = metadata.HeadersToInclude,
    source = from:content(), size = from.size, settings = job.client.settings,
    timeout = timeout, operation = self.operation, step = self.step,
  }
end

function Put:drive(job, exchange)
  local from, told = self.plan.source, self.plan.progress
  local state = exchange:state()
  while state ~= "done" do
    local err
    if state == "need_data" then err = from:feed(job, exchange) end
    if err then return err end
    if state == "run" then job:await(exchange, told:moment()) end
    if not told:report((exchange:progress())) then
      return failure.cancelled("on_progress returned false", self)
    end
    state = exchange:state()
  end
end

function Put:verdict(err)
  if not self.plan.source:can_repeat() then
    err.retryable = false
    return false
  end
  self.has_expired = (err.retryable or err.kind == "storage")
    and expiry.has_passed(self.started.UploadMetadata.UrlExpiry, self.since, self.clock)
  if self.has_expired then return false end
end

-- Sends the bytes; the third value tells that the URL has expired.
local function put(job, plan, started)
  local clock = job.loop.clock
  local work = setmetatable({
    operation = START, step = "put", pace = "PUT", plan = plan, started = started, clock = clock,
    since = clock.now(),
  }, Put)
  local result, err = attempt.run(job, work)
  if not result then return nil, err, work.has_expired or expiry.is_error(err) end
  if plan.progress:finish() then return result end
  return nil, failure.cancelled("on_progress returned false", work)
end

-- Whether another StartAttachmentUpload could help, and is ours to decide on.
local function may_start_over(plan, number)
  return number < MOST_STARTS and plan.params.ClientToken == nil and plan.source:can_repeat()
end

local function send(job, plan)
  for number = 1, MOST_STARTS do
    local started, err = start(job, plan)
    if not started then return nil, err end
    local sent, problem, expired = put(job, plan, started)
    if sent then return started end
    if not (expired and may_start_over(plan, number)) then
      return mark(problem, started.AttachmentId)
    end
  end
end

-- An attempt that got no answer may have completed it, and then the service calls the next one a
-- conflict: that is the success which was not heard of.
local function complete(job, plan, id)
  local request, err = operation.request(job.client, COMPLETE,
    { ConnectionToken = plan.start.ConnectionToken, AttachmentIds = { id } }, "complete")
  local result
  if request then
    result, err = operation.send(job, COMPLETE, request, "complete", "ConflictException")
  end
  if not result then return mark(err, id) end
  return result
end

--- Uploads one attachment.
---@param job connectparticipant.Job
---@param params table
---@return table|nil attachment
---@return connectparticipant.Error|nil err
function upload.run(job, params)
  local plan, err = make_plan(job, params)
  if not plan then return nil, err end
  local started, completed
  started, err = send(job, plan)
  if not started then return nil, err end
  local id = started.AttachmentId
  completed, err = complete(job, plan, id)
  if not completed then return nil, err end
  local result = {
    AttachmentId = id, AttachmentName = plan.start.AttachmentName,
    ContentType = plan.start.ContentType, AttachmentSizeInBytes = plan.source.size,
  }
  if not params.wait then return result end
  local seen
  seen, err = wait.run(job, { ConnectionToken = plan.start.ConnectionToken, AttachmentId = id })
  if not seen then return nil, err end
  result.Status = seen.Status
  return result
end

return upload
