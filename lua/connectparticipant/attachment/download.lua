-- One attachment back: GetAttachment, and the GET of its presigned URL into a sink. A transfer that
-- breaks off goes on by Range only where the ETag proves that it is still the same object.

local failure = require "connectparticipant.error"
local members = require "connectparticipant.config.members"
local operation = require "connectparticipant.service.operation"
local progress = require "connectparticipant.attachment.progress"
local sink = require "connectparticipant.attachment.sink"
local transfer = require "connectparticipant.attachment.transfer"

local download = {}

local GET = "GetAttachment"
local WHERE = { operation = GET, step = "get" }

local KINDS = {
  ConnectionToken = "service", AttachmentId = "service", UrlExpiryInSeconds = "service",
  path = "string", file = "file", write = "function", on_progress = "function",
  on_start = "function", timeout = "seconds",
}

local NAMES = members.names(KINDS)

-- Errors after which the bytes in the sink are worthless: the download starts over.
local OTHER_OBJECT = { ObjectChanged = true, RangeIgnored = true, WrongRange = true }

-- A download as a flow; see connectparticipant.Flow.
---@class connectparticipant.Download: connectparticipant.Flow
---@field get table the parameters of GetAttachment
---@field request? userdata that of the first GetAttachment
---@field sink connectparticipant.Sink
---@field size? integer what GetAttachment has promised
---@field part? connectparticipant.Part what is wanted of it; nil: all
---@field first integer the first byte that is wanted
---@field stop? integer the byte after the last one that is wanted
---@field offset integer the first byte that was asked for when the transfer began
---@field conditional boolean whether it was asked for with the ETag
---@field etag? string a strong one: of the object whose bytes the sink has, or that is meant
---@field on_start? function
---@field disposition? string the store's Content-Disposition
local Download = { operation = GET, step = "get", verb = "GET", first = 0 }
Download.__index = Download

---@class connectparticipant.Part
---@field etag? string a strong one, of the object that it must be a part of
---@field choose fun(size: integer): integer|nil, integer|connectparticipant.Error|nil by the
--- attachment's size: its first byte, and the first one after it; nil: all, or nil and an error

