-- Calls on_progress and keeps the job's numbers: they never go back, calls are rate-limited but
-- come at least once a second, and the end is reported only when it is certain.

local failure = require "connectparticipant.error"

local progress = {}

-- Seconds between polls of a transfer.
local INTERVAL = 0.04

---@class connectparticipant.Progress
---@field job connectparticipant.Job
---@field fn? fun(moved: integer, total: integer): any
---@field flow? connectparticipant.Flow what is moved by `exchange`
---@field exchange? userdata the transfer that is under way
---@field total? integer nil as long as it is not known
---@field told integer the largest number passed to the caller
---@field called number when `fn` was last called, of the clock
---@field due number when to look at the transfer again
local Progress = {}
Progress.__index = Progress

-- All transfers are polled at the same moments, so that thousands share one wake-up. The result is
-- always in the future, however the division rounds.
local function next_moment(now)
  return math.floor(now / INTERVAL + 1.5) * INTERVAL
end

local function call(self, now)
  self.called = now
  if self.job:callback(self.fn, self.told, self.total or 0) ~= false then return nil end
  return failure.cancelled("on_progress returned false")
end

--- Brings the numbers of the job up to date. A retry begins again, and the end is certain only when
--- the store has said so: neither shows.
---@return integer moved
function Progress:measure()
  local job, exchange = self.job, self.exchange
  local moved = exchange and self.flow:moved(exchange) or 0
  if moved > job.moved and moved < job.total then job.moved = moved end
  return job.moved
end

--- Looks at the transfer if it is time to, and tells the caller when more has moved.
---@return connectparticipant.Error|nil stopped the caller wants to cancel
function Progress:look()
  local now = self.job.clock.now()
  if now < self.due then return nil end
  self.due = next_moment(now)
  local moved = self:measure()
  if not self.fn or moved == self.told then return nil end
  self.told = moved
  return call(self, now)
end

--- Tells the caller once more, so that it can cancel what does not move. The job calls this about
--- once a second, whatever it waits for.
---@param now number
---@return connectparticipant.Error|nil stopped
function Progress:tick(now)
  if now - self.called < INTERVAL then return nil end
  return call(self, now)
end

--- Says how many bytes there are, once that is known.
---@param total integer
function Progress:begin(total)
  local job = self.job
  self.total = total
  job.moved, job.total, job.told = 0, total, self
end

--- Tells that everything has moved.
---@return connectparticipant.Error|nil stopped
function Progress:finish()
  local job = self.job
  job.moved = self.total
  if not self.fn or self.told == self.total then return nil end
  self.told = self.total
  return call(self, job.clock.now())
end

--- From here on the caller is called: what hangs before the total is known has to be cancelled,
--- too, and the total is 0 until then.
---@param job connectparticipant.Job
---@param fn? fun(moved: integer, total: integer): any only an explicit `false` cancels
---@return connectparticipant.Progress
function progress.new(job, fn)
  local now = job.clock.now()
  local self = setmetatable({
    job = job, fn = fn, told = 0, called = now, due = next_moment(now),
  }, Progress)
  if fn then job:call_each_second(function(_, moment) return self:tick(moment) end) end
  return self
end

return progress
