--- What the emulator knows: chats, participants and their tokens, attachments, transcripts. Plain
-- tables of the one worker; kept in a file where a directory is given.

local cjson = require "cjson.safe"
local crypto = require "connectparticipant.emulator.crypto"

local state = {}

local function iso(at)
  local whole = math.floor(at)
  return os.date("!%Y-%m-%dT%H:%M:%S", whole) .. (".%03dZ"):format(math.floor((at - whole) * 1000))
end

state.iso = iso

---@class connectparticipant.emulator.State
local State = {}
State.__index = State

local function token(kind)
  return kind .. "." .. crypto.hex(crypto.random(48))
end

--- Opens a chat with one participant.
---@return table chat with its `participant_token`
function State:new_chat(display_name)
  local chat = {
    id = crypto.uuid(), participant_id = crypto.uuid(), items = {}, attachments = 0, replies = {},
    display_name = display_name or "Customer", participant_token = token "participant",
    view_token = token "view", session_id = crypto.uuid(), open = true,
  }
  self.data.chats[chat.id] = chat
  self.data.tokens[chat.participant_token] = { chat = chat.id, kind = "participant" }
  self:changed()
  self:add_item(chat, { Type = "EVENT", ContentType =
    "application/vnd.amazonaws.connect.event.participant.joined" })
  return chat
end

function State:new_connection(chat, lifetime)
  local value = token "connection"
  local expiry = self.now() + lifetime
  self.data.tokens[value] = { chat = chat.id, kind = "connection", expiry = expiry }
  self:changed()
  return value, iso(expiry)
end

--- The chat and the record a token stands for; nil for a stranger's.
function State:find_token(value)
  local record = self.data.tokens[value]
  return record, record and self.data.chats[record.chat]
end

function State:add_item(chat, item)
  item.Id, item.AbsoluteTime = crypto.uuid(), iso(self.now())
  item.ParticipantId, item.DisplayName = chat.participant_id, chat.display_name
  item.ParticipantRole, item.ContactId = item.ParticipantRole or "CUSTOMER", chat.id
  chat.items[#chat.items + 1] = item
  self:changed()
  return item
end

function State:add_attachment(attachment)
  attachment.id = crypto.uuid()
  self.data.attachments[attachment.id] = attachment
  self:changed()
  return attachment
end

function State:attachment(id)
  return self.data.attachments[id]
end

function State:changed()
  self.dirty = true
end

--- Writes the file, beside its name first, so that a crash leaves the old one.
function State:save()
  if not self.path or not self.dirty then return end
  self.dirty = false
  local file = assert(io.open(self.path .. ".new", "w"))
  file:write(cjson.encode(self.data))
  file:close()
  assert(os.rename(self.path .. ".new", self.path))
end

-- cjson writes an empty list as an object; lists that may be empty are put right.
local function repair(data)
  for _, chat in pairs(data.chats) do
    chat.items, chat.replies = chat.items or {}, chat.replies or {}
  end
  return data
end

--- Reads what an earlier run has left, or begins anew.
---@param path? string
---@param now fun(): number
function state.open(path, now)
  local self = setmetatable({ path = path, now = now }, State)
  local file = path and io.open(path, "r")
  if file then
    local data = cjson.decode(file:read "*a")
    file:close()
    if not data then error(path .. " is not the emulator's state") end
    self.data = repair(data)
  else
    self.data = { chats = {}, tokens = {}, attachments = {} }
  end
  return self
end

return state