-- Reports everything wrong with the parameters in one error, and opens the sink before anything is
-- sent.
local function plan(job, params, part)
  local problems = members.problems(params, KINDS, NAMES, "download_attachment")
  local given = members.given(params, sink.NAMES)
  if #given > 1 then
    problems[#problems + 1] = ("only one of path, file and write can be given (%s were given)")
      :format(table.concat(given, " and "))
  end
  local get = {
    ConnectionToken = params.ConnectionToken, AttachmentId = params.AttachmentId,
    UrlExpiryInSeconds = params.UrlExpiryInSeconds,
  }
  local request, err = operation.request(job.client, GET, get, "get")
  if #problems == 0 and err then return nil, err end
  if err then problems[#problems + 1] = err.message end
  if #problems > 0 then return nil, failure.validation(problems, GET, "get") end
  local into
  into, err = sink.open(params)
  if not into then return nil, err end
  job:hold(into, "discard")
  return setmetatable({
    get = get, request = request, sink = into, progress = progress.new(job, params.on_progress),
    on_start = params.on_start, attachment_id = params.AttachmentId,
    part = part, etag = part and part.etag,
  }, Download)
end

-- Settles how much is to come, by what there is.
function Download:begin(size)
  self.size = size
  local part, first, stop = self.part, nil, nil
  if part then first, stop = part.choose(size) end
  if first then
    self.first, self.stop = first, stop
  elseif part then
    self.part, self.etag = nil, nil
    if stop then return stop end
  end
  self.progress:begin(first and stop - first or size)
end

function Download:ask(job)
  local request, err = self.request, nil
  self.request = nil
  if not request then request, err = operation.request(job.client, GET, self.get, "get") end
  if not request then return nil, err end
  local got
  got, err = operation.send(job, GET, request, "get")
  if not got then return nil, err end
  local size = got.AttachmentSizeInBytes
  if not got.Url or not size then
    return nil, failure.protocol("InvalidResponse", "the answer names no URL, or no size", WHERE)
  end
  if self.size and self.size ~= size then
    return nil, failure.protocol("SizeMismatch", ("the attachment had %.0f bytes, and now has %.0f")
      :format(self.size, size), WHERE)
  end
  if not self.size then err = self:begin(size) end
  if err then return nil, err end
  return { url = got.Url, expiry = got.UrlExpiry }
end

-- The rest of what broke off is asked for only with a strong ETag: `rewind` has seen to that. The
-- engine refuses an answer of another size, range or ETag before a byte of it is handed out.
function Download:fill(fields)
  local into = self.sink
  self.offset = self.first + into:size()
  self.conditional = self.etag ~= nil and (self.part ~= nil or self.offset > 0)
  fields.sink, fields.size = into:target(), self.size
  fields.first, fields.stop, fields.offset = self.first, self.stop, self.offset
  fields.etag = self.conditional and self.etag or nil
end

-- Calls on_start, once.
local function start(self, job, content_type, disposition, etag)
  local on_start = self.on_start
  self.on_start = nil
  local go_on = job:callback(on_start, {
    AttachmentSizeInBytes = self.size, ContentType = content_type,
    ContentDisposition = disposition, ETag = etag,
  })
  if go_on == false then return failure.cancelled("on_start returned false", WHERE) end
end

local function start_with(self, job, exchange)
  return start(self, job, exchange:header("content-type"), exchange:header("content-disposition"),
    exchange:header("etag"))
end

-- If the engine writes the bytes itself, a growing sink shows that the first ones have come.
function Download:announce(job, exchange)
  if self.first + self.sink:size() <= self.offset then return nil end
  return start_with(self, job, exchange)
end

function Download:move(job, exchange)
  local stopped = self.on_start and start_with(self, job, exchange)
  return stopped or self.sink:take(exchange:drain(), job)
end

function Download:moved()
  return self.sink:size()
end

-- A weak ETag (W/"...") promises equivalent content, not the same bytes.
local function strong(etag)
  return etag and etag:match('^"[^"]*"$')
end

function Download:ended(exchange)
  self.disposition = exchange:header("content-disposition")
  if not self.conditional then
    self.etag = strong(exchange:header("etag"))
    return nil
  end
  local status = exchange:info().status
  -- The whole object instead of a part: whose bytes a file has now is not certain.
  if status == 200 then self.etag = nil end
  if status ~= 412 then return nil end
  return failure.protocol("ObjectChanged", "the object has changed since its download began",
    { operation = GET, step = "get", status = status })
end

-- A 412 to what was asked for without a condition is somebody else's between us and the store.
-- Of a part that was meant to be another object's nothing has come, and nothing will.
function Download:is_curable(err)
  if self.part and self.sink:size() == 0 then return false end
  if err.status == 412 then return true end
  return self.offset > self.first and (OTHER_OBJECT[err.code] or err.status == 416)
end

function Download:rewind(err)
  local into = self.sink
  if into:size() == 0 or self.etag and not self:is_curable(err) then return true end
  self.etag = nil
  return into:restart()
end

function Download.may_start_over()
  return true
end

--- Downloads one attachment.
---@param job connectparticipant.Job
---@param params table
---@param part? connectparticipant.Part of which a `write` gets its bytes; nil: of the whole
---@return table|nil attachment
---@return connectparticipant.Error|nil err
function download.run(job, params, part)
  local flow, err = plan(job, params, part)
  if not flow then return nil, err end
  local result, committed
  result, err = transfer.run(job, flow)
  -- An attachment may have no bytes.
  if result and flow.on_start then err = start(flow, job, result.content_type, flow.disposition) end
  if result and not err then committed, err = flow.sink:commit(job) end
  if not committed then return transfer.failed(flow, err) end
  return {
    AttachmentSizeInBytes = flow.size, ContentType = result.content_type,
    path = params.path, body = flow.sink:body(),
  }
end

return download
