-- Lets a job wait for its turn. This module knows how a job waits and what ends the wait; the pace
-- decides when the turn is.

local turn = {}

-- A job too far back to book a turn asks again after this many seconds at most: a random delay from
-- the upper half, so that jobs do not retry in lockstep.
local ASK_AGAIN = 1

-- The turn that is booked for a work item and not used yet.
---@class connectparticipant.Turn
---@field pace connectparticipant.Pace
---@field key string
---@field booking? connectparticipant.Booking
local Turn = {}
Turn.__index = Turn

--- The turn is not used. Harmless when none is booked.
function Turn:give_back()
  local booking = self.booking
  if not booking then return end
  self.booking = nil
  self.pace:give_back(self.key, booking)
end

--- The request is sent in this turn.
function Turn:use()
  self.booking = nil
end

-- The job gives its turn back however it ends, even while it sleeps.
local function turn_of(job, work, pace, key)
  if not work.turn then
    work.turn = setmetatable({ pace = pace, key = key }, Turn)
    job:hold(work.turn, "give_back")
  end
  return work.turn
end

-- The turns that a `map` has taken at once for the calls it is going to make, and that none has
-- used yet.
---@class connectparticipant.SpareTurns
---@field pace connectparticipant.Pace
---@field key string
---@field bookings connectparticipant.Booking[] in their order
local Spare = {}
Spare.__index = Spare

--- Gives back what was not needed.
function Spare:give_back()
  for index = #self.bookings, 1, -1 do self.pace:give_back(self.key, self.bookings[index]) end
  self.bookings = {}
end

-- The next of the turns that the map has taken, and the seconds until it comes.
local function next_spare(group, pace, key, latest, now)
  local spare = group.spare and group.spare[key]
  while spare and spare.bookings[1] do
    local booking = table.remove(spare.bookings, 1)
    local stands, more = pace:stands(key, booking)
    if stands and now + (more or 0) < latest then return more or 0, booking end
    pace:give_back(key, booking)
  end
end

-- One call's booking for all of its map. While the store waits for a server, the map's other calls
-- run: they wait for this, and book no turns of their own.
---@class connectparticipant.GroupBooking
---@field group connectparticipant.Job
---@field key string
---@field others table<connectparticipant.Job, true> who waits
local GroupBooking = {}
GroupBooking.__index = GroupBooking

--- Lets the others go on. The job that books holds this, so they do even where it was killed.
function GroupBooking:finish()
  local asking = self.group.asking
  if asking[self.key] == self then asking[self.key] = nil end
  for other in pairs(self.others) do
    if other.waker then other.waker:wake() end
  end
end

-- Books as many turns as the map needs at once; gives the first.
local function reserve_many(job, group, key, latest)
  local pace, count = job.client.pace, group.expects[key]
  local own = setmetatable({ group = group, key = key, others = {} }, GroupBooking)
  group.expects[key] = nil
  group.asking = group.asking or {}
  group.asking[key] = own
  job:hold(own, "finish")
  local wait, booking, further = pace:reserve(key, latest, job, count)
  if further and further[1] then
    local spare = setmetatable({ pace = pace, key = key, bookings = further }, Spare)
    group.spare = group.spare or {}
    group.spare[key] = spare
    group:hold(spare, "give_back")
  end
  own:finish()
  return wait, booking
end

-- Waits while another call of the map books turns for all of them; for ASK_AGAIN seconds at most,
-- for a killed light thread may not be noticed before.
local function await_group(job, key)
  local group = job.outer
  local booking = group and group.asking and group.asking[key]
  if not booking then return nil end
  booking.others[job] = true
  job.loop:await_end(job, job.clock.now() + math.min(ASK_AGAIN, job:patience()), function()
    return group.asking[key] ~= booking
  end)
  booking.others[job] = nil
  return job:problem()
end

-- Books a turn for a job; as Pace:reserve.
local function reserve(job, key)
  local pace, now, group = job.client.pace, job.clock.now(), job.outer
  local latest = now + job:patience()
  if not group or not group.expects then return pace:reserve(key, latest, job) end
  if group.expects[key] then return reserve_many(job, group, key, latest) end
  local wait, booking = next_spare(group, pace, key, latest, now)
  if wait then return wait, booking end
  return pace:reserve(key, latest, job)
end

-- Sleeps until the turn. Gives whether it is still good, or why the job must not go on.
local function await(job, own, wait, booking)
  own.booking = booking
  while wait > 0 do
    local stopped = job:sleep(own.pace:nap(booking, wait))
    if stopped then return nil, stopped end
    local stands, more = own.pace:stands(own.key, booking, job)
    if not stands then
      own.booking = nil
      return false
    end
    wait = more or 0
    -- It has moved beyond the deadline: the next question will tell that there is none.
    if wait > 0 and wait >= job:patience() then
      own:give_back()
      return false
    end
  end
  return true
end

--- Waits until the pace lets the work be attempted. `work.turn` is the turn then, if there is one.
---@param job connectparticipant.Job
---@param work connectparticipant.Work
---@return number|nil waited seconds; nil when the turn would come too late
---@return connectparticipant.Error|nil stopped why the job must not go on
function turn.wait(job, work)
  local clock, pace, key = job.clock, job.client.pace, work.pace or work.operation
  if pace:is_idle(key) then return 0 end
  local began = clock.now()
  while true do
    local is_ready, stopped = nil, await_group(job, key)
    if stopped then return clock.now() - began, stopped end
    local wait, booking = reserve(job, key)
    if wait and booking then
      is_ready, stopped = await(job, turn_of(job, work, pace, key), wait, booking)
    elseif wait then
      is_ready = true
    elseif not booking then
      return nil
    else
      local pause = ASK_AGAIN * (1 + clock.random()) / 2
      stopped = job:sleep(math.max(0, math.min(pause, job:patience())))
    end
    if is_ready or stopped then return clock.now() - began, stopped end
  end
end

return turn
