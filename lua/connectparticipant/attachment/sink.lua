-- Where a download goes: a path, a file handle, a function, or a string.

local core = require "connectparticipant.core"
local failure = require "connectparticipant.error"

local sink = {}

--- The members of which a download takes at most one.
sink.NAMES = { "path", "file", "write" }

local WHERE = { operation = "GetAttachment", step = "get" }

---@class connectparticipant.Sink
local Sink = {}
Sink.__index = Sink

--- Opens the sink of the parameters; what goes to a path is written aside until `commit`.
---@return connectparticipant.Sink|nil
---@return connectparticipant.Error|nil
function sink.open(params)
  local handle, err
  if params.path then
    handle, err = core.open_sink(params.path)
  elseif params.file then
    handle, err = core.file_sink(params.file)
  else
    return setmetatable({ write = params.write, chunks = {}, count = 0, bytes = 0 }, Sink)
  end
  if not handle then
    err.operation, err.step = WHERE.operation, WHERE.step
    return nil, err
  end
  return setmetatable({ handle = handle }, Sink)
end

--- What the engine writes to by itself, or its word for being drained.
function Sink:target()
  return self.handle or "drain"
end

--- Bytes that have arrived so far.
---@return integer
function Sink:size()
  return self.handle and self.handle:size() or self.bytes
end

--- Takes a chunk that the engine has not written itself. Gives an error when that fails.
---@return connectparticipant.Error|nil
function Sink:take(chunk, job)
  self.bytes = self.bytes + #chunk
  if not self.write then
    self.count = self.count + 1
    self.chunks[self.count] = chunk
    return nil
  end
  local ok, problem = job:callback(self.write, chunk)
  if not ok and problem ~= nil then
    return failure.sink("WriteFailed", "write failed: " .. tostring(problem), WHERE)
  end
  if ok == false then return failure.cancelled("write returned false", WHERE) end
end

--- Begins again; false where bytes that are gone cannot be taken back.
---@return boolean
function Sink:restart()
  if self.handle then return self.handle:restart() == true end
  if self.write then return self.bytes == 0 end
  self.chunks, self.count, self.bytes = {}, 0, 0
  return true
end

--- Everything is there: a path gets its file now.
---@return boolean|nil
---@return connectparticipant.Error|nil
function Sink:commit()
  if not self.handle then return true end
  local ok, err = self.handle:commit()
  if not ok then err.operation, err.step = WHERE.operation, WHERE.step end
  return ok, err
end

--- The bytes, where they were to become a string.
---@return string|nil
function Sink:body()
  if self.handle or self.write then return nil end
  return table.concat(self.chunks)
end

function Sink:discard()
  if self.handle then self.handle:discard() end
end

return sink
