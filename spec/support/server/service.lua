-- A Participant Service and its object store, in memory, as they answer when all goes well.
local cjson = require "cjson"

local service = {}
local Service = {}
Service.__index = Service

local ROUTES = {
  ["/participant/start-attachment-upload"] = "start",
  ["/participant/complete-attachment-upload"] = "complete",
  ["/participant/attachment"] = "get",
  ["/participant/transcript"] = "transcript",
  ["/participant/message"] = "message",
}

function service.new()
  return setmetatable({ objects = {}, completed = {}, starts = 0 }, Service)
end

-- The name under which a request is scripted and recorded.
function service.route(request)
  if request.method == "CONNECT" then return "connect" end
  local id = request.place:match "^/objects/([^?]+)"
  request.id = id
  if id then return request.method == "PUT" and "put" or "object" end
  return ROUTES[request.place:match "^[^?]*"] or "unknown"
end

local function presigned(request, id)
  return ("%s/objects/%s?X-Amz-Signature=%s"):format(request.origin, id, ("5"):rep(64))
end

local actions = {}

function actions.start(self, request, step)
  self.starts = self.starts + 1
  local id = step.id or ("attachment-%d"):format(self.starts)
  return { body = cjson.encode {
    AttachmentId = id,
    UploadMetadata = {
      Url = step.url or presigned(request, id),
      UrlExpiry = step.expiry or "2037-01-01T00:00:00.000Z",
      HeadersToInclude = step.include or {
        ["Content-Length"] = ("%d"):format(cjson.decode(request.body).AttachmentSizeInBytes),
        ["x-amz-meta-contact_id"] = "7",
      },
    },
  } }
end

local function refused(status, code, message)
  return { status = status, headers = { ["x-amzn-errortype"] = code },
    body = cjson.encode { Message = message } }
end

function actions.complete(self, request)
  local id = cjson.decode(request.body).AttachmentIds[1]
  if self.completed[id] then return refused(409, "ConflictException", "done before") end
  self.completed[id] = true
  return {}
end

function actions.get(self, request, step)
  local id = cjson.decode(request.body).AttachmentId
  local object = self.objects[id]
  if not object then return refused(404, "ResourceNotFoundException", "none") end
  return { body = cjson.encode {
    Url = step.url or presigned(request, id), UrlExpiry = step.expiry or "2037-01-01T00:00:00Z",
    AttachmentSizeInBytes = step.promised or #object,
  } }
end

function actions.message()
  return { body = '{"Id":"message-1","AbsoluteTime":"2026-01-01T00:00:00.000Z"}' }
end

-- Pages as the script has them, or all completed attachments in one item.
function actions.transcript(self, _, step)
  if step.page then return { body = cjson.encode(step.page) } end
  local item = { Id = "item-1", Type = "ATTACHMENT", Attachments = {} }
  for id in pairs(self.completed) do
    item.Attachments[#item.Attachments + 1] =
      { AttachmentId = id, AttachmentName = "a", Status = step.scan or "APPROVED" }
  end
  if #item.Attachments == 0 then return { body = '{"Transcript":[]}' } end
  return { body = cjson.encode { Transcript = { item } } }
end

function actions.put(self, request)
  self.objects[request.id] = request.body
  return { headers = { ETag = '"tag-1"' } }
end

function actions.object(self, request, step)
  local object = self.objects[request.id]
  if not object then return { status = 404, body = "<Error><Code>NoSuchKey</Code></Error>" } end
  local headers = { ["Content-Type"] = "text/plain" }
  if step.etag == nil then headers.ETag = '"tag-1"' end
  return { body = object, headers = headers, range = true }
end

-- The usual answer to a request, done as it says: { status, headers, body, range }.
function Service:answer(request, step)
  local action = actions[request.route]
  if not action then return { status = 404 } end
  local usual = action(self, request, step)
  usual.headers = usual.headers or {}
  usual.headers["x-amzn-requestid"] = "request-" .. request.index
  return usual
end

return service
