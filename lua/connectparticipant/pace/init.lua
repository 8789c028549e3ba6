--- How fast a client may send once the service has throttled it, one pace an operation, in the
-- manner of AWS's adaptive mode: cut back when throttled, creep up again while all goes well.

local pace = {}

local CUT = 0.85     -- of the rate that went through
local GROWTH = 0.05  -- requests a second more, each second without throttling
local SLOWEST = 0.5  -- requests a second
local WINDOW = 2     -- seconds over which the rate is measured
local FORGET = 60    -- seconds without throttling after which there is no pace any more

---@class connectparticipant.Pace
local Pace = {}
Pace.__index = Pace

-- What went through lately tells what the service allows.
local function measure(entry, now)
  local span = now - entry.since
  if span < WINDOW then return end
  entry.measured = entry.good / span
  entry.good, entry.since = 0, now
end

local function entry_of(self, operation, now)
  local entry = self.store:load(operation) or { good = 0, since = now, next_turn = now }
  measure(entry, now)
  return entry
end

--- Takes the next place in the queue; gives the seconds until its turn, 0 when nothing throttles.
---@param operation string
---@return number seconds
function Pace:reserve(operation)
  local entry = self.store:load(operation)
  if not entry or not entry.rate then return 0 end
  local now = self.now()
  measure(entry, now)
  local calm, turn = now - entry.throttled_at, math.max(now, entry.next_turn)
  if calm > FORGET and entry.next_turn <= now then
    entry.rate = nil
  else
    entry.next_turn = turn + 1 / (entry.rate + calm * GROWTH)
  end
  self.store:save(operation, entry)
  return turn - now
end

--- The service refused a request for its rate.
---@param operation string
function Pace:throttled(operation)
  local now = self.now()
  local entry = entry_of(self, operation, now)
  -- Requests already on their way say the same thing again; one cut answers them all.
  if entry.rate and now - entry.throttled_at < WINDOW then return end
  local through = entry.measured or entry.good / WINDOW
  local reached = entry.rate and entry.rate + (now - entry.throttled_at) * GROWTH or through
  entry.rate = math.max(SLOWEST, math.min(reached, through) * CUT)
  entry.throttled_at = now
  entry.next_turn = math.max(entry.next_turn, now) + 1 / entry.rate
  self.store:save(operation, entry)
end

--- A request went through.
---@param operation string
function Pace:succeeded(operation)
  local entry = entry_of(self, operation, self.now())
  entry.good = entry.good + 1
  self.store:save(operation, entry)
end

-- The numbers of one client alone.
local Store = {}
Store.__index = Store

function Store:load(operation)
  return self[operation]
end

function Store:save(operation, entry)
  self[operation] = entry
end

---@param now fun(): number monotonic seconds
---@param store? table with `load(operation)` and `save(operation, entry)`, where workers share it
---@return connectparticipant.Pace
function pace.new(now, store)
  return setmetatable({ now = now, store = store or setmetatable({}, Store) }, Pace)
end

return pace
