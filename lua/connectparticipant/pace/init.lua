-- How fast the service may be asked once it has throttled: one pace an operation. Knows what AWS
-- documents and what a client's options say; the arithmetic is in `rate`, waiting in `turn`.

local rate = require "connectparticipant.pace.rate"
local retry = require "connectparticipant.pace.retry"

local pace = {}

local floor = math.floor

local MICROSECONDS = 1000000

-- Requests a second, and at once after a pause, that every Amazon Connect instance is allowed.
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

-- For the rest AWS documents nothing, and so the slowest of them is taken.
local OTHERS = { rate = 2, burst = 5 }

---@class connectparticipant.Pace
local Pace = {}
Pace.__index = Pace

--- Books the next turn, if it comes in time; what is not booked changes nothing.
---@param operation string
---@param latest? number a moment of the clock; a turn from then on is of no use
---@return number|nil wait seconds until the turn, 0 when nothing throttles; nil: it is not booked
---@return connectparticipant.Booking|boolean|nil booking nil where there is no pace. If no turn is
-- booked: true when it is worth to ask again
function Pace:reserve(operation, latest)
  local wait, booking = self.store:reserve(operation, floor(self.now() * MICROSECONDS),
    latest and latest * MICROSECONDS or math.huge, DOCUMENTED[operation] or OTHERS)
  return wait and wait / MICROSECONDS, booking
end

--- Whether a turn that was waited for is still good; if not, another one must be booked.
---@param operation string
---@param booking connectparticipant.Booking
---@return boolean
function Pace:stands(operation, booking)
  return self.store:stands(operation, booking)
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
function Pace:report(operation, refused)
  self.store:report(operation, floor(self.now() * MICROSECONDS), refused,
    DOCUMENTED[operation] or OTHERS)
end

-- The numbers of one client alone.
---@class connectparticipant.PaceStore
local Own = {}
Own.__index = Own

local function state_of(self, key)
  local state = self[key]
  if not state then
    state = rate.new()
    self[key] = state
  end
  return state
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
  rate.report(state_of(self, key), now, refused, limits)
end

--- Numbers of its own, which nobody shares.
---@return connectparticipant.PaceStore
function pace.own()
  return setmetatable({}, Own)
end

---@param now fun(): number monotonic seconds
---@param store? connectparticipant.PaceStore where several share it
---@return connectparticipant.Pace
function pace.new(now, store)
  return setmetatable({ now = now, store = store or pace.own() }, Pace)
end

--- What is wrong with the options as far as can be told without a call: inside nginx, a dictionary
--- that it does not have.
---@param options? connectparticipant.PaceOptions
---@return string|nil problem
function pace.problem(options)
  local name, host = options and options.shared_dict, rawget(_G, "ngx")
  if not name or type(host) ~= "table" or type(host.shared) ~= "table" then return nil end
  return select(2, require("connectparticipant.pace.shared").find(name))
end

--- The pace and the retry quota of a client, shared with others where its options say so.
---@param options? connectparticipant.PaceOptions
---@param endpoint string what the requests go to, which stands for an instance without a name
---@param now fun(): number monotonic seconds
---@return connectparticipant.Pace|nil
---@return connectparticipant.Quota|string quota or what is wrong with the options
function pace.open(options, endpoint, now)
  local name = options and options.shared_dict
  if not name then return pace.new(now), retry.quota() end
  local shared, problem = require("connectparticipant.pace.shared").open(name,
    options.instance or endpoint, pace.own(), retry.tokens())
  if not shared then return nil, problem end
  return pace.new(now, shared.store), retry.quota(shared.tokens)
end

return pace
