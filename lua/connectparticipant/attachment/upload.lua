-- Uploads one attachment: StartAttachmentUpload, the PUT to the presigned URL,
-- CompleteAttachmentUpload, and with `wait` the scan.

local completion = require "connectparticipant.attachment.completion"
local content_type = require "connectparticipant.attachment.content_type"
local failure = require "connectparticipant.error"
local members = require "connectparticipant.config.members"
local operation = require "connectparticipant.service.operation"
local progress = require "connectparticipant.attachment.progress"
local source = require "connectparticipant.attachment.source"
local transfer = require "connectparticipant.attachment.transfer"

local upload = {}

local START = "StartAttachmentUpload"

local KINDS = {
  ConnectionToken = "service", AttachmentName = "service", AttachmentSizeInBytes = "service",
  ContentType = "service", ClientToken = "service", path = "string", body = "string",
  file = "file", read = "function", on_progress = "function", wait = "boolean",
  timeout = "seconds",
}

local NAMES = members.names(KINDS)

local function problems_of(params)
  local problems = members.problems(params, KINDS, NAMES, "upload_attachment")
  local given = members.given(params, source.NAMES)
  if #given ~= 1 then
    problems[#problems + 1] = ("exactly one of path, body, file or read is required (%s given)")
      :format(#given == 0 and "none was" or table.concat(given, " and ") .. " were")
  end
  return problems
end

-- The parameters of StartAttachmentUpload, completed from the source.
local function start_params(params, from)
  local name, size = params.AttachmentName, params.AttachmentSizeInBytes
  if name == nil and type(params.path) == "string" then name = params.path:match("([^/]*)/*$") end
  -- Without an open source there is no name or size to check.
  if name == "" and params.AttachmentName == nil and not from then name = "/" end
  if size == nil and params.read == nil then size = from and from.size or 1 end
  return {
    ConnectionToken = params.ConnectionToken, AttachmentName = name, AttachmentSizeInBytes = size,
    ContentType = params.ContentType or content_type.of(type(name) == "string" and name or ""),
    ClientToken = params.ClientToken,
  }
end

-- An upload as a flow; see connectparticipant.Flow.
---@class connectparticipant.Upload: connectparticipant.Flow
---@field source connectparticipant.Source
---@field start table the parameters of StartAttachmentUpload
---@field request? userdata that of the first Start
---@field has_own_token boolean whether the caller gave the ClientToken
local Upload = { operation = START, step = "put", verb = "PUT" }
Upload.__index = Upload

-- Reports everything that is wrong before anything is sent, in one error.
local function plan(job, params)
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
  local told = progress.new(job, params.on_progress)
  told:begin(from.size)
  return setmetatable({
    source = from, start = start, request = request, progress = told,
    has_own_token = params.ClientToken ~= nil,
  }, Upload)
end

function Upload:ask(job)
  local request, err = self.request, nil
  self.request, self.attachment_id = nil, nil
  -- To the service, starting over is another upload, so it gets a new ClientToken.
  if not request then request, err = operation.request(job.client, START, self.start, "start") end
  if not request then return nil, err end
  local result
  result, err = operation.send(job, START, request, "start")
  if not result then return nil, err end
  local metadata = result.UploadMetadata
  self.attachment_id = result.AttachmentId
  if result.AttachmentId and metadata and metadata.Url then
    return { url = metadata.Url, expiry = metadata.UrlExpiry, headers = metadata.HeadersToInclude }
  end
  return nil, failure.protocol("InvalidResponse",
    "the answer names no attachment, or no URL to send it to",
    { operation = START, step = "start", status = result.ResponseMetadata.HTTPStatusCode })
end

function Upload:fill(fields)
  local from = self.source
  fields.source, fields.size = from:content(), from.size
end

function Upload:move(job, exchange)
  return self.source:feed(job, exchange)
end

function Upload.moved(_, exchange)
  return (exchange:progress())
end

function Upload:rewind()
  return self.source:can_repeat()
end

function Upload:may_start_over()
  return not self.has_own_token
end

local function run(job, flow, params)
  local done, err = transfer.run(job, flow)
  if not done then return nil, err end
  local which = {
    ConnectionToken = flow.start.ConnectionToken, AttachmentId = flow.attachment_id,
  }
  done, err = completion.run(job, which)
  if not done then return nil, err end
  local result = {
    AttachmentId = flow.attachment_id, AttachmentName = flow.start.AttachmentName,
    ContentType = flow.start.ContentType, AttachmentSizeInBytes = flow.source.size,
  }
  if not params.wait then return result end
  local seen
  seen, err = require("connectparticipant.attachment.wait").run(job, which)
  if not seen then return nil, err end
  result.Status = seen.Status
  return result
end

--- Uploads one attachment.
---@param job connectparticipant.Job
---@param params table
---@return table|nil attachment
---@return connectparticipant.Error|nil err
function upload.run(job, params)
  local flow, err = plan(job, params)
  if not flow then return nil, err end
  local result
  result, err = run(job, flow, params)
  if not result then return transfer.failed(flow, err) end
  return result
end

return upload
