--- Tells a caller how far a transfer is: never backwards, not too often, and always the end.

local core = require "connectparticipant.core"

local progress = {}

local INTERVAL = 0.05 -- seconds between two calls

---@class connectparticipant.Progress
local Progress = {}
Progress.__index = Progress

local function call(self, moved)
  self.told = moved
  self.next = self.now() + INTERVAL
  return self.fn(moved, self.total) ~= false
end

--- Reports `moved` bytes; false when the caller wants to cancel.
---@return boolean
function Progress:report(moved)
  if not self.fn or moved <= self.told or moved >= self.total then return true end
  if self.now() < self.next then return true end
  return call(self, moved)
end

--- Reports that everything has been moved.
---@return boolean
function Progress:finish()
  if not self.fn or self.finished then return true end
  self.finished = true
  return call(self, self.total)
end

function progress.cancelled(operation, step)
  return core.new_error {
    kind = "cancelled", code = "Cancelled", operation = operation, step = step,
    message = "on_progress returned false",
  }
end

---@param fn? fun(moved: integer, total: integer): any
---@param total integer
---@param now fun(): number
function progress.new(fn, total, now)
  return setmetatable({ fn = fn, total = total, now = now, told = -1, next = 0 }, Progress)
end

return progress
