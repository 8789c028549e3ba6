--- The eleven operations over the emulator's state. Each takes the emulator, the caller of its
-- token (a chat and a participant of it), and checked input; returns a result, or nil, the name of
-- an exception, a message and further members.

local attachments = require "connectparticipant.emulator.attachments"
local crypto = require "connectparticipant.emulator.crypto"
local json = require "connectparticipant.emulator.json"
local once = require "connectparticipant.emulator.once"
local state = require "connectparticipant.emulator.state"
local transcript = require "connectparticipant.emulator.transcript"
local unicode = require "connectparticipant.emulator.text"

local service = {
  StartAttachmentUpload = attachments.start, CompleteAttachmentUpload = attachments.complete,
  GetAttachment = attachments.get,
}

local DAY = 86400

-- After a chat has ended nothing can be sent or uploaded; its transcript can still be read.
local function ended(caller)
  if caller.chat.open then return nil end
  return "AccessDeniedException", "The chat has ended"
end

function service.CreateParticipantConnection(emulator, caller, input)
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
    local token, expiry = emulator.state:new_connection(caller, DAY)
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

function service.DisconnectParticipant(emulator, caller)
  emulator.state:leave(caller)
  return {}
end

-- The most characters of each ContentType, from the documentation of SendMessage.
local CONTENT = {
  ["text/plain"] = 1024, ["text/markdown"] = 1024, ["application/json"] = 12000,
  ["application/vnd.amazonaws.connect.message.interactive.response"] = 12288,
}

-- Calls `action` once for each ClientToken, if the chat has not ended.
local function act(emulator, caller, operation, input, action)
  local code, message = ended(caller)
  if code then return nil, code, message end
  return once.call(emulator, caller, operation, input, action)
end

function service.SendMessage(emulator, caller, input)
  local longest = CONTENT[input.ContentType]
  if not longest then
    return nil, "ValidationException", "The ContentType is not supported: " .. input.ContentType
  end
  if unicode.characters(input.Content) > longest then
    return nil, "ValidationException", ("Content must have at most %d characters"):format(longest)
  end
  return act(emulator, caller, "SendMessage", input, function()
    local item = emulator.state:add_item(caller.chat, caller.participant, {
      Type = "MESSAGE", ContentType = input.ContentType, Content = input.Content,
    })
    return { Id = item.Id, AbsoluteTime = item.AbsoluteTime }
  end)
end

-- The events that a client may send. For a receipt, the value is the member that it sets in the
-- message's metadata.
local EVENTS = {
  ["application/vnd.amazonaws.connect.event.typing"] = true,
  ["application/vnd.amazonaws.connect.event.connection.acknowledged"] = true,
  ["application/vnd.amazonaws.connect.event.message.delivered"] = "DeliveredTimestamp",
  ["application/vnd.amazonaws.connect.event.message.read"] = "ReadTimestamp",
}

local function find_message(chat, content)
  local about = json.object(content or "")
  local id = about and about.messageId
  for index, item in ipairs(chat.items) do
    if item.Type == "MESSAGE" and item.Id == id then return item, index end
  end
end

-- Adds a receipt to the message's metadata, which has one entry for each recipient.
local function acknowledge(message, caller, field, time)
  local metadata = message.MessageMetadata or { MessageId = message.Id, Receipts = {} }
  local receipt
  for _, known in ipairs(metadata.Receipts) do
    if known.RecipientParticipantId == caller.participant.id then receipt = known end
  end
  if not receipt then
    receipt = { RecipientParticipantId = caller.participant.id }
    table.insert(metadata.Receipts, receipt)
  end
  receipt[field], message.MessageMetadata = receipt[field] or time, metadata
end

-- The service sends these events to the other participants' websockets, and keeps none of them in
-- the transcript.
function service.SendEvent(emulator, caller, input)
  local receipt = EVENTS[input.ContentType]
  if not receipt then
    return nil, "ValidationException", "The ContentType is not supported: " .. input.ContentType
  end
  local message, index
  if receipt ~= true then
    message, index = find_message(caller.chat, input.Content)
    if not message then
      return nil, "ValidationException", "Content must hold the messageId of a message of this chat"
    end
  end
  return act(emulator, caller, "SendEvent", input, function()
    local time = state.iso(emulator.now())
    if message then
      acknowledge(message, caller, receipt, time)
      emulator.state:touch("chats", caller.chat.id, "items", index)
    end
    return { Id = crypto.uuid(), AbsoluteTime = time }
  end)
end

-- An item as GetTranscript returns it, with the current status of its attachment.
local function shown(emulator, item)
  if not item.attachment then return item end
  local copy = {}
  for name, value in pairs(item) do copy[name] = value end
  copy.attachment = nil
  copy.Attachments = { attachments.shown(emulator, item.attachment) }
  return copy
end

function service.GetTranscript(emulator, caller, input)
  local chat = caller.chat
  if input.ContactId and input.ContactId ~= chat.id then
    return nil, "AccessDeniedException", "You do not have sufficient access to perform this action."
  end
  local page, problem = transcript.page(chat, input, emulator.credentials.secret_key)
  if not page then return nil, "ValidationException", problem end
  local items = setmetatable({}, json.list)
  for index, item in ipairs(page.items) do items[index] = shown(emulator, item) end
  return {
    InitialContactId = chat.id, Transcript = items,
    NextToken = page.next_token or (emulator.options.empty_token and "" or nil),
  }
end

function service.DescribeView(_, caller, input)
  if input.ViewToken ~= caller.chat.view_token then
    return nil, "ResourceNotFoundException", "The view was not found.", {
      ResourceId = input.ViewToken, ResourceType = "CONTACT_FLOW",
    }
  end
  return {
    View = {
      Id = "emulated-view", Name = "Emulated view", Version = 1,
      Arn = "arn:aws:connect:us-east-1:123456789012:instance/emulator/view/emulated-view",
      Content = {
        InputSchema = '{"type":"object","properties":{"Heading":{"type":"string"}}}',
        Template = '{"Head":{"Title":"Emulated view"},"Body":[]}', Actions = { "Submit" },
      },
    },
  }
end

local NO_SESSION = "There is no authentication under way with this SessionId"

function service.GetAuthenticationUrl(emulator, caller, input)
  local chat = caller.chat
  if input.SessionId ~= chat.session_id or chat.session ~= "initiated" then
    return nil, "ValidationException", NO_SESSION
  end
  -- The URL contains the session instead of the redirect, which, percent-encoded, could exceed the
  -- 2083 characters of AuthenticationUrl.
  chat.redirect = input.RedirectUri
  emulator.state:touch("chats", chat.id, "redirect")
  return {
    AuthenticationUrl = ("https://emulated.auth.%s.amazoncognito.com/login?client_id=emulator"
      .. "&response_type=code&state=%s"):format(emulator.credentials.region, chat.session_id),
  }
end

function service.CancelParticipantAuthentication(emulator, caller, input)
  local chat = caller.chat
  if input.SessionId ~= chat.session_id or chat.session ~= "initiated" then
    return nil, "ValidationException", NO_SESSION
  end
  chat.session = "cancelled"
  emulator.state:touch("chats", chat.id, "session")
  return {}
end

return service
