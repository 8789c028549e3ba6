--- The emulator's state: chats, participants and their tokens, attachments, transcripts. Plain
-- tables in the memory of the one worker; with --dir, a journal keeps them. Everything has a
-- bound.

local crypto = require "connectparticipant.emulator.crypto"
local journal = require "connectparticipant.emulator.journal"

local state = {}

-- Bounds for emulators that run for days; the oldest entries are dropped first.
local CONNECTIONS, REPLIES, ITEMS, CHATS = 1000, 1000, 10000, 10000
local TRIMMED = 1000 -- items dropped at a time, since each time the rest is copied

local function iso(at)
  local whole = math.floor(at)
  return os.date("!%Y-%m-%dT%H:%M:%S", whole) .. (".%03dZ"):format(math.floor((at - whole) * 1000))
end

state.iso = iso

local EVENT = "application/vnd.amazonaws.connect.event."

---@class connectparticipant.emulator.State
local State = {}
State.__index = State

-- A token does not begin with a word: redaction also removes the beginning of a token, and would
-- remove that word from messages.
local function token(kind)
  return kind:sub(1, 1) .. crypto.hex(crypto.random(48))
end

local function add_participant(self, chat, given)
  local participant = {
    id = crypto.uuid(), role = given.role or "CUSTOMER", token = token "participant",
    display_name = given.display_name or given.role or "Customer", open = true,
  }
  chat.participants[participant.id] = participant
  self.data.tokens[participant.token] =
    { chat = chat.id, participant = participant.id, kind = "participant" }
  self:touch("tokens", participant.token)
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
  self:touch("chats", chat.id)
  local added = {}
  for index, given in ipairs(participants or { {} }) do
    added[index] = add_participant(self, chat, given)
  end
  return chat, added
end

-- The ConnectionTokens of a participant, oldest first.
function State:connections_of(id)
  local list = self.connections[id] or {}
  self.connections[id] = list
  return list
end

