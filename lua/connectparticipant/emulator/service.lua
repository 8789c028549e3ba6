--- The eleven operations over the emulator's state. Each takes the emulator, the chat of its token,
-- and checked input; gives a result, or nil, an exception's name and a message.

local cjson = require "cjson.safe"
local crypto = require "connectparticipant.emulator.crypto"
local sigv4 = require "connectparticipant.emulator.sigv4"
local state = require "connectparticipant.emulator.state"
local transcript = require "connectparticipant.emulator.transcript"

local service = {}

local DAY = 86400

-- The result of an earlier call with the same ClientToken and input, or a refusal.
local function replay(chat, operation, input)
  if not input.ClientToken then return nil end
  local known = chat.replies[operation .. "/" .. input.ClientToken]
  if not known then return nil end
  if known.input ~= service.fingerprint(input) then
    return nil, "ValidationException", "The ClientToken was used before with other parameters"
  end
  return known.result
end

local function remember(chat, operation, input, result)
  if not input.ClientToken then return end
  chat.replies[operation .. "/" .. input.ClientToken] = {
    input = service.fingerprint(input), result = result,
  }
end

--- The input as text that is the same for the same input.
function service.fingerprint(input)
  local parts = {}
  for name, value in pairs(input) do
    parts[#parts + 1] = name .. "=" .. (type(value) == "table" and cjson.encode(value)
      or tostring(value))
  end
  table.sort(parts)
  return crypto.sha256(table.concat(parts, "\n"))
end

-- A presigned URL to the object, and until when it holds.
local function presign(emulator, method, attachment, headers, lifetime)
  local now = math.floor(emulator.now())
  local store = emulator:object_store()
  local url = sigv4.presign({
    method = method, origin = store.origin, host = store.host, headers = headers, now = now,
    path = store.path .. attachment.id, expires = lifetime,
  }, emulator.credentials)
  return url, state.iso(now + lifetime)
end

-- As a real instance has them; all of them are signed.
local function headers_of(emulator, chat, attachment)
  local name = attachment.name:gsub('[\r\n"\\]', "_")
  return {
    ["Content-Length"] = ("%d"):format(attachment.size), ["Content-Type"] = attachment.type,
    ["Content-Disposition"] = ('attachment; filename="%s"'):format(name:sub(1, 200)),
    ["x-amz-acl"] = "bucket-owner-full-control", ["x-amz-meta-account_id"] = "123456789012",
    ["x-amz-meta-contact_id"] = chat.id, ["x-amz-meta-initial_contact_id"] = chat.id,
    ["x-amz-meta-organization_id"] = emulator.organization_id,
  }
end

local function started(emulator, chat, attachment)
  local headers = headers_of(emulator, chat, attachment)
  local url, expiry = presign(emulator, "PUT", attachment, headers, emulator.options.url_expiry)
  return {
    AttachmentId = attachment.id,
    UploadMetadata = { Url = url, UrlExpiry = expiry, HeadersToInclude = headers },
  }
end

local function extension_problem(emulator, name)
  local allowed = emulator.extensions
  if not allowed then return nil end
  local extension = (name:match("%.([^.]+)$") or ""):lower()
  if allowed[extension] then return nil end
  return ("The file type '%s' is not allowed"):format(extension)
end

function service.StartAttachmentUpload(emulator, chat, input)
  local known, code, message = replay(chat, "StartAttachmentUpload", input)
  if code then return nil, code, message end
  if known then return started(emulator, chat, emulator.state:attachment(known)) end
  if input.AttachmentSizeInBytes > emulator.options.max_size then
    return nil, "ValidationException", ("The attachment is larger than the %d bytes allowed")
      :format(emulator.options.max_size)
  end
  local problem = extension_problem(emulator, input.AttachmentName)
  if problem then return nil, "ValidationException", problem end
  if chat.attachments >= emulator.options.quota then
    return nil, "ServiceQuotaExceededException",
      "The number of attachments per contact exceeds the quota."
  end
  chat.attachments = chat.attachments + 1
  local attachment = emulator.state:add_attachment {
    chat = chat.id, name = input.AttachmentName, size = input.AttachmentSizeInBytes,
    type = input.ContentType, status = "STARTED",
  }
  remember(chat, "StartAttachmentUpload", input, attachment.id)
  return started(emulator, chat, attachment)
