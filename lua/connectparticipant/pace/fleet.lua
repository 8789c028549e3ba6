-- One pace and one retry quota for a fleet, kept by a script on a server that it shares. While the
-- server fails, this client paces by itself at its share of the rate. It asks the server again at
-- once after the first failure, since a busy machine may just have been late, and after a delay
-- from the second on. Turns that it has assigned itself and that are still to come are then
-- exchanged for the fleet's: the service would refuse requests beside the fleet's line, and this
-- client's local turns come so late that the others would get its share. Knows nothing of how the
-- server is reached.

local core = require "connectparticipant.core"
local keeper_of = require "connectparticipant.pace.keeper"
local memory = require "connectparticipant.pace.memory"
local question = require "connectparticipant.pace.question"

local fleet = {}

local floor, max, min = math.floor, math.max, math.min

local SECOND = 1000000

-- Seconds until a server that failed twice in a row is asked again: doubled each further time.
local FIRST_DELAY, LONGEST_DELAY = 0.5, 30

-- A turn that was waited for longer than this, in microseconds, is looked up again when it comes,
-- unless something was heard of its line of turns as lately: had the service refused somebody
-- meanwhile, the turn would have moved, and a request at its old time would be refused as well.
local STALE = SECOND / 4

-- A turn that has moved by less than this has not moved; in microseconds.
local TOLERANCE = 1000

-- No wait is longer: what stands for "whenever", in microseconds.
local LONGEST = 1000000 * SECOND

-- So many turns are passed over at most; each costs a moment.
local MOST_SKIPPED = 2000

-- While the server may be asked, a caller that waits for a local turn tries this often to exchange
-- it for one of the fleet's; in microseconds.
local NAP = SECOND / 20

---@class connectparticipant.FleetBooking: connectparticipant.Booking
---@field keeper connectparticipant.Keeper
---@field operation string
---@field began integer
---@field number integer
---@field booked integer when, by our clock
---@field latest number a turn from then on is of no use, by our clock
---@field limits connectparticipant.PaceLimits
---@field settled? boolean whether it was given back, or is local and stays so

---@class connectparticipant.Outage
---@field retry number when the server is asked again
---@field delay number seconds, the next time that it fails
---@field trials integer how often the server has failed since the outage began
---@field trying? boolean whether it is being asked now

---@class connectparticipant.FleetStore: connectparticipant.PaceStore
---@field server connectparticipant.Keeper
---@field alone? connectparticipant.Keeper while the server fails
---@field outage? connectparticipant.Outage while it fails
---@field errands connectparticipant.Errands
---@field waiting table<string, table<connectparticipant.FleetBooking, true>> local turns that may
--- be exchanged for the fleet's, by operation
---@field last table<string, number> when the last turn that was assigned comes, by our clock
---@field own connectparticipant.PaceStore for what is no limit of the instance
local Store = {}
Store.__index = Store

-- The client's own clock, in microseconds.
function Store:time()
  return floor(self.now() * SECOND)
end

local function tell(self, event)
  if self.logger then self.logger(event) end
end

-- The server has failed. `trial` is the outage during which the question was asked, if there was
-- one.
local function lost(self, problem, command, trial)
  local outage, server = self.outage, self.server
  if not outage then
    self.outage = { retry = self.now(), delay = FIRST_DELAY, trials = 0 }
    self.alone = keeper_of.alone(server, memory.new())
    tell(self, { operation = command.operation, pace = "alone", clients = server.clients,
      message = ("the pace is not shared for now, and this client keeps to one of %d shares: %s")
        :format(server.clients, problem or "no answer") })
  elseif outage == trial then
    outage.retry = self.now() + outage.delay * (1 + core.random()) / 2
    outage.delay = min(LONGEST_DELAY, outage.delay * 2)
    outage.trials, outage.trying = outage.trials + 1, nil
  end -- else the question was asked before the outage, which has been noticed since
end

local function recovered(self, command)
  if not self.outage then return end
  self.outage, self.alone = nil, nil
  tell(self, { operation = command.operation, pace = "shared", clients = self.server.clients,
    message = "the pace is shared again" })
end

-- Turns of this process alone come after those that the fleet has given it: so many are taken out
-- of the line as it takes to get behind the last one.
local function begin_alone(self, operation, limits)
  local alone, last = self.alone, self.last[operation]
  local ahead = last and last - self:time() or 0
  if not limits or alone.places[operation] or ahead <= 0 then return end
  local command = { verb = "reserve", operation = operation, limits = limits, least = 4,
    LONGEST, 0 }
  alone:ask(command)
  command[2] = min(MOST_SKIPPED, math.ceil(ahead / alone.places[operation].interval))
  alone:ask(command)
