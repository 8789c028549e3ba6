--- What the emulator knows: chats, participants and their tokens, attachments, transcripts. Plain
-- tables of the one worker; kept in a file where a directory is given. Everything has a bound.

local cjson = require "cjson.safe"
local crypto = require "connectparticipant.emulator.crypto"

local state = {}

-- Bounds against a client that never ends: what is oldest goes first.
local CONNECTIONS, REPLIES, ITEMS, CHATS = 1000, 1000, 10000, 10000
local TRIMMED = 1000 -- items that go at once, since to remove the first of many costs most

local function iso(at)
  local whole = math.floor(at)
  return os.date("!%Y-%m-%dT%H:%M:%S", whole) .. (".%03dZ"):format(math.floor((at - whole) * 1000))
end

state.iso = iso

local EVENT = "application/vnd.amazonaws.connect.event."

---@class connectparticipant.emulator.State
local State = {}
State.__index = State

local function token(kind)
  return kind .. "." .. crypto.hex(crypto.random(48))
end

local function add_participant(self, chat, given)
  local participant = {
    id = crypto.uuid(), role = given.role or "CUSTOMER", token = token "participant",
    display_name = given.display_name or given.role or "Customer", open = true, connections = {},
  }
  chat.participants[participant.id] = participant
  self.data.tokens[participant.token] =
    { chat = chat.id, participant = participant.id, kind = "participant" }
  self:add_item(chat, participant, { Type = "EVENT", ContentType = EVENT .. "participant.joined" })
  return participant
end

--- Opens a chat.
---@param participants? { role?: string, display_name?: string }[] one customer when not given
---@return table|nil chat
---@return table|string participants in the order given, each with `token`; or a problem
function State:new_chat(participants)
  if self.chats >= CHATS then return nil, "there are too many chats" end
  self.chats = self.chats + 1
  local chat = {
    id = crypto.uuid(), participants = {}, items = {}, first_item = 1, attachments = 0, open = true,
    replies = {}, old_replies = {}, reply_count = 0, view_token = token "view",
    session_id = crypto.uuid(), session = "initiated",
  }
  self.data.chats[chat.id] = chat
  local added = {}
  for index, given in ipairs(participants or { {} }) do
    added[index] = add_participant(self, chat, given)
  end
  return chat, added
end

