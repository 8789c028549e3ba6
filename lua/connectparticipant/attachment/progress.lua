-- Tells a caller how far a transfer is, and keeps the numbers of its job: never backwards, not too
-- often, once a second while nothing moves, and the end only once it is certain.

local failure = require "connectparticipant.error"

local progress = {}

-- Seconds between two calls while bytes move.
local INTERVAL = 0.04

-- Seconds between two looks where nobody is called: job:progress() may ask.
local LOOK = 0.25

---@class connectparticipant.Progress
---@field job connectparticipant.Job
---@field fn? fun(moved: integer, total: integer): any
---@field total? integer nil as long as it is not known
---@field told integer the largest number that has been told
---@field called number when `fn` was last called, of the clock
---@field due number when the transfer has to be looked at again
local Progress = {}
Progress.__index = Progress

--- When the transfer has to be looked at again.
---@return number moment of the clock
function Progress:moment()
  return self.due
end

local function call(self, now)
  self.called = now
  if self.job:callback(self.fn, self.told, self.total) ~= false then return nil end
  return failure.cancelled("on_progress returned false")
end

--- Takes how many bytes have moved, and tells the caller if it is time to.
---@param moved integer
---@return connectparticipant.Error|nil stopped the caller wants to cancel
function Progress:report(moved)
  local job = self.job
  local now = job.clock.now()
  if now < self.due then return nil end
  self.due = now + (self.fn and INTERVAL or LOOK)
  -- A retry begins again, and the end is told once it is certain.
  if moved <= self.told or moved >= self.total then return nil end
  self.told, job.moved = moved, moved
  return self.fn and call(self, now)
end

--- Tells the caller once more, so that it can cancel what does not move. The job calls this about
--- once a second, whatever it waits for.
---@param now number
---@return connectparticipant.Error|nil stopped
function Progress:tick(now)
  if now - self.called < INTERVAL then return nil end
  return call(self, now)
end

--- Says how many bytes there are, once that is known; from then on the caller is called.
---@param total integer
function Progress:begin(total)
  local job = self.job
  self.total, job.moved, job.total = total, self.told, total
  if self.fn then job.tick = function(_, now) return self:tick(now) end end
end

--- Tells that everything has moved.
---@return connectparticipant.Error|nil stopped
function Progress:finish()
  local job = self.job
  if self.told == self.total then return nil end
  self.told, job.moved = self.total, self.total
  return self.fn and call(self, job.clock.now())
end

---@param job connectparticipant.Job
---@param fn? fun(moved: integer, total: integer): any only an explicit `false` cancels
---@return connectparticipant.Progress
function progress.new(job, fn)
  local now = job.clock.now()
  return setmetatable({
    job = job, fn = fn, told = 0, called = now, due = now + (fn and INTERVAL or LOOK),
  }, Progress)
end

return progress