end

-- Asks the server, unless it has failed lately. Returns nothing if there is no answer.
local function try(self, command, job)
  local outage = self.outage
  if outage then
    if self.now() < outage.retry then return nil end
    -- One question at a time tries whether it is back.
    outage.retry, outage.trying = self.now() + LONGEST_DELAY, true
  end
  local numbers, moment = self.server:ask(command, job)
  if numbers then
    recovered(self, command)
    return numbers, moment
  end
  lost(self, moment, command, outage)
end

-- Asks the server, or else this process. Gives the answer, the time of whoever gave it, and who.
function Store:ask(command, job)
  local numbers, moment = try(self, command, job)
  if numbers then return numbers, moment, self.server end
  begin_alone(self, command.operation, command.limits)
  numbers, moment = self.alone:ask(command)
  return numbers, moment, self.alone
end

local function reserve_command(operation, limits, patience, count)
  return { verb = "reserve", operation = operation, limits = limits, least = 4,
    max(0, min(LONGEST, patience)), count }
end

-- Microseconds until a turn, as far as is known of its line.
local function wait_for(place, number, moment)
  return max(0, place.turn + (number - place.base) * place.interval - moment)
end

local function wait_of(self, booking)
  local place = booking.keeper.places[booking.operation]
  return wait_for(place, booking.number, self:time() + place.offset)
end

-- Notes local turns, which may be exchanged for the fleet's.
local function note_waiting(self, operation, bookings)
  local waiting = self.waiting[operation] or {}
  self.waiting[operation] = waiting
  for _, booking in ipairs(bookings) do waiting[booking] = true end
end

