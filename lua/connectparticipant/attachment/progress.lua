-- Tells a caller how far a transfer is: never backwards, not too often, and always its end.

local progress = {}

local INTERVAL = 0.04 -- seconds between two calls

---@class connectparticipant.Progress
local Progress = {}
Progress.__index = Progress

--- When the transfer has to be looked at again; nil when nobody wants to know.
---@return number|nil
function Progress:moment()
  return self.fn and self.due
end

--- Reports how many bytes have moved, if it is time to; false when the caller wants to cancel.
---@param moved integer
---@return boolean
function Progress:report(moved)
  if not self.fn then return true end
  local now = self.now()
  if now < self.due then return true end
  self.due = now + INTERVAL
  -- A retry begins again, and the end is told once it is certain.
  if moved <= self.told or moved >= self.total then return true end
  self.told = moved
  return self.fn(moved, self.total) ~= false
end

--- Reports that everything has moved.
---@return boolean
function Progress:finish()
  if not self.fn or self.told == self.total then return true end
  self.told = self.total
  return self.fn(self.total, self.total) ~= false
end

---@param fn? fun(moved: integer, total: integer): any
---@param total integer
---@param now fun(): number
---@return connectparticipant.Progress
function progress.new(fn, total, now)
  return setmetatable({ fn = fn, total = total, now = now, told = 0, due = now() + INTERVAL },
    Progress)
end

return progress
