-- One pace and one retry quota for a fleet, reckoned by a script on a server that it shares.
-- What need not be told at once (turns given back, tokens, what went through) rides along with the
-- next question. Where the server does not do its work, this client paces by itself at its share of
-- the rate, and asks again after a while. Knows nothing of how the server is reached.

local core = require "connectparticipant.core"
local memory = require "connectparticipant.pace.memory"

local fleet = {}

local floor, max, min = math.floor, math.max, math.min

local SECOND = 1000000

-- Seconds until a server that failed is asked again: doubled each time, from the first on.
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

-- So many turns are given back in one question.
local MOST_BACK = 50

---@class connectparticipant.Place where a line of turns is
---@field began integer when it was begun, which tells it from an earlier one
---@field base integer a turn's number
---@field turn integer when that turn is, of the server's clock
---@field interval integer from one turn to the next
---@field offset integer the server's clock less ours
---@field heard integer when that was heard, of our clock

---@alias connectparticipant.ScriptRunner fun(keys: string[], args: string[],
--- job?: connectparticipant.Job): string|nil, string|nil

---@class connectparticipant.Keeper who reckons the turns: the server, or this process
---@field run connectparticipant.ScriptRunner
---@field places table<string, connectparticipant.Place> by operation
---@field clients integer how many share the rate

---@class connectparticipant.FleetBooking: connectparticipant.Booking
---@field keeper connectparticipant.Keeper
---@field began integer
---@field number integer
---@field booked integer when, of our clock

---@class connectparticipant.FleetStore: connectparticipant.PaceStore
---@field server connectparticipant.Keeper
---@field alone? connectparticipant.Keeper while the server fails
---@field outage? { retry: number, delay: number } while it fails
---@field own connectparticipant.PaceStore for what is no limit of the instance
local Store = {}
Store.__index = Store

-- What the script takes for limits, of one of so many clients.
local function words_of(limits, clients, burst)
  local most = limits.most or limits.rate
  local least = min(limits.rate, most)
  return ("%.0f %.0f %.0f"):format(max(1, floor(least * 1000 / clients)),
    max(1, floor(most * 1000 / clients)), max(1, burst))
end

-- The server reckons for all. The service counts when a request arrives, and some take longer
-- than others: with one less at once than is allowed, they may be late by a turn's length and pass.
--
-- This process reckons for its share, and without a burst. Others may have used up what the service
-- allows at once, and before anybody has counted the fleet, each would take all of it.
local function limits_for(self, keeper, limits)
  if keeper == self.server then return words_of(limits, 1, limits.burst - 1) end
  return words_of(limits, keeper.clients, 1)
end

-- The lists KEYS and ARGV of a question, as they grow.
local function new_question(prefix)
  return { keys = { prefix .. "clients", prefix .. "tokens" }, args = {}, indices = {},
    prefix = prefix }
end

