--- How fast a client may send once the service has throttled it, one pace an operation, in the
-- manner of AWS's adaptive mode: cut back when throttled, creep up again while all goes well.

local pace = {}

local CUT = 0.7      -- of the rate that was too fast
local GROWTH = 0.1   -- requests a second more, each second without throttling
local SLOWEST = 0.5  -- requests a second
local WINDOW = 1     -- seconds over which the rate is measured
local FORGET = 60    -- seconds without throttling after which there is no pace any more

---@class connectparticipant.Pace
local Pace = {}
Pace.__index = Pace

-- What has been sent lately tells what was too fast.
local function measure(entry, now)
  local span = now - entry.since
  if span >= WINDOW then
    entry.measured = entry.sent / span
    entry.sent, entry.since = 0, now
  end
end

local function entry_of(self, operation, now)
  local entry = self.entries[operation]
  if not entry then
    entry = { sent = 0, since = now, measured = 0 }
    self.entries[operation] = entry
  end
  return entry
end

--- Takes the next place in the queue; gives the seconds until its turn, 0 when nothing throttles.
---@param operation string
---@return number seconds
function Pace:reserve(operation)
  local now = self.now()
  local entry = entry_of(self, operation, now)
  measure(entry, now)
  entry.sent = entry.sent + 1
  if not entry.rate then return 0 end
  if now - entry.throttled_at > FORGET then
    entry.rate = nil
    return 0
  end
  local rate = entry.rate + (now - entry.throttled_at) * GROWTH
  local turn = math.max(now, entry.next_turn)
  entry.next_turn = turn + 1 / rate
  return turn - now
end

--- The service refused a request for its rate.
---@param operation string
function Pace:throttled(operation)
  local now = self.now()
  local entry = entry_of(self, operation, now)
  measure(entry, now)
  -- Requests already on their way say the same thing again; one cut a second answers them all.
  if entry.rate and now - entry.throttled_at < WINDOW then return end
  local reached = entry.rate and entry.rate + (now - entry.throttled_at) * GROWTH
    or math.max(entry.measured, entry.sent / math.max(now - entry.since, WINDOW))
  entry.rate = math.max(SLOWEST, reached * CUT)
  entry.throttled_at = now
  entry.next_turn = math.max(entry.next_turn or 0, now + 1 / entry.rate)
end

--- A request went through.
function Pace.succeeded()
end

---@param now fun(): number monotonic seconds
---@return connectparticipant.Pace
function pace.new(now)
  return setmetatable({ now = now, entries = {} }, Pace)
end

return pace