--- As rate.reserve; `count` turns where more than one is wanted, and the further ones third.
function Store:reserve(operation, now, latest, limits, job, count)
  if limits.guessed then return self.own:reserve(operation, now, latest, limits) end
  local numbers, moment, keeper = self:ask(
    reserve_command(operation, limits, latest - now, count or 1), job)
  local place, bookings = keeper.places[operation], {}
  for index = 5, #numbers do
    bookings[#bookings + 1] = { keeper = keeper, operation = operation, began = place.began,
      number = numbers[index], booked = place.heard, latest = latest, limits = limits }
  end
  -- A server that was late once will probably answer soon, and may have a turn in time.
  local outage = self.outage
  if not bookings[1] then return nil, outage ~= nil and outage.trials == 0 end
  self.last[operation] = place.heard + wait_for(place, numbers[#numbers], moment)
  if keeper ~= self.server then note_waiting(self, operation, bookings) end
  return wait_for(place, numbers[5], moment), table.remove(bookings, 1), bookings
end

-- Takes the local turns that are still to come out of `waiting`, in their order, so that nobody
-- else exchanges them meanwhile; also returns the latest of their deadlines.
local function take_waiting(self, operation)
  local list, latest = {}, 0
  for booking in pairs(self.waiting[operation] or {}) do
    if not booking.settled and wait_of(self, booking) > 0 then
      list[#list + 1] = booking
      latest = max(latest, booking.latest)
    end
  end
  self.waiting[operation] = nil
  table.sort(list, function(one, other) return wait_of(self, one) < wait_of(self, other) end)
  return list, latest
end

-- Whether a turn of the fleet's is of use to a booking: in time, and before its local turn has come
-- or was given back, which can happen while the server is asked.
local function is_of_use(self, booking, turn)
  return turn < booking.latest and not booking.settled and wait_of(self, booking) > 0
end

-- Gives the bookings, in their order, those of the fleet's turns that they can use.
local function replace(self, operation, list, numbers, moment)
  local server = self.server
  local place, used = server.places[operation], 4 -- the numbers follow the place
  for _, booking in ipairs(list) do
    local number = numbers[used + 1]
    local turn = number and place.heard + wait_for(place, number, moment)
    if turn and is_of_use(self, booking, turn) then
      booking.keeper, booking.began, booking.number = server, place.began, number
      booking.booked, self.last[operation], used = place.heard, turn, used + 1
    else
      booking.settled = true
    end
  end
  for index = #numbers, used + 1, -1 do
    self.errands:give_back { keeper = server, operation = operation, began = place.began,
      number = numbers[index] }
  end
end

-- Asks the server for turns to exchange an operation's local ones for.
local function exchange(self, operation, limits, job)
  local outage = self.outage
  if outage and self.now() < outage.retry or not self.waiting[operation] then return end
  local list, latest = take_waiting(self, operation)
  if not list[1] then return end
  local numbers, moment = try(self,
    reserve_command(operation, limits, latest - self:time(), #list), job)
  if not numbers then return note_waiting(self, operation, list) end
  replace(self, operation, list, numbers, moment)
end

-- Asks where the line of turns is, unless an answer has said so lately.
local function look_again(self, operation, booking, job)
  local now = self:time()
  if not self.outage and now - booking.booked > STALE
    and now - self.server.places[operation].heard > STALE then
    self:ask({ verb = "look", operation = operation, least = 4 }, job)
  end
end

--- Whether a turn is still the caller's, and the microseconds by which it has moved back.
---@param operation string
---@param booking connectparticipant.FleetBooking
---@param job? connectparticipant.Job
---@return boolean
---@return integer|nil more
function Store:stands(operation, booking, job)
  if not booking.keeper then return self.own:stands(operation, booking) end
  if booking.keeper == self.server then
    look_again(self, operation, booking, job)
  elseif not booking.settled and wait_of(self, booking) >= TOLERANCE then
    exchange(self, operation, booking.limits, job)
  end
  if booking.keeper.places[operation].began ~= booking.began then return false end
  local more = wait_of(self, booking)
  return true, more >= TOLERANCE and more or nil
end

--- How long to sleep before `stands` is called again: less than the wait while the turn is local
--- and may be exchanged.
---@param booking connectparticipant.FleetBooking
---@param wait number microseconds
---@return number
function Store:nap(booking, wait)
  local outage = self.outage
  if not booking.keeper or booking.keeper == self.server or booking.settled then return wait end
  local left = outage and not outage.trying and (outage.retry - self.now()) * SECOND or 0
  return min(wait, max(NAP, left))
end

-- Sends the errands that the next question would have taken along. A failure changes nothing.
local function flush(self)
  local operation = self.errands:operation()
  if not operation or self.outage then return end
  self.server:ask { verb = "look", operation = operation, least = 4 }
end

function Store:give_back(operation, booking)
  if not booking.keeper then return self.own:give_back(operation, booking) end
  booking.settled = true
  self.errands:give_back(booking)
  if self.closed then flush(self) end
end

--- No question follows: tells the rest now, and, where that can wait for an answer anywhere, what
--- calls that end later give back.
function Store:close()
  self.closed = self.blocks
  flush(self)
end

function Store:report(operation, now, refused, limits, job)
  if limits.guessed then return self.own:report(operation, now, refused, limits) end
  if not refused then
    self.errands:count_passed(operation)
    return
  end
  self:ask({ verb = "refused", operation = operation, limits = limits, least = 4 }, job)
end

---@class connectparticipant.FleetTokens: connectparticipant.Tokens
---@field store connectparticipant.FleetStore
local Tokens = {}
Tokens.__index = Tokens

function Tokens:take(count, job)
  local store = self.store
  return store:ask({ verb = "take", least = 1, store.capacity, count }, job)[1] == 1
end

function Tokens:put(count)
  self.store.errands:put(count)
end

---@class connectparticipant.FleetOptions
---@field run connectparticipant.ScriptRunner
---@field bound? number seconds that `run` awaits an answer
---@field instance string
---@field now fun(): number monotonic seconds
---@field own connectparticipant.PaceStore
---@field capacity integer of the quota
---@field logger? function
---@field blocks boolean whether `run` waits without yielding

--- A store and tokens that a fleet shares.
---@param options connectparticipant.FleetOptions
---@return { store: connectparticipant.FleetStore, tokens: connectparticipant.FleetTokens }
function fleet.open(options)
  local errands = question.errands(options.capacity)
  local store = setmetatable({
    now = options.now, own = options.own, capacity = options.capacity, logger = options.logger,
    blocks = options.blocks, errands = errands, waiting = {}, last = {},
    server = keeper_of.server {
      run = options.run, bound = options.bound, now = options.now, errands = errands,
      name = core.uuid():sub(1, 13), prefix = question.prefix_of(options.instance),
    },
  }, Store)
  return { store = store, tokens = setmetatable({ store = store }, Tokens) }
end

return fleet