local function add(question, verb, operation, ...)
  local words, keys, indices = { verb }, question.keys, question.indices
  if operation then
    if not indices[operation] then
      keys[#keys + 1] = question.prefix .. operation
      indices[operation] = #keys
    end
    words[2] = tostring(indices[operation])
  end
  for _, word in ipairs { ... } do
    words[#words + 1] = type(word) == "number" and ("%.0f"):format(word) or word
  end
  question.args[#question.args + 1] = table.concat(words, " ")
end

-- A question: what is pending, and then the command itself.
local function question_of(self, keeper, command)
  local question = new_question(self.prefix)
  for _, back in ipairs(self.backs) do
    if back.keeper == keeper then
      add(question, "back", back.operation, back.began, back.number)
    end
  end
  for operation, count in pairs(self.passed) do add(question, "passed", operation, count) end
  if self.tokens_back > 0 then add(question, "put", nil, self.capacity, self.tokens_back) end
  self.backs, self.passed, self.tokens_back = {}, {}, 0
  if command.limits then
    add(question, command.verb, command.operation, limits_for(self, keeper, command.limits),
      command[1], command[2])
  else
    add(question, command.verb, command.operation, command[1], command[2])
  end
  return question.keys, question.args
end

local function numbers_in(line)
  local numbers = {}
  for word in line:gmatch "%S+" do
    if not word:find "^%d+$" or #word > 16 then return nil end
    numbers[#numbers + 1] = tonumber(word)
  end
  return numbers
end

-- Reads the script's answer: its first line, and the one of the last command; nil if it is none.
local function read(reply, count)
  if type(reply) ~= "string" then return nil end
  local lines = {}
  for line in (reply .. "\n"):gmatch "([^\n]*)\n" do lines[#lines + 1] = numbers_in(line) end
  local head = lines[1]
  if #lines ~= count + 1 or not head or #head ~= 2 or head[2] < 1 then return nil end
  return head, lines[#lines]
end

-- Asks a keeper of the turns. Gives the numbers that answer the command, and the keeper's time.
local function ask(self, keeper, command, job)
  local keys, args = question_of(self, keeper, command)
  local count = #args
  table.insert(args, 1, self.name)
  table.insert(args, 2, keeper == self.server and "" or ("%.0f"):format(self:time()))
  local reply, problem = keeper.run(keys, args, job)
  if not reply then return nil, problem end
  local head, numbers = read(reply, count)
  if not head or command.least and #numbers < command.least then
    return nil, "its answer is not the script's"
  end
  local now = self:time()
  if keeper == self.server then keeper.clients = head[2] end
  if command.limits or command.verb == "look" then
    keeper.places[command.operation] = { began = numbers[1], base = numbers[2], turn = numbers[3],
      interval = max(1, numbers[4]), offset = head[1] - now, heard = now }
  end
  return numbers, head[1]
end

-- The client's own clock, in microseconds.
function Store:time()
  return floor(self.now() * SECOND)
end

local function tell(self, event)
  if self.logger then self.logger(event) end
end

-- The server did not do its work: it is left alone for a while.
local function lost(self, problem, command)
  local outage, server = self.outage, self.server
  if not outage then
    outage = { delay = FIRST_DELAY }
    self.outage = outage
    self.alone = { run = memory.new(), places = {}, clients = server.clients }
    tell(self, { operation = command.operation, pace = "alone", clients = server.clients,
      message = ("the pace is not shared for now, and this client keeps to one of %d shares: %s")
        :format(server.clients, problem or "no answer") })
  elseif self.now() < outage.retry and not outage.trying then
    return -- others have found out before
  end
  outage.retry = self.now() + outage.delay * (1 + core.random()) / 2
  outage.delay, outage.trying = min(LONGEST_DELAY, outage.delay * 2), nil
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
  ask(self, alone, command)
  command[2] = min(MOST_SKIPPED, math.ceil(ahead / alone.places[operation].interval))
  ask(self, alone, command)
end

-- Asks the server, or else this process. Gives the answer, the time of whoever gave it, and who.
function Store:ask(command, job)
  local outage = self.outage
  if not outage or self.now() >= outage.retry then
    -- One at a time tries whether it is back.
    if outage then outage.retry, outage.trying = self.now() + LONGEST_DELAY, true end
    local numbers, moment = ask(self, self.server, command, job)
    if numbers then
      recovered(self, command)
      return numbers, moment, self.server
    end
    lost(self, moment, command)
  end
  begin_alone(self, command.operation, command.limits)
  local numbers, moment = ask(self, self.alone, command)
  return numbers, moment, self.alone
end

-- Microseconds until a turn, as far as is known of its line.
local function wait_for(place, number, moment)
  return max(0, place.turn + (number - place.base) * place.interval - moment)
end

--- As rate.reserve; `count` turns where more than one is wanted, and the further ones third.
function Store:reserve(operation, now, latest, limits, job, count)
  if limits.guessed then return self.own:reserve(operation, now, latest, limits) end
  local numbers, moment, keeper = self:ask({
    verb = "reserve", operation = operation, limits = limits, least = 4,
    max(0, min(LONGEST, latest - now)), count or 1,
  }, job)
  local place, bookings = keeper.places[operation], {}
  for index = 5, #numbers do
    bookings[#bookings + 1] = { keeper = keeper, operation = operation, began = place.began,
      number = numbers[index], booked = place.heard }
  end
  if not bookings[1] then return nil, false end
  self.last[operation] = place.heard + wait_for(place, numbers[#numbers], moment)
  return wait_for(place, numbers[5], moment), table.remove(bookings, 1), bookings
end

--- Whether a turn is still the caller's, and the microseconds by which it has moved back.
---@param operation string
---@param booking connectparticipant.FleetBooking
---@param job? connectparticipant.Job
---@return boolean
---@return integer|nil more
function Store:stands(operation, booking, job)
  local keeper = booking.keeper
  if not keeper then return self.own:stands(operation, booking) end
  local now = self:time()
  if keeper == self.server and not self.outage and now - booking.booked > STALE
    and now - keeper.places[operation].heard > STALE then
    self:ask({ verb = "look", operation = operation, least = 4 }, job)
    now = self:time()
  end
  local place = keeper.places[operation]
  if place.began ~= booking.began then return false end
  local more = wait_for(place, booking.number, now + place.offset)
  return true, more >= TOLERANCE and more or nil
end

-- Tells what would have ridden along with the next question. Whether it arrives changes nothing.
local function flush(self)
  local back = self.backs[1]
  local operation = back and back.operation or next(self.passed)
  if not operation or self.outage then return end
  ask(self, self.server, { verb = "look", operation = operation, least = 4 })
end

function Store:give_back(operation, booking)
  if not booking.keeper then return self.own:give_back(operation, booking) end
  if #self.backs < MOST_BACK then self.backs[#self.backs + 1] = booking end
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
    self.passed[operation] = (self.passed[operation] or 0) + 1
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
  self.store.tokens_back = min(self.store.capacity, self.store.tokens_back + count)
end

-- Braces have a cluster keep all of an instance's keys in one place.
local function prefix_of(instance)
  local plain = instance:gsub("[%c%s{}%%]", function(character)
    return ("%%%02X"):format(character:byte())
  end)
  return ("connectparticipant:{%s}:"):format(plain)
end

---@class connectparticipant.FleetOptions
---@field run connectparticipant.ScriptRunner
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
  local store = setmetatable({
    prefix = prefix_of(options.instance), name = core.uuid():sub(1, 13), now = options.now,
    own = options.own, capacity = options.capacity, logger = options.logger,
    blocks = options.blocks,
    server = { run = options.run, places = {}, clients = 1 },
    backs = {}, passed = {}, tokens_back = 0, last = {},
  }, Store)
  return { store = store, tokens = setmetatable({ store = store }, Tokens) }
end

return fleet
