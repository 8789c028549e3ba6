-- The arithmetic of a pace: whose turn is when, and how fast turns follow each other. Pure
-- functions over a table of whole numbers; they need nothing but `math`, so that the same text can
-- run where the numbers are kept. Knows neither clocks nor where the numbers come from.

local rate = {}

local floor, max, min = math.floor, math.max, math.min

-- All times are whole microseconds: exact in a double, and written without a decimal point.
local SECOND = 1000000

-- No turn is booked further ahead, so what is booked at an old rate, or given back from the middle
-- of the queue, matters no longer than this. Whoever is behind asks again.
local HORIZON = 4 * SECOND

-- What goes through is measured over windows of this length. A pause ends a window, so that idle
-- time dilutes nothing, and what was measured is believed for a while.
local WINDOW, PAUSE, RECENT = 2 * SECOND, SECOND, 5 * SECOND

-- Requests that are already on their way are refused for the same reason as the first one: one cut
-- in so long answers them all.
local GRACE = SECOND

-- After a cut the rate follows a cubic curve, like TCP's congestion window and AWS's adaptive mode:
-- from 85 % it is back at the limit that was found in 1.4 s, stays near it, and then leaves it ever
-- faster: 3 times as much after 5 s, 30 times after 10 s.
local KEPT, STEEPNESS = 0.85, 0.05
local PLATEAU = ((1 - KEPT) / STEEPNESS) ^ (1 / 3) -- seconds

-- Without a refusal for this long, the pace is forgotten.
local FORGET = 60 * SECOND

---@class connectparticipant.PaceState whole numbers only; times in microseconds, 0 for never
---@field seen integer when it was changed last
---@field limit integer requests in 1,000 s that went through before the last cut; 0: none is known
---@field cut_at integer when the rate was cut last
---@field next integer the turn that follows the last one booked, were there no burst
---@field since integer when the present window began
---@field last integer when something went through last
---@field count integer what went through in the present window
---@field measured integer what went through before it, in 1,000 s
---@field measured_at integer when that was

--- The names of a state's numbers, in the order in which they are written down.
rate.FIELDS = {
  "seen", "limit", "cut_at", "next", "since", "last", "count", "measured", "measured_at",
}

---@param state? table to begin anew in
---@return connectparticipant.PaceState
function rate.new(state)
  state = state or {}
  for _, name in ipairs(rate.FIELDS) do state[name] = 0 end
  return state
end

---@class connectparticipant.PaceLimits what the service allows at least
---@field rate number requests a second; no pace is ever slower
---@field burst integer requests at once after a pause

-- Whether the numbers can be right. Not if the clock went back, or if no arithmetic of ours gave
-- them: they tell nothing then, and the pace begins anew.
local function is_possible(state, now, limits)
  if state.seen > now + SECOND then return false end
  if state.next <= now then return true end
  return state.next <= now + HORIZON + floor(limits.burst / limits.rate * SECOND) + SECOND
end

-- Microseconds from one turn to the next; nil if there is no pace.
local function interval_of(state, now, limits)
  local calm = now - state.cut_at
  if state.limit == 0 or calm > FORGET then return nil end
  local growth = 1 + STEEPNESS * (max(calm, 0) / SECOND - PLATEAU) ^ 3
  local speed = max(limits.rate, state.limit / 1000 * growth)
  return max(1, floor(SECOND / speed))
end

---@class connectparticipant.Booking a turn that was reserved
---@field ending integer what `next` became by it
---@field interval integer
---@field cut_at integer the cut before it

--- Books a turn, if it comes in time; what is not booked changes nothing.
---@param state connectparticipant.PaceState
---@param now integer
---@param latest number a turn from then on is of no use
---@param limits connectparticipant.PaceLimits
---@return integer|nil wait microseconds until the turn; nil: it is not booked
---@return connectparticipant.Booking|boolean|nil booking nil where there is no pace. If no turn is
-- booked: true if asking again later may help
function rate.reserve(state, now, latest, limits)
  if not is_possible(state, now, limits) then rate.new(state) end
  local interval = interval_of(state, now, limits)
  if not interval then return 0 end
  local turn = max(now, state.next - (limits.burst - 1) * interval)
  if turn >= latest then return nil, false end
  if turn > now + HORIZON then return nil, true end
  state.next = max(state.next, now) + interval
  state.seen = now
  return turn - now, { ending = state.next, interval = interval, cut_at = state.cut_at }
end

--- Whether a turn is still good when it comes: a cut voids all that were booked before it, so that
-- no queue goes on at a rate that the service has refused.
---@param state connectparticipant.PaceState
---@param booking connectparticipant.Booking
---@return boolean
function rate.stands(state, booking)
  return state.cut_at == booking.cut_at
end

--- Gives a turn back that is not used, if nobody has booked a later one.
---@param state connectparticipant.PaceState
---@param booking connectparticipant.Booking
---@return boolean given whether that changed anything
function rate.give_back(state, booking)
  if state.next ~= booking.ending then return false end
  state.next = booking.ending - booking.interval
  return true
end

-- Requests in 1,000 s, as the present window has it so far.
local function speed_of(state)
  local span = max(SECOND, state.last - state.since)
  return floor(max(0, state.count - 1) * 1000 * SECOND / span)
end

-- Requests in 1,000 s that went through lately: in the present window, or, while that is too young
-- to tell, before it.
local function recently(state, now)
  local present = now - state.last <= RECENT and speed_of(state) or 0
  if state.last - state.since >= SECOND or now - state.measured_at > RECENT then return present end
  return max(present, state.measured)
end

local function passed(state, now)
  if now - state.since >= WINDOW or now - state.last > PAUSE then
    local speed = speed_of(state)
    if speed >= recently(state, now) then state.measured, state.measured_at = speed, state.last end
    state.since, state.count = now, 0
  end
  state.count, state.last = state.count + 1, now
end

local function refused(state, now, limits)
  local interval = interval_of(state, now, limits)
  if not interval or now - state.cut_at >= GRACE then
    local reached = interval and floor(1000 * SECOND / interval) or math.huge
    state.limit = max(floor(limits.rate * 1000), min(reached, recently(state, now)))
    state.cut_at, state.next = now, 0
    interval = interval_of(state, now, limits)
  end
  -- A service that refuses has no burst left: the next turn is an interval from now.
  state.next = max(state.next, now + limits.burst * interval)
end

--- Tells what became of a request.
---@param state connectparticipant.PaceState
---@param now integer
---@param was_refused boolean for its rate; else it went through
---@param limits connectparticipant.PaceLimits
function rate.report(state, now, was_refused, limits)
  if not is_possible(state, now, limits) then rate.new(state) end
  state.seen = now
  if was_refused then refused(state, now, limits) else passed(state, now) end
end

return rate