--- A new ConnectionToken, and until when it holds.
function State:new_connection(caller, lifetime)
  local value, expiry = token "connection", self.now() + lifetime
  self.data.tokens[value] = {
    chat = caller.chat.id, participant = caller.participant.id, kind = "connection",
    expiry = expiry,
  }
  local connections = caller.participant.connections
  connections[#connections + 1] = value
  if #connections > CONNECTIONS then self.data.tokens[table.remove(connections, 1)] = nil end
  self:changed()
  return value, iso(expiry)
end

--- What a token stands for; nil for a stranger's.
---@return table|nil record with `kind` and `expiry`
---@return { chat: table, participant: table }|nil caller
function State:find_token(value)
  local record = self.data.tokens[value]
  if not record then return nil end
  local chat = self.data.chats[record.chat]
  return record, { chat = chat, participant = chat.participants[record.participant] }
end

--- Adds to a chat's transcript, as a participant or as the system.
function State:add_item(chat, participant, item)
  item.Id, item.AbsoluteTime, item.ContactId = crypto.uuid(), iso(self.now()), chat.id
  if participant then
    item.ParticipantId, item.DisplayName = participant.id, participant.display_name
    item.ParticipantRole = participant.role
  else
    item.ParticipantRole = "SYSTEM"
  end
  chat.items[#chat.items + 1] = item
  if #chat.items >= ITEMS + TRIMMED then
    local kept = {}
    for index = TRIMMED + 1, #chat.items do kept[index - TRIMMED] = chat.items[index] end
    chat.items, chat.first_item = kept, chat.first_item + TRIMMED
  end
  self:changed()
  return item
end

--- A participant leaves; a chat without its customer has ended.
function State:leave(caller)
  local chat, participant = caller.chat, caller.participant
  participant.open = false
  self:add_item(chat, participant, { Type = "EVENT", ContentType = EVENT .. "participant.left" })
  if participant.role == "CUSTOMER" and chat.open then
    chat.open = false
    self:add_item(chat, nil, { Type = "EVENT", ContentType = EVENT .. "chat.ended" })
  end
end

--- The answer to an earlier call with this key, as `remember` has it.
function State.recall(chat, key)
  return chat.replies[key] or chat.old_replies[key]
end

function State:remember(chat, key, reply)
  if chat.reply_count >= REPLIES then
    chat.old_replies, chat.replies, chat.reply_count = chat.replies, {}, 0
  end
  chat.replies[key], chat.reply_count = reply, chat.reply_count + 1
  self:changed()
end

---@param attachment table chat, name, size, type, status, expires, key (of its reply)
function State:add_attachment(attachment)
  attachment.id, attachment.queued = crypto.uuid(), attachment.expires
  self.data.attachments[attachment.id] = attachment
  local pending = self.pending
  pending.last = pending.last + 1
  pending[pending.last] = attachment
  self:changed()
  return attachment
end

function State:attachment(id)
  return self.data.attachments[id]
end

-- Forgets an attachment that was begun and never completed.
local function forget(self, attachment)
  self.data.attachments[attachment.id] = nil
  local chat = self.data.chats[attachment.chat]
  chat.attachments = chat.attachments - 1
  chat.replies[attachment.key], chat.old_replies[attachment.key] = nil, nil
  self:changed()
end

--- Forgets uploads whose URL ended a while ago; they no longer count.
---@param over fun(attachment: table) is told of each whose upload is over
function State:expire(over)
  local pending, now = self.pending, self.now()
  while pending.first <= pending.last do
    local attachment = pending[pending.first]
    if attachment.queued + state.GRACE > now then return end
    pending[pending.first], pending.first = nil, pending.first + 1
    if attachment.expires > attachment.queued then
      -- It has been given another URL since.
      attachment.queued, pending.last = attachment.expires, pending.last + 1
      pending[pending.last] = attachment
    else
      over(attachment)
      if attachment.status == "STARTED" then forget(self, attachment) end
    end
  end
end

--- Seconds for which an upload is known after its URL has ended.
state.GRACE = 60

function State:changed()
  self.dirty = true
end

--- Writes the file, beside its name first, so that a crash leaves the old one.
function State:save()
  if not self.path or not self.dirty then return end
  self.dirty = false
  local file = assert(io.open(self.path .. ".new", "w"))
  assert(file:write(cjson.encode(self.data)))
  assert(file:close())
  assert(os.rename(self.path .. ".new", self.path))
end

-- What an earlier run has left.
local function read(path)
  local file = path and io.open(path, "r")
  if not file then return { chats = {}, tokens = {}, attachments = {} } end
  local data = cjson.decode(file:read "*a")
  file:close()
  if type(data) ~= "table" or type(data.chats) ~= "table" then
    error(path .. " is not the emulator's state")
  end
  return data
end

--- Reads what an earlier run has left, or begins anew.
---@param path? string
---@param now fun(): number
function state.open(path, now)
  local self = setmetatable({ path = path, now = now, data = read(path), chats = 0 }, State)
  self.pending = { first = 1, last = 0 }
  for _ in pairs(self.data.chats) do self.chats = self.chats + 1 end
  local begun = {}
  for _, attachment in pairs(self.data.attachments) do begun[#begun + 1] = attachment end
  table.sort(begun, function(one, other) return one.expires < other.expires end)
  for index, attachment in ipairs(begun) do
    attachment.queued, self.pending[index], self.pending.last = attachment.expires, attachment,
      index
  end
  return self
end

return state
