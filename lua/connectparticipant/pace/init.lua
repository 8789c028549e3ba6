-- How fast requests may be sent once the service has throttled: one pace per operation. Knows what
-- AWS documents and what a client's options say; the arithmetic is in `rate`, waiting in `turn`.

local nginx_host = require "connectparticipant.driver.host"
local retry = require "connectparticipant.pace.retry"

local pace = {}

local rate -- the arithmetic: loaded with the first state, for most clients keep no pace

local floor = math.floor

local MICROSECONDS = 1000000

-- The rate (requests per second) and burst that AWS allows each Amazon Connect instance.
-- https://docs.aws.amazon.com/connect/latest/adminguide/amazon-connect-service-limits.html
local DOCUMENTED = {
  StartAttachmentUpload = { rate = 2, burst = 5 },
  CompleteAttachmentUpload = { rate = 2, burst = 5 },
  GetAttachment = { rate = 8, burst = 12 },
  GetTranscript = { rate = 8, burst = 12 },
  CreateParticipantConnection = { rate = 6, burst = 9 },
  DisconnectParticipant = { rate = 3, burst = 5 },
  SendMessage = { rate = 10, burst = 15 },
  SendEvent = { rate = 10, burst = 15 },
}

-- AWS documents nothing for the others: assume the slowest of these.
local OTHERS = { rate = 2, burst = 5, guessed = true }

---@class connectparticipant.Pace
---@field now fun(): number monotonic seconds
---@field store connectparticipant.PaceStore
---@field always boolean whether every call keeps it, and not only after a throttling
---@field limits table<string, connectparticipant.PaceLimits> by operation
local Pace = {}
Pace.__index = Pace

--- Whether no turn is needed, as can be told at once: nothing has throttled. Every call asks.
---@param operation string
---@return boolean
function Pace:is_idle(operation)
  local store = self.store
  return store.is_idle ~= nil and store:is_idle(operation)
end

--- Books the next turn, if it comes in time; what is not booked changes nothing.
---@param operation string
---@param latest? number a moment of the clock; a turn from then on is of no use
---@param job? connectparticipant.Job that asks, for a store that calls a function of the caller's
---@param count? integer how many turns are wanted: there may be fewer
---@return number|nil wait seconds until the turn, 0 when nothing throttles; nil: it is not booked
---@return connectparticipant.Booking|boolean|nil booking nil where there is no pace. If no turn is
-- booked: true if asking again later may help
---@return connectparticipant.Booking[]|nil further turns, where more than one was wanted
function Pace:reserve(operation, latest, job, count)
  local wait, booking, further = self.store:reserve(operation, floor(self.now() * MICROSECONDS),
    latest and floor(latest * MICROSECONDS) or math.huge, self.limits[operation] or OTHERS, job,
    count)
  return wait and wait / MICROSECONDS, booking, further
end

--- Whether a turn that was waited for is still good; if not, another one must be booked.
---@param operation string
---@param booking connectparticipant.Booking
---@param job? connectparticipant.Job
---@return boolean
---@return number|nil more seconds until it comes, where it has moved
function Pace:stands(operation, booking, job)
  local stands, more = self.store:stands(operation, booking, job)
  return stands, more and more / MICROSECONDS
end

--- How long to sleep before asking whether a turn stands: the wait, or less.
---@param booking connectparticipant.Booking
---@param wait number seconds
---@return number
function Pace:nap(booking, wait)
  local store = self.store
  return store.nap and store:nap(booking, wait * MICROSECONDS) / MICROSECONDS or wait
end

--- Gives a turn back that was booked, and is not used.
---@param operation string
---@param booking connectparticipant.Booking
function Pace:give_back(operation, booking)
  self.store:give_back(operation, booking)
end

--- Tells what became of a request.
---@param operation string
---@param refused boolean for its rate; else it went through
---@param job? connectparticipant.Job
function Pace:report(operation, refused, job)
  self.store:report(operation, floor(self.now() * MICROSECONDS), refused,
    self.limits[operation] or OTHERS, job)