end

local function own_attachment(emulator, chat, id)
  local attachment = emulator.state:attachment(id)
  return attachment and attachment.chat == chat.id and attachment or nil
end

function service.CompleteAttachmentUpload(emulator, chat, input)
  local attachment = own_attachment(emulator, chat, input.AttachmentIds[1])
  if not attachment then
    return nil, "ValidationException", "There is no attachment with this AttachmentId"
  end
  if attachment.completed_by then
    if attachment.completed_by == input.ClientToken then return {} end
    return nil, "ConflictException", "The attachment is already being uploaded"
  end
  if not attachment.stored and not emulator.external then
    return nil, "ValidationException", "The attachment has not been uploaded"
  end
  attachment.completed_by, attachment.completed_at = input.ClientToken, emulator.now()
  attachment.status = "IN_PROGRESS"
  attachment.verdict = emulator.store.is_infected(emulator, attachment) and "REJECTED" or "APPROVED"
  emulator.state:add_item(chat, { Type = "ATTACHMENT", attachment = attachment.id })
  return {}
end

--- The scan's status: it takes a moment.
function service.status_of(emulator, attachment)
  if attachment.status == "IN_PROGRESS"
    and emulator.now() >= attachment.completed_at + emulator.options.scan_seconds then
    attachment.status = attachment.verdict
    emulator.state:changed()
  end
  return attachment.status
end

function service.GetAttachment(emulator, chat, input)
  local attachment = own_attachment(emulator, chat, input.AttachmentId)
  local status = attachment and service.status_of(emulator, attachment)
  if not status or status == "STARTED" then
    return nil, "ValidationException", "There is no completed attachment with this AttachmentId"
  end
  if status == "REJECTED" then
    return nil, "ValidationException", "The attachment was rejected by the scan"
  end
  local lifetime = input.UrlExpiryInSeconds or math.min(300, emulator.options.url_expiry)
  local url, expiry = presign(emulator, "GET", attachment, nil, lifetime)
  return { Url = url, UrlExpiry = expiry, AttachmentSizeInBytes = attachment.size }
end

function service.CreateParticipantConnection(emulator, chat, input)
  local wanted = {}
  for _, kind in ipairs(input.Type or {}) do wanted[kind] = true end
  local result = {}
  if wanted.WEBSOCKET then
    result.Websocket = {
      Url = ("wss://%s/ws?X-Amz-Signature=%s"):format(ngx.var.http_host or "localhost",
        crypto.hex(crypto.random(16))),
      ConnectionExpiry = state.iso(emulator.now() + 100),
    }
  end
  if wanted.CONNECTION_CREDENTIALS then
    local token, expiry = emulator.state:new_connection(chat, DAY)
    result.ConnectionCredentials = { ConnectionToken = token, Expiry = expiry }
  end
  if wanted.WEBRTC_CONNECTION then
    result.WebRTCConnection = {
      Attendee = { AttendeeId = crypto.uuid(), JoinToken = crypto.hex(crypto.random(24)) },
      Meeting = {
        MeetingId = crypto.uuid(),
        MediaPlacement = {
          AudioHostUrl = "https://localhost/audio", AudioFallbackUrl = "https://localhost/fallback",
          SignalingUrl = "https://localhost/signal", EventIngestionUrl = "https://localhost/events",
        },
        MeetingFeatures = { Audio = { EchoReduction = "UNAVAILABLE" } },
      },
    }
  end
  return result
end

function service.DisconnectParticipant(emulator, chat)
  chat.open = false
  emulator.state:add_item(chat, { Type = "EVENT", ContentType =
    "application/vnd.amazonaws.connect.event.participant.left" })
  return {}
end

