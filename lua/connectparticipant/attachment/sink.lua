-- Where a download goes: a path, a file handle, a function, or a string.

local core = require "connectparticipant.core"
local failure = require "connectparticipant.error"

local sink = {}

--- The members of which a download takes at most one.
sink.NAMES = { "path", "file", "write" }

-- Seconds between polls of a file that the disk thread is syncing.
local SHORTEST_LOOK, LONGEST_LOOK, GROWTH = 0.0005, 0.05, 1.5

-- Seconds that fsync of a path's file may take: it reports no progress, and other programs' writes
-- may be ahead of it.
local LONGEST_SYNC = 60

local WHERE = { operation = "GetAttachment", step = "get" }

---@class connectparticipant.Sink
local Sink = {}
Sink.__index = Sink

--- Opens the sink of the parameters; what goes to a path is written aside until `commit`.
---@return connectparticipant.Sink|nil
---@return connectparticipant.Error|nil
function sink.open(params)
  local handle, err
  if params.write then
    return setmetatable({ write = params.write, bytes = 0 }, Sink)
  elseif params.path then
    handle, err = core.open_sink(params.path)
  elseif params.file then
    handle, err = core.file_sink(params.file)
  else
    handle, err = core.memory_sink()
  end
  if not handle then
    err.operation, err.step = WHERE.operation, WHERE.step
    return nil, err
  end
  return setmetatable({
    handle = handle, is_path = params.path ~= nil, is_string = not (params.path or params.file),
  }, Sink)
end

--- What the engine writes to itself, or "drain" if the caller takes the bytes from it.
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
  return self.bytes == 0
end

local function located(err)
  err.operation, err.step = WHERE.operation, WHERE.step
  return nil, err
end

-- Whether nothing else goes on while the job waits.
local function is_alone(job)
  local loop = job.loop
  return loop.driver.alone and not job.task and not loop.background
end

-- Waits for the disk thread to write what is left and sync it. Returns an error if that fails,
-- takes too long, or the job has to stop.
local function finish(self, job)
  local pause, stall = SHORTEST_LOOK, job.client.config.stall_timeout
  local wait = is_alone(job) and LONGEST_LOOK or 0
  local moved, since = nil, core.now() -- of the system, whose disk it is
  if self.is_path then stall = math.max(stall, LONGEST_SYNC) end
  while true do
    local done, what = self.handle:finished(wait)
    if done then return true end
    if done == false then return located(what) end
    local time, left = core.now(), job:left() or math.huge
    if what ~= moved then moved, since = what, time end
    if left <= 0 then
      return nil, failure.timeout("the time was over before the file was written (timeout)", WHERE)
    end
    if time - since >= stall then
      return nil, failure.timeout(("what it is written to took nothing for %g s (stall_timeout)")
        :format(stall), WHERE)
    end
    local stopped = job:sleep(math.min(pause, left))
    if stopped then return nil, stopped end
    pause = math.min(pause * GROWTH, LONGEST_LOOK)
  end
end

--- Everything is there: a path gets its file now.
---@param job connectparticipant.Job
---@return boolean|nil
---@return connectparticipant.Error|nil
function Sink:commit(job)
  if not self.handle then return true end
  local ok, err = self.handle:commit(is_alone(job))
  if ok == "pending" then return finish(self, job) end
  if not ok then return located(err) end
  return true
end

--- The bytes, where they were to become a string.
---@return string|nil
function Sink:body()
  return self.is_string and self.handle:body() or nil
end

function Sink:discard()
  if self.handle then self.handle:discard() end
end

return sink
