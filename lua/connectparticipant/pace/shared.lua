-- One pace and one retry quota for all workers of an nginx, kept in a shared dictionary, so that
-- they slow down together instead of each finding out alone. If the dictionary fails,
-- each worker keeps its own numbers.

local host = require "connectparticipant.driver.host"
local rate = require "connectparticipant.pace.rate"
local value = require "connectparticipant.pace.value"

local shared = {}

local PREFIX = "connectparticipant"

-- A pace unchanged for this many seconds is forgotten.
local KEPT = 120

local FIELDS = rate.FIELDS

-- Whole numbers only: they have no decimal point, which depends on the locale.
local function encode(state)
  local words = {}
  for index, name in ipairs(FIELDS) do words[index] = ("%.0f"):format(state[name]) end
  return table.concat(words, " ")
end

-- Parses what was written; anything else gives a new state.
local function decode(text, state)
  rate.new(state)
  if type(text) ~= "string" then return state end
  local numbers = {}
  for word in text:gmatch("%S+") do
    if not word:find("^%d+$") or #word > 16 then return state end
    numbers[#numbers + 1] = tonumber(word)
  end
  if #numbers ~= #FIELDS then return state end
  for index, name in ipairs(FIELDS) do state[name] = numbers[index] end
  return state
end

-- Changes of a pace, as Value:change takes them.

local function reserve(text, state, now, latest, limits)
  local wait, booking = rate.reserve(decode(text, state), now, latest, limits)
  return wait and booking and encode(state) or nil, wait, booking
end

local function give_back(text, state, booking)
  return rate.give_back(decode(text, state), booking) and encode(state) or nil
end

local function report(text, state, now, refused, limits)
  rate.report(decode(text, state), now, refused, limits)
  return encode(state)
end

---@class connectparticipant.SharedStore: connectparticipant.PaceStore
---@field dict table nginx's dictionary
---@field instance string whose pace it is
---@field own connectparticipant.PaceStore this worker's numbers, for when the dictionary fails
---@field values table<string, connectparticipant.SharedValue> one an operation
---@field state connectparticipant.PaceState to compute in
local Store = {}
Store.__index = Store

local function value_of(self, operation)
  local found = self.values[operation]
  if not found then
    found = value.new(self.dict, ("%s pace %s %s"):format(PREFIX, operation, self.instance), KEPT,
      self.update_time)
    self.values[operation] = found
  end
  return found
end

function Store:reserve(operation, now, latest, limits)
  local shared_value = value_of(self, operation)
  -- Without a refusal there is nothing to book. This worker may have met one while the dictionary
  -- failed.
  if decode(shared_value:get(), self.state).limit > 0 then
    local done, wait, booking = shared_value:change(reserve, self.state, now, latest, limits)
    if done then return wait, booking end
  end
  return self.own:reserve(operation, now, latest, limits)
end

function Store:stands(operation, booking)
  local state = decode(value_of(self, operation):get(), self.state)
  return rate.stands(state, booking) or self.own:stands(operation, booking)
end

function Store:give_back(operation, booking)
  value_of(self, operation):change(give_back, self.state, booking)
  self.own:give_back(operation, booking)
end

function Store:report(operation, now, refused, limits)
  local done = value_of(self, operation):change(report, self.state, now, refused, limits)
  if not done then self.own:report(operation, now, refused, limits) end
end

---@class connectparticipant.SharedTokens: connectparticipant.Tokens
---@field count connectparticipant.SharedValue how many are left
---@field own connectparticipant.Tokens this worker's, for when the dictionary fails
local Tokens = {}
Tokens.__index = Tokens

-- A value that is not a valid token count is taken as a full quota.
local function left_of(content, capacity)
  local is_count = type(content) == "number" and content >= 0 and content <= capacity
  return is_count and content or capacity
end

local function take(content, count, capacity)
  local left = left_of(content, capacity)
  if left < count then return nil, false end
  return left - count, true
end

local function put(content, count, capacity)
  local left = left_of(content, capacity)
  if left == capacity then return nil end
  return math.min(capacity, left + count)
end

function Tokens:take(count)
  local done, taken = self.count:change(take, count, self.own.capacity)
  if done then return taken end
  return self.own:take(count)
end

function Tokens:put(count)
  local capacity = self.own.capacity
  self.own:put(count)
  if left_of(self.count:get(), capacity) < capacity then self.count:change(put, count, capacity) end
end

--- Opens nginx's shared dictionary; nil and a sentence where there is none of the name.
---@param name string
---@param instance string whose pace and quota it is
---@param store connectparticipant.PaceStore this worker's own
---@param tokens connectparticipant.Tokens this worker's own
---@return { store: connectparticipant.SharedStore, tokens: connectparticipant.SharedTokens }|nil
---@return string|nil problem
function shared.open(name, instance, store, tokens)
  local dict, problem = host.dict("shared_dict", name)
  if not dict then return nil, problem end
  local update_time = host.nginx().update_time
  local count = value.new(dict, ("%s quota %s"):format(PREFIX, instance), nil, update_time)
  return {
    store = setmetatable({ dict = dict, instance = instance, own = store, values = {},
      state = rate.new(), update_time = update_time }, Store),
    tokens = setmetatable({ count = count, own = tokens }, Tokens),
  }
end

return shared