-- Longest content by type, as the documentation of SendMessage has it.
local CONTENT = {
  ["text/plain"] = 1024, ["text/markdown"] = 1024, ["application/json"] = 12000,
  ["application/vnd.amazonaws.connect.message.interactive.response"] = 12288,
}

local function add_content(emulator, chat, operation, input, kind)
  local known, code, message = replay(chat, operation, input)
  if code then return nil, code, message end
  if known then return known end
  local item = emulator.state:add_item(chat, {
    Type = kind, ContentType = input.ContentType, Content = input.Content,
  })
  local result = { Id = item.Id, AbsoluteTime = item.AbsoluteTime }
  remember(chat, operation, input, result)
  return result
end

function service.SendMessage(emulator, chat, input)
  local longest = CONTENT[input.ContentType]
  if not longest then
    return nil, "ValidationException", "The ContentType is not supported: " .. input.ContentType
  end
  local _, characters = input.Content:gsub("[^\128-\191]", "")
  if characters > longest then
    return nil, "ValidationException", ("Content must have at most %d characters"):format(longest)
  end
  return add_content(emulator, chat, "SendMessage", input, "MESSAGE")
end

local EVENTS = {
  ["application/vnd.amazonaws.connect.event.typing"] = "TYPING",
  ["application/vnd.amazonaws.connect.event.connection.acknowledged"] = "CONNECTION_ACK",
  ["application/vnd.amazonaws.connect.event.message.delivered"] = "MESSAGE_DELIVERED",
  ["application/vnd.amazonaws.connect.event.message.read"] = "MESSAGE_READ",
}

function service.SendEvent(emulator, chat, input)
  local kind = EVENTS[input.ContentType]
  if not kind then
    return nil, "ValidationException", "The ContentType is not supported: " .. input.ContentType
  end
  return add_content(emulator, chat, "SendEvent", input, kind)
end

-- An item as it goes over the wire: the status of an attachment is the one of now.
local function shown(emulator, item)
  if not item.attachment then return item end
  local attachment = emulator.state:attachment(item.attachment)
  local copy = {}
  for name, value in pairs(item) do copy[name] = value end
  copy.attachment = nil
  copy.Attachments = { {
    AttachmentId = attachment.id, AttachmentName = attachment.name,
    ContentType = attachment.type, Status = service.status_of(emulator, attachment),
  } }
  return copy
end

function service.GetTranscript(emulator, chat, input)
  if input.ContactId and input.ContactId ~= chat.id then
    return nil, "AccessDeniedException", "You do not have sufficient access to perform this action."
  end
  local page, problem = transcript.page(chat.items, input)
  if not page then return nil, "ValidationException", problem end
  local items = setmetatable({}, cjson.array_mt)
  for index, item in ipairs(page.items) do items[index] = shown(emulator, item) end
  return {
    InitialContactId = chat.id, Transcript = #items > 0 and items or nil,
    NextToken = page.next_token,
  }
end

function service.DescribeView(_, chat, input)
  if input.ViewToken ~= chat.view_token then
    return nil, "ResourceNotFoundException", "The view was not found.", {
      ResourceId = input.ViewToken:sub(1, 100), ResourceType = "PARTICIPANT",
    }
  end
  return {
    View = {
      Id = "emulated-view", Arn = "arn:aws:connect:us-east-1:123456789012:instance/e/view/v",
      Name = "Emulated view", Version = 1,
      Content = { InputSchema = "{}", Template = "{}", Actions = { "Submit" } },
    },
  }
end

function service.GetAuthenticationUrl(_, chat, input)
  if input.SessionId ~= chat.session_id then
    return nil, "ValidationException", "There is no authentication under way with this SessionId"
  end
  return {
    AuthenticationUrl = "https://example.auth.us-east-1.amazoncognito.com/login?redirect_uri="
      .. ngx.escape_uri(input.RedirectUri):sub(1, 1900),
  }
end

function service.CancelParticipantAuthentication(_, chat, input)
  if input.SessionId ~= chat.session_id then
    return nil, "ValidationException", "There is no authentication under way with this SessionId"
  end
  return {}
end

return service