--- A new ConnectionToken, and its expiry.
function State:new_connection(caller, lifetime)
  local value, expiry = token "connection", self.now() + lifetime
  self.data.tokens[value] = {
    chat = caller.chat.id, participant = caller.participant.id, kind = "connection",
    expiry = expiry,
  }
  self:touch("tokens", value)
  local connections = self:connections_of(caller.participant.id)
  connections[#connections + 1] = value
  if #connections > CONNECTIONS then
    local oldest = table.remove(connections, 1)
    self.data.tokens[oldest] = nil
    self:touch("tokens", oldest)
  end
  return value, iso(expiry)
end

--- The record and the participant of a token; nil when it is unknown.
---@return table|nil record with `kind` and `expiry`
---@return { chat: table, participant: table }|nil caller
function State:find_token(value)
  local record = self.data.tokens[value]
  if not record then return nil end
  local chat = self.data.chats[record.chat]
  return record, { chat = chat, participant = chat.participants[record.participant] }
end

--- Adds an item to a chat's transcript, from a participant or from the system.
function State:add_item(chat, participant, item)
  item.Id, item.AbsoluteTime, item.ContactId = crypto.uuid(), iso(self.now()), chat.id
  if participant then
    item.ParticipantId, item.DisplayName = participant.id, participant.display_name
    item.ParticipantRole = participant.role
  else
    item.ParticipantRole = "SYSTEM"
  end
  chat.items[#chat.items + 1] = item
  self:touch("chats", chat.id, "items", #chat.items)
  if #chat.items >= ITEMS + TRIMMED then
    local kept = {}
    for index = TRIMMED + 1, #chat.items do kept[index - TRIMMED] = chat.items[index] end
    chat.items, chat.first_item = kept, chat.first_item + TRIMMED
    self:touch("chats", chat.id, "items")
    self:touch("chats", chat.id, "first_item")
  end
  return item
end

--- A participant leaves; when it is the customer, the chat ends.
function State:leave(caller)
  local chat, participant = caller.chat, caller.participant
  participant.open = false
  self:touch("chats", chat.id, "participants", participant.id)
  self:add_item(chat, participant, { Type = "EVENT", ContentType = EVENT .. "participant.left" })
  if participant.role == "CUSTOMER" and chat.open then
    chat.open = false
    self:touch("chats", chat.id, "open")
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
    self:touch("chats", chat.id, "old_replies")
    self:touch("chats", chat.id, "replies")
  end
  chat.replies[key], chat.reply_count = reply, chat.reply_count + 1
  self:touch("chats", chat.id, "replies", key)
  self:touch("chats", chat.id, "reply_count")
end

---@param attachment table chat, name, size, type, status, expires, key (of its reply)
function State:add_attachment(attachment)
  attachment.id, attachment.queued = crypto.uuid(), attachment.expires
  self.data.attachments[attachment.id] = attachment
  local pending = self.pending
  pending.last = pending.last + 1
  pending[pending.last] = attachment
  self:touch("attachments", attachment.id)
  self:count_attachment(self.data.chats[attachment.chat], 1)
  return attachment
end

function State:count_attachment(chat, more)
  chat.attachments = chat.attachments + more
  self:touch("chats", chat.id, "attachments")
end

function State:attachment(id)
  return self.data.attachments[id]
end

-- Removes an attachment that was begun and never completed.
local function remove(self, attachment)
  self.data.attachments[attachment.id] = nil
  self:touch("attachments", attachment.id)
  local chat = self.data.chats[attachment.chat]
  self:count_attachment(chat, -1)
  for _, name in ipairs { "replies", "old_replies" } do
    if attachment.key and chat[name][attachment.key] then
      chat[name][attachment.key] = nil
      self:touch("chats", chat.id, name, attachment.key)
    end
  end
end

--- Removes uploads whose URL expired some time ago; they no longer count against the quota.
---@param over fun(attachment: table) called for each of them
function State:expire(over)
  local pending, now = self.pending, self.now()
  while pending.first <= pending.last do
    local attachment = pending[pending.first]
    if attachment.queued + state.GRACE > now then return end
    pending[pending.first], pending.first = nil, pending.first + 1
    if attachment.expires > attachment.queued then
      -- A repeated StartAttachmentUpload has given it a later URL.
      attachment.queued, pending.last = attachment.expires, pending.last + 1
      pending[pending.last] = attachment
    else
      over(attachment)
      if attachment.status == "STARTED" then remove(self, attachment) end
    end
  end
end

--- Seconds for which an upload is remembered after its URL has expired.
state.GRACE = 60

--- Notes that the value at this path of `data` has changed.
function State:touch(...)
  if self.journal then self.journal:touch(...) end
end

--- Waits until all changes are on the disk; without --dir it returns immediately.
---@param prepare? fun(): boolean|nil, string|nil called first
---@return boolean|nil
---@return string|nil problem
function State:commit(prepare)
  if self.journal then return self.journal:commit(prepare) end
  if prepare then return prepare() end
  return true
end

--- Writes all changes immediately, for phases of nginx in which nothing can wait.
function State:flush()
  if self.journal then assert(self.journal:flush()) end
end

--- Notes that a file was renamed into a directory, which must be synced before the next line.
function State:named_in(path)
  if self.journal then self.journal:named_in(path) end
end

--- Removes a file once no state on the disk names it.
function State:discard(path)
  if self.journal then return self.journal:discard(path) end
  os.remove(path)
end

-- Builds what is not kept because it follows from the rest: the queue of uploads that may expire,
-- and the order of each participant's tokens.
local function derive(self)
  local begun, given = {}, {}
  for _ in pairs(self.data.chats) do self.chats = self.chats + 1 end
  for _, attachment in pairs(self.data.attachments) do begun[#begun + 1] = attachment end
  table.sort(begun, function(one, other) return one.expires < other.expires end)
  for index, attachment in ipairs(begun) do
    attachment.queued, self.pending[index], self.pending.last = attachment.expires, attachment,
      index
  end
  for value, record in pairs(self.data.tokens) do
    if record.kind == "connection" then
      given[#given + 1] = { value = value, record = record }
    end
  end
  table.sort(given, function(one, other) return one.record.expiry < other.record.expiry end)
  for _, one in ipairs(given) do
    local list = self:connections_of(one.record.participant)
    list[#list + 1] = one.value
  end
end

--- Reads the state of an earlier run from a directory, or begins with an empty one.
---@param directory string|nil
---@param now fun(): number
---@param bytes fun(): integer the size from which the journal is rewritten
function state.open(directory, now, bytes)
  local self = setmetatable({ now = now, chats = 0, connections = {} }, State)
  self.pending = { first = 1, last = 0 }
  if directory then self.journal = journal.open(directory, bytes) end
  self.data = self.journal and self.journal.data or { chats = {}, tokens = {}, attachments = {} }
  derive(self)
  return self
end

return state
