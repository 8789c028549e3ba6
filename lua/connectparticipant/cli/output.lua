--- Standard output whose failures are noticed: a full disk, a closed descriptor, a reader that has
-- gone. Writes are buffered, so only a flush shows whether they succeeded.

local interrupt = require "connectparticipant.cli.interrupt"

---@class connectparticipant.Output
---@field problem? string why a write failed
local Output = {}
Output.__index = Output

local output = {}

-- EPIPE, and the exit status by which a shell reports that SIGPIPE ended a program.
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

--- Like file:write, but writes nothing more after a failure.
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

--- Returns nothing if everything was written; otherwise the exit status, and what to print. Nothing
-- is printed about a reader that has gone, as `head` does: it has seen what it wanted.
---@return integer|nil status
---@return string|nil message
function Output:failure()
  self:flush()
  if not self.problem then return nil end
  if self.code == BROKEN_PIPE then return ENDED_BY_SIGPIPE end
  return 1, "standard output: " .. self.problem
end

return output
