--- Where a download goes: a path, a file handle, a function, or a string.

local core = require "connectparticipant.core"

local sink = {}

---@class connectparticipant.Sink
local Sink = {}
Sink.__index = Sink

local KINDS = { path = true, file = true, write = true }

function sink.is_kind(name)
  return KINDS[name] == true
end

local function failed(err)
  err.operation, err.step = "GetAttachment", "get"
  return nil, err
end

--- Opens the sink of the parameters; a path is written aside until `commit`.
---@return connectparticipant.Sink|nil
---@return connectparticipant.Error|nil
function sink.open(params)
  local opened, err
  if params.path then
    opened, err = core.open_sink(params.path)
  elseif params.file then
    opened, err = core.file_sink(params.file)
  else
    return setmetatable({ write = params.write, chunks = {}, count = 0, bytes = 0 }, Sink)
  end
  if not opened then return failed(err) end
  return setmetatable({ opened = opened }, Sink)
end

--- What the engine writes to.
function Sink:handle()
  return self.opened or "drain"
end

--- Bytes that have arrived for good.
function Sink:size()
  return self.opened and self.opened:size() or self.bytes
end

--- Takes a chunk that the engine has not written itself; an error where that fails.
function Sink:take(chunk)
  if not self.write then
    self.count = self.count + 1
    self.chunks[self.count] = chunk
  else
    local ok, problem = self.write(chunk)
    if ok == false or (ok == nil and problem ~= nil) then
      return core.new_error {
        kind = "sink", code = "WriteFailed", operation = "GetAttachment", step = "get",
        message = "write failed" .. (problem ~= nil and ": " .. tostring(problem) or ""),
      }
    end
  end
  self.bytes = self.bytes + #chunk
end

--- Begins again; false where bytes that are gone cannot be taken back.
function Sink:restart()
  if self.opened then return (self.opened:restart()) end
  if self.write then return self.bytes == 0 end
  self.chunks, self.count, self.bytes = {}, 0, 0
  return true
end

function Sink:commit()
  if not self.opened then return true end
  local ok, err = self.opened:commit()
  if not ok then return failed(err) end
  return true
end

function Sink:body()
  if self.opened or self.write then return nil end
  return table.concat(self.chunks)
end

function Sink:close()
  if self.opened then self.opened:discard() end
end

return sink
