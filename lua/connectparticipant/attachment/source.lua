-- Where an attachment's bytes come from: a path, a string, a file handle, or a function.

local core = require "connectparticipant.core"
local failure = require "connectparticipant.error"

local source = {}

--- The members of which an upload takes exactly one.
source.NAMES = { "path", "body", "file", "read" }

-- A `read` function that returns "" is called this many times, at growing intervals.
local MOST_EMPTY = 200
local LONGEST_PAUSE = 0.05

local WHERE = { operation = "StartAttachmentUpload", step = "put" }

---@class connectparticipant.Source
---@field size integer
local Source = {}
Source.__index = Source

-- 20971520.0 is a whole number too; Lua 5.3 and later print it differently.
local to_integer = rawget(math, "tointeger") or function(number) return number end

local function whole(size)
  return type(size) == "number" and to_integer(size) or size
end

local function open(params)
  if params.body then return { body = params.body, size = #params.body } end
  if params.read then
    return { read = params.read, size = whole(params.AttachmentSizeInBytes), empty = 0 }
  end
  local handle, err
  if params.path then
    handle, err = core.open_source(params.path)
  else
    handle, err = core.file_source(params.file)
  end
  if not handle then return nil, err end
  return { handle = handle, size = handle:size() }
end

--- Opens the one source of the parameters.
---@return connectparticipant.Source|nil
---@return connectparticipant.Error|nil
function source.open(params)
  local opened, err = open(params)
  if not opened then
    err.operation, err.step = WHERE.operation, WHERE.step
    return nil, err
  end
  local announced = params.AttachmentSizeInBytes
  if type(announced) == "number" and announced ~= opened.size then
    if opened.handle then opened.handle:close() end
    return nil, failure.source(opened.size < announced and "SourceTooShort" or "SourceTooLong",
      ("the source has %.0f bytes, not the %.0f announced"):format(opened.size, announced),
      WHERE)
  end
  return setmetatable(opened, Source)
end

function Source:close()
  if self.handle then self.handle:close() end
end

--- What the engine reads itself; nil if it must be fed.
function Source:content()
  return self.body or self.handle
end

--- Whether its bytes can be sent once more: those of a function are gone.
---@return boolean
function Source:can_repeat()
  return not self.begun
end

local function no_data(self, job)
  self.empty = self.empty + 1
  if self.empty >= MOST_EMPTY then
    return failure.source("NoProgress",
      ("read had no data %d times in a row"):format(MOST_EMPTY), WHERE)
  end
  return job:sleep(math.min(self.empty / 1000, LONGEST_PAUSE))
end

--- Asks the function for its next chunk, and feeds it to the exchange. Gives an error when there is
-- nothing to feed it.
---@return connectparticipant.Error|nil
function Source:feed(job, exchange)
  self.begun = true
  local chunk, problem = job:callback(self.read)
  if chunk == "" then return no_data(self, job) end
  self.empty = 0
  if chunk ~= nil and type(chunk) ~= "string" then
    return failure.source("NotAString",
      ("read must return a string or nil, not a %s"):format(type(chunk)), WHERE)
  end
  local fed, err = exchange:feed(chunk)
  if fed then return nil end
  if problem ~= nil and err.code == "SourceTooShort" then
    return failure.source("ReadFailed", "read failed: " .. tostring(problem), WHERE)
  end
  return err
end

return source
