-- Compares what clients told with what the emulator has.
local dice = require "spec.chaos.dice"
local files = require "spec.support.files"

local ledger = {}

-- What can go wrong in bad weather; anything else would be a fault of the client.
local TRUE_KINDS = { service = true, storage = true, transport = true, timeout = true,
  protocol = true }

local function is_true(entry)
  return TRUE_KINDS[entry.kind] and type(entry.code) == "string" and entry.code ~= ""
    and type(entry.message) == "string" and entry.message ~= ""
end

local function count(counts, name)
  counts[name] = (counts[name] or 0) + 1
end

local Ledger = {}
Ledger.__index = Ledger

function Ledger:wrong(...)
  self.problems[#self.problems + 1] = (...):format(select(2, ...))
end

local function check_bytes(self, name, index, attachment)
  local offset, size = dice.piece(self.seed, index)
  local bytes = attachment.path and files.read(attachment.path)
  if bytes ~= self.noise:sub(offset + 1, offset + size) then
    self:wrong("%s: the object's bytes differ", name)
  end
end

-- How often an attachment is completed under the name of one upload.
local function check_upload(self, name, index, entry, completed)
  if entry and entry.id then
    count(self.counts, "uploaded")
    if #completed ~= 1 or completed[1].AttachmentId ~= entry.id then
      self:wrong("%s: reported uploaded, completed %d times", name, #completed)
    elseif self.items[entry.id] ~= 1 then
      self:wrong("%s: %d times in the transcript", name, self.items[entry.id] or 0)
    end
  elseif not entry or entry.outcome == "unknown" then
    count(self.counts, entry and "unknown" or "cut off")
    if #completed > 1 then self:wrong("%s: completed %d times", name, #completed) end
  else
    count(self.counts, "failed")
    if #completed > 0 then
      self:wrong("%s: completed, but reported %s %s: %s", name, entry.kind, entry.code,
        entry.message)
    end
  end
  if entry and not entry.id then
    count(self.errors, ("%s %s"):format(tostring(entry.kind), tostring(entry.code)))
    if not is_true(entry) then
      self:wrong("%s: %s %s is no true error: %s", name, tostring(entry.kind),
        tostring(entry.code), tostring(entry.message))
    end
  end
  for _, attachment in ipairs(completed) do check_bytes(self, name, index, attachment) end
end

--- `given`: seed, noise, told (of a crew), completed (by name), items (how often each attachment is
--- in the transcripts). Gives { problems, counts, errors }.
function ledger.uploads(given)
  local self = setmetatable({ problems = {}, counts = {}, errors = {}, seed = given.seed,
    noise = given.noise, items = given.items }, Ledger)
  local left = {}
  for name, list in pairs(given.completed) do left[name] = list end
  for generation, told in ipairs(given.told) do
    for index in pairs(told.begun) do
      local name = ("%d-%d.bin"):format(generation, index)
      check_upload(self, name, index, told.results[index], left[name] or {})
      left[name] = nil
    end
    for index in pairs(told.results) do
      if not told.begun[index] then self:wrong("%d: ended, but never begun", index) end
    end
  end
  for name in pairs(left) do self:wrong("%s: completed, but never begun", name) end
  return self
end

--- The same of downloads.
function ledger.downloads(told)
  local self = setmetatable({ problems = {}, counts = {}, errors = {} }, Ledger)
  for _, generation in ipairs(told) do
    for index, entry in pairs(generation.results) do
      if entry.id then
        count(self.counts, "downloaded")
        if not entry.same then self:wrong("download %d: the bytes differ", index) end
      else
        count(self.counts, "failed")
        count(self.errors, ("%s %s"):format(tostring(entry.kind), tostring(entry.code)))
        if not is_true(entry) or entry.message:find "^LEFT" then
          self:wrong("download %d: %s %s: %s", index, tostring(entry.kind), tostring(entry.code),
            tostring(entry.message))
        end
      end
    end
  end
  return self
end

return ledger
