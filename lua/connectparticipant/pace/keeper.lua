-- A keeper assigns the turns of a fleet: the server, or, while it fails, this process. Both run the
-- same script. This module asks a keeper and remembers what it has said of its turns and its clock.

local question = require "connectparticipant.pace.question"

local keeper = {}

local floor, max, min = math.floor, math.max, math.min

local SECOND = 1000000

-- Two clocks drift apart by less than this many seconds a second.
local DRIFT = 1e-3

-- Commands that the script does not carry out once the client has stopped waiting.
local GIVES = { reserve = true, take = true }

---@class connectparticipant.Place where a line of turns is
---@field began integer when it was begun, which tells it from an earlier one
---@field base integer a turn's number
---@field turn integer when that turn is, of the keeper's clock
---@field interval integer from one turn to the next
---@field offset integer the keeper's clock less ours
---@field heard integer when that was heard, of our clock

---@alias connectparticipant.ScriptRunner fun(keys: string[], args: string[],
--- job?: connectparticipant.Job): string|nil, string|nil

---@class connectparticipant.KeeperOptions
---@field run connectparticipant.ScriptRunner
---@field bound? number seconds that `run` awaits an answer, where that is known
---@field now fun(): number monotonic seconds
---@field name string the client's
---@field prefix string of the keys
---@field errands connectparticipant.Errands

---@class connectparticipant.Keeper: connectparticipant.KeeperOptions
---@field is_server boolean
---@field places table<string, connectparticipant.Place> by operation
---@field clients integer how many share the rate
---@field known? table<string, connectparticipant.Place> of the server, where this is another one
---@field offset? number its clock less ours
---@field heard? integer when the offset was measured, by our clock
local Keeper = {}
Keeper.__index = Keeper

--- Our clock, in microseconds.
function Keeper:time()
  return floor(self.now() * SECOND)
end

-- What the script takes for limits: requests a second, of one of so many clients.
local function words_of(least, most, clients, burst)
  return ("%.0f %.0f %.0f"):format(max(1, floor(least * 1000 / clients)),
    max(1, floor(most * 1000 / clients)), max(1, burst))
end

-- The server assigns turns for the whole fleet. The service counts a request when it arrives, and
-- some take longer than others: with a burst of one less than is allowed, a request may be late by
-- one interval and still pass.
--
-- This process assigns its share of the last known rate, without a burst: others may have used the
-- burst up, and before anybody has counted the fleet, each client would take all of it.
local function limits_for(self, command)
  local limits = command.limits
  if not limits then return nil end
  local most = limits.most or limits.rate
  local least = min(limits.rate, most)
  if self.is_server then return words_of(least, most, 1, limits.burst - 1) end
  local known = self.known[command.operation]
  if known then most = max(least, min(most, SECOND / known.interval)) end
  return words_of(least, most, self.clients, 1)
end

-- When this client stops waiting for an answer, by the server's clock; nil if that is not known. A
-- turn that is assigned later would be lost.
local function end_of_patience(self)
  if not self.bound or not self.offset then return nil end
  return floor(self:time() + self.offset + self.bound * SECOND)
end

-- The longer an answer travels, the further behind the server's clock seems to be: so the highest
-- offset is the most accurate. It ages, since clocks drift, and is dropped when a clock was set.
local function hear_clock(self, moment, now)
  local fresh, known = moment - now, self.offset
  known = known and known - (now - self.heard) * DRIFT
  local is_fresh = not known or fresh > known or known - fresh > SECOND
  self.offset, self.heard = is_fresh and fresh or known, now
end

-- What ARGV begins with.
local function head_of(self, patience)
  return { self.name, self.is_server and "" or ("%.0f"):format(self:time()),
    patience and ("%.0f"):format(patience) or "" }
end

--- Sends the errands and a command. Returns the numbers of the command's answer and the keeper's
--- time; or nil and what is wrong.
---@param command connectparticipant.FleetCommand
---@param job? connectparticipant.Job
---@return integer[]|nil
---@return integer|string|nil
function Keeper:ask(command, job)
  local patience = end_of_patience(self)
  local keys, args, count = question.write(self, head_of(self, patience), command,
    limits_for(self, command))
  local reply, problem = self.run(keys, args, job)
  if not reply then return nil, problem end
  local head, numbers = question.read(reply, count, command.least)
  if not head then return nil, "its answer is not the script's" end
  if patience and head[1] > patience and GIVES[command.verb] then
    -- The answer is in time, so the offset is wrong: the server's clock was set.
    self.offset = nil
    return self:ask(command, job)
  end
  local now = self:time()
  if self.is_server then
    self.clients = head[2]
    hear_clock(self, head[1], now)
  end
  if command.limits or command.verb == "look" then
    self.places[command.operation] = { began = numbers[1], base = numbers[2], turn = numbers[3],
      interval = max(1, numbers[4]), offset = head[1] - now, heard = now }
  end
  return numbers, head[1]
end

--- The server.
---@param options connectparticipant.KeeperOptions
---@return connectparticipant.Keeper
function keeper.server(options)
  local self = setmetatable({ is_server = true, places = {}, clients = 1 }, Keeper)
  for name, value in pairs(options) do self[name] = value end
  return self
end

--- This process, which takes its share of the rate that the server had.
---@param server connectparticipant.Keeper
---@param run connectparticipant.ScriptRunner
---@return connectparticipant.Keeper
function keeper.alone(server, run)
  return setmetatable({ is_server = false, run = run, now = server.now, name = server.name,
    prefix = server.prefix, errands = server.errands, places = {}, clients = server.clients,
    known = server.places }, Keeper)
end

return keeper
