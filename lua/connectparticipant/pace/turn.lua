-- A job waits for its turn. Knows how a job waits and what ends that; when the turn is, the pace
-- tells.

local turn = {}

-- Whoever is too far behind to get a turn asks again after so long, in seconds: somewhere in the
-- upper half, so that not all ask at once.
local ASK_AGAIN = 1

-- The turn of a work, while one is booked and not used.
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

-- The job lets go of its turn however it ends, also while it sleeps.
local function turn_of(job, work, pace, key)
  if not work.turn then
    work.turn = setmetatable({ pace = pace, key = key }, Turn)
    job:hold(work.turn, "give_back")
  end
  return work.turn
end

-- Sleeps until the turn. Gives whether it is still good, or why the job must not go on.
local function await(job, own, wait, booking)
  own.booking = booking
  if wait == 0 then return true end
  local stopped = job:sleep(wait)
  if stopped then return nil, stopped end
  return own.pace:stands(own.key, booking)
end

--- Waits until the pace lets the work be attempted. `work.turn` is the turn then, if there is one.
---@param job connectparticipant.Job
---@param work connectparticipant.Work
---@return number|nil waited seconds; nil when the turn would come too late
---@return connectparticipant.Error|nil stopped why the job must not go on
function turn.wait(job, work)
  local clock, pace, key = job.clock, job.client.pace, work.pace or work.operation
  local began = clock.now()
  while true do
    local wait, booking = pace:reserve(key, clock.now() + job:patience())
    local is_ready, stopped
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
