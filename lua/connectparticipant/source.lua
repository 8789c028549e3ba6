--- Where an attachment's bytes come from: a path, a string, a file handle, or a function.

local core = require "connectparticipant.core"
local progress_of = require "connectparticipant.progress"

local source = {}

-- A reader that has nothing yet is asked again so many times, ever more slowly.
local MOST_EMPTY = 200
local LONGEST_PAUSE = 0.05

---@class connectparticipant.Source
local Source = {}
Source.__index = Source

local KINDS = { path = true, body = true, file = true, read = true }

function source.is_kind(name)
  return KINDS[name] == true
end

local function mismatch(size, announced)
  return core.new_error {
    kind = "source", code = size < announced and "SourceTooShort" or "SourceTooLong",
    operation = "StartAttachmentUpload",
    message = ("the source has %.0f bytes, not the %.0f announced"):format(size, announced),
  }
end

local function open(params)
  if params.body then return { body = params.body, size = #params.body } end
  if params.read then return { read = params.read, size = params.AttachmentSizeInBytes } end
  local opened, err
  if params.path then
    opened, err = core.open_source(params.path)
  else
    opened, err = core.file_source(params.file)
  end
  if not opened then
    err.operation = "StartAttachmentUpload"
    return nil, err
  end
  return { opened = opened, size = opened:size() }
end

--- Opens the one source of the parameters.
---@return connectparticipant.Source|nil
---@return connectparticipant.Error|nil
function source.open(params)
  local opened, err = open(params)
  if not opened then return nil, err end
  setmetatable(opened, Source)
  local announced = params.AttachmentSizeInBytes
  if type(announced) == "number" and announced ~= opened.size then
    opened:close()
    return nil, mismatch(opened.size, announced)
  end
  return opened
end

function Source:close()
  if self.opened then self.opened:close() end
end

--- What the engine reads from; nil where it has to be fed.
function Source:handle()
  return self.body or self.opened
end

--- Whether its bytes can be sent once more.
function Source:can_repeat()
  return not self.read or not self.begun
end

local function source_error(code, message)
  return core.new_error {
    kind = "source", code = code, message = message, operation = "StartAttachmentUpload",
    step = "put",
  }
end

-- Asks the caller's function for its next chunk: the chunk, nil at the end, or nil and an error.
local function next_chunk(self, client)
  self.begun = true
  for empty = 1, MOST_EMPTY do
    local chunk = self.read()
    if chunk == nil then return nil end
    if type(chunk) ~= "string" then
      return nil, source_error("NotAString",
        ("read must return a string or nil, not a %s"):format(type(chunk)))
    end
    if chunk ~= "" then return chunk end
    client:sleep(math.min(empty / 1000, LONGEST_PAUSE))
  end
  return nil, source_error("NoProgress",
    ("read had no data %d times in a row"):format(MOST_EMPTY))
end

-- Feeds the exchange its next chunk; an error where there is none to feed.
local function feed(self, client, exchange)
  local chunk, err = next_chunk(self, client)
  if err then return err end
  exchange:feed(chunk)
end

--- Runs the PUT to its end.
---@return table|nil result
---@return connectparticipant.Error|nil err
function Source:send(client, exchange, progress)
  local function tick()
    return progress:report((exchange:progress()))
  end
  local state, err
  repeat
    state = client:await(exchange, progress.fn and tick)
    if state == "need_data" then err = feed(self, client, exchange) end
  until state == "done" or state == "cancelled" or err
  if err or state == "cancelled" then
    exchange:cancel()
    return nil, err or progress_of.cancelled("StartAttachmentUpload", "put")
  end
  local result
  result, err = exchange:result()
  if result and not progress:finish() then
    return nil, progress_of.cancelled("StartAttachmentUpload", "put")
  end
  return result, err
end

return source