end

--- Call when the client is closed: others get the turns that it has booked.
function Pace:close()
  if self.store.close then self.store:close() end
end

-- Where the numbers of a pace are kept: in this process alone here, in nginx's shared dictionary in
-- `shared`, and on a server that a fleet shares in `fleet`. Each has the methods of Own, but for
-- `is_idle`, which needs numbers that nobody else changes.
---@class connectparticipant.PaceStore
local Own = {}
Own.__index = Own

local function state_of(self, key)
  local state = self[key]
  if not state then
    rate = rate or require "connectparticipant.pace.rate"
    state = rate.new()
    self[key] = state
  end
  return state
end

function Own:is_idle(key)
  local state = self[key]
  return not state or state.limit == 0
end

function Own:reserve(key, now, latest, limits)
  local state = self[key]
  if not state then return 0 end
  return rate.reserve(state, now, latest, limits)
end

function Own:stands(key, booking)
  local state = self[key]
  return state ~= nil and rate.stands(state, booking)
end

function Own:give_back(key, booking)
  local state = self[key]
  if state then rate.give_back(state, booking) end
end

function Own:report(key, now, refused, limits)
  local state = state_of(self, key)
  rate.report(state, now, refused, limits)
end

--- Numbers of its own, which nobody shares.
---@return connectparticipant.PaceStore
function pace.own()
  return setmetatable({}, Own)
end

-- What AWS documents, and what the options say that this instance is allowed instead.
local function limits_of(rates)
  local limits = {}
  for operation, documented in pairs(DOCUMENTED) do
    local most = rates and rates[operation]
    local burst = most and math.ceil(documented.burst * most / documented.rate)
    limits[operation] = most and { rate = documented.rate, most = most, burst = burst }
      or documented
  end
  return limits
end

---@param now fun(): number monotonic seconds
---@param store? connectparticipant.PaceStore where several share it
---@param rates? table<string, number> requests a second, where they are not what AWS documents
---@return connectparticipant.Pace
function pace.new(now, store, rates)
  return setmetatable({
    now = now, store = store or pace.own(), always = false, limits = limits_of(rates),
  }, Pace)
end

---@class connectparticipant.PaceHost what a client knows that shares its pace
---@field now fun(): number monotonic seconds
---@field driver table how it waits
---@field logger? function told when the pace is not shared any more
---@field ca_file? string

local function open_fleet(options, instance, host)
  local run, bound = require("connectparticipant.pace.link").open(options, host)
  if not run then return nil, bound end
  local shared = require("connectparticipant.pace.fleet").open {
    run = run, bound = bound, instance = instance, now = host.now, own = pace.own(),
    capacity = retry.tokens().capacity, logger = host.logger,
    blocks = options.redis ~= nil and host.driver.alone or false,
  }
  local own = pace.new(host.now, shared.store, options.rates)
  own.always = true
  return own, retry.quota(shared.tokens)
end

--- What is wrong with the options as far as can be told without a call: inside nginx, a dictionary
--- that it does not have.
---@param options? connectparticipant.PaceOptions
---@return string|nil problem
function pace.problem(options)
  return nginx_host.problem_of_dict("shared_dict", options and options.shared_dict)
end

--- The pace and the retry quota of a client, shared with others where its options say so.
---@param options? connectparticipant.PaceOptions
---@param endpoint string what the requests go to, which stands for an instance without a name
---@param host connectparticipant.PaceHost
---@return connectparticipant.Pace|nil
---@return connectparticipant.Quota|string quota or what is wrong with the options
function pace.open(options, endpoint, host)
  options = options or {}
  local instance = options.instance or endpoint
  if options.redis or options.eval then return open_fleet(options, instance, host) end
  local name = options.shared_dict
  if not name then return pace.new(host.now), retry.quota() end
  local shared, problem = require("connectparticipant.pace.shared").open(name, instance,
    pace.own(), retry.tokens())
  if not shared then return nil, problem end
  return pace.new(host.now, shared.store), retry.quota(shared.tokens)
end

return pace
