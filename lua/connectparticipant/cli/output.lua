--- Standard output whose failures are noticed: a full disk, a closed descriptor, a reader that has
-- gone. What is written is buffered, and so it takes a flush to know.

local interrupt = require "connectparticipant.cli.interrupt"

---@class connectparticipant.Output
---@field problem? string why something could not be written
local Output = {}
Output.__index = Output

local output = {}

-- POSIX's EPIPE, and the status with which a shell tells that SIGPIPE ended a program.
local BROKEN_PIPE, ENDED_BY_SIGPIPE = 32, 141

---@param file file*
---@return connectparticipant.Output
function output.new(file)
  return setmetatable({ file = file }, Output)
end

local function note(self, ok, problem, code)
  if ok then return true end
  interrupt.check()
  self.problem, self.code = problem or "it cannot be written", code
  return nil, self.problem
end

--- As file:write, but nothing more is tried after a failure.
---@return boolean|nil
---@return string|nil problem
function Output:write(...)
  if self.problem then return nil, self.problem end
  return note(self, self.file:write(...))
end

---@return boolean|nil
---@return string|nil problem
function Output:flush()
  if self.problem then return nil, self.problem end
  return note(self, self.file:flush())
end

--- Whether everything was written: the status to end with instead, where it was not, and what to
-- say. Nothing is said of a reader that has gone: it has seen what it wanted.
---@return integer|nil status
---@return string|nil message
function Output:failure()
  self:flush()
  if not self.problem then return nil end
  if self.code == BROKEN_PIPE then return ENDED_BY_SIGPIPE end
  return 1, "standard output: " .. self.problem
end

return output
