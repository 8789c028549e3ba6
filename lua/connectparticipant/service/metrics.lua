-- Counts what a client and its gateway do, for `client:metrics()` and for Prometheus. A worker of
-- nginx counts by itself, and once a second adds that to a shared dictionary, where there is one.

local host = require "connectparticipant.driver.host"

local metrics = {}

-- Of a shared dictionary's keys ours begin so.
local PREFIX = "connectparticipant:"

-- Seconds between two additions to a shared dictionary.
local INTERVAL = 1

-- Upper ends of the histogram's buckets, in seconds; as text, because a number's point depends on
-- the locale.
local BUCKETS = { 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, math.huge }
local ENDS = { "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30", "60",
  "+Inf" }

-- What was counted of one operation, or of one thing that the gateway does; and in the array part
-- how often it took as long as each bucket says.
---@class connectparticipant.Count
---@field outcomes table<string|integer, integer> statuses, or kinds of errors: what went well is
--- the rest
---@field sum number seconds
---@field retries integer
---@field throttles integer
---@field bytes integer

---@class connectparticipant.Counters
---@field private dict? table the shared dictionary
---@field private calls table<string, connectparticipant.Count> what is not in it yet; without one,
--- everything
---@field private requests table<string, connectparticipant.Count> the same of the gateway
---@field private waits? boolean whether a timer will add them
local Counters = {}
Counters.__index = Counters

--- Why a dictionary cannot be used; nil if it can, or outside of nginx.
---@param name? string
---@return string|nil
function metrics.problem(name)
  return host.problem_of_dict("metrics", name)
end

---@param name? string of a shared dictionary
---@return connectparticipant.Counters
function metrics.new(name)
  return setmetatable({
    dict = name and host.dict("metrics", name) or nil, calls = {}, requests = {},
  }, Counters)
end

local function expand_one(found, family, timed, name, count)
  local function put(kind, label, value)
    if value ~= 0 then found[kind .. "|" .. name .. "|" .. label] = value end
  end
  local good = 0
  for index, times in ipairs(count) do
    good = good + times
    put(timed, ENDS[index], times)
  end
  for outcome, times in pairs(count.outcomes) do
    good = good - times
    put(family, outcome, times)
  end
  put(family, "success", good)
  put(timed, "sum", math.floor(count.sum * 1e6 + 0.5))
  put("retries", "", count.retries)
  put("throttles", "", count.throttles)
  put("bytes", "", count.bytes)
end

-- The counts by key, FAMILY|NAME|LABEL. Times are in microseconds: whole numbers have no point.
local function expand(self)
  local found = {}
  for name, count in pairs(self.calls) do
    expand_one(found, "calls", "call_seconds", name, count)
  end
  for name, count in pairs(self.requests) do
    expand_one(found, "requests", "request_seconds", name, count)
  end
  return found
end

--- Adds what was counted to the shared dictionary, if there is one.
function Counters:flush()
  local dict = self.dict
  if not dict then return end
  local found = expand(self)
  self.calls, self.requests = {}, {}
  for key, value in pairs(found) do dict:incr(PREFIX .. key, value, 0) end
end

-- Adds the counts to the dictionary soon, in case no other call does.
local function flush_later(self)
  self.waits = true
  local ok, started = pcall(host.nginx().timer.at, INTERVAL, function()
    self.waits = false
    self:flush()
  end)
  -- Where no timer can be made, as in a worker that ends, they are added at once.
  if not (ok and started) then
    self.waits = false
    self:flush()
  end
end

local function new_count()
  local count = { outcomes = {}, sum = 0, retries = 0, throttles = 0, bytes = 0 }
  for index = 1, #BUCKETS do count[index] = 0 end
  return count
end

-- The count of that name, to be added to.
local function count_of(self, family, name)
  local count = self[family][name]
  if not count then
    count = new_count()
    self[family][name] = count
  end
  return count
end

local function add(count, outcome)
  local outcomes = count.outcomes
  outcomes[outcome] = (outcomes[outcome] or 0) + 1
end

local function add_time(count, seconds)
  local index = 1
  while seconds > BUCKETS[index] do index = index + 1 end
  count[index] = count[index] + 1
  count.sum = count.sum + seconds
end

--- Counts an operation, or a transfer, with all its attempts. Every call pays for this.
---@param work connectparticipant.Work
---@param seconds number
---@param err? connectparticipant.Error
function Counters:call(work, seconds, err)
  local name = work.pace or work.operation
  local count = self.calls[name] or count_of(self, "calls", name)
  add_time(count, seconds)
  if err then add(count, err.kind) end
  local attempts, moved = work.attempt, work.moved
  if attempts > 1 then count.retries = count.retries + attempts - 1 end
  if moved then count.bytes = count.bytes + moved end
  if self.dict and not self.waits then flush_later(self) end
end

--- Counts an attempt that was throttled.
---@param work connectparticipant.Work
function Counters:throttle(work)
  local count = count_of(self, "calls", work.pace or work.operation)
  count.throttles = count.throttles + 1
end

--- Counts a request to the gateway.
---@param what "upload"|"download"
---@param status integer
---@param seconds number
function Counters:request(what, status, seconds)
  local count = count_of(self, "requests", what)
  add_time(count, seconds)
  add(count, status)
  if self.dict and not self.waits then flush_later(self) end
end

-- Everything that was counted, by key.
local function all(self)
  if not self.dict then return expand(self) end
  self:flush()
  local found = {}
  for _, key in ipairs(self.dict:get_keys(0)) do
    local count = key:sub(1, #PREFIX) == PREFIX and self.dict:get(key)
    if count then found[key:sub(#PREFIX + 1)] = count end
  end
  return found
end

--- The counts as tables: `[family][name]`, and where there are labels `[family][name][label]`.
---@return table
function Counters:read()
  local read = {
    calls = {}, retries = {}, throttles = {}, bytes = {}, call_seconds = {}, requests = {},
    request_seconds = {},
  }
  for key, count in pairs(all(self)) do
    local family, name, label = key:match "^([^|]*)|([^|]*)|(.*)$"
    local of_family = read[family]
    if of_family and label == "" then
      of_family[name] = count
    elseif of_family then
      of_family[name] = of_family[name] or {}
      of_family[name][label] = label == "sum" and count / 1e6 or count
    end
  end
  return read
end

local function sorted(list)
  local names = {}
  for name in pairs(list) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function whole(number)
  return ("%.0f"):format(number)
end

-- A family's lines: `name{label="…"}`.
local function counters(lines, counted, name, help, label, second)
  lines[#lines + 1] = ("# HELP %s %s"):format(name, help)
  lines[#lines + 1] = ("# TYPE %s counter"):format(name)
  for _, each in ipairs(sorted(counted)) do
    local value = counted[each]
    if type(value) == "table" then
      for _, which in ipairs(sorted(value)) do
        lines[#lines + 1] = ('%s{%s="%s",%s="%s"} %s'):format(name, label, each, second, which,
          whole(value[which]))
      end
    else
      lines[#lines + 1] = ('%s{%s="%s"} %s'):format(name, label, each, whole(value))
    end
  end
end

local function histogram(lines, counted, name, help, label)
  lines[#lines + 1] = ("# HELP %s %s"):format(name, help)
  lines[#lines + 1] = ("# TYPE %s histogram"):format(name)
  for _, each in ipairs(sorted(counted)) do
    local value, count = counted[each], 0
    for _, limit in ipairs(ENDS) do
      count = count + (value[limit] or 0)
      lines[#lines + 1] = ('%s_bucket{%s="%s",le="%s"} %s'):format(name, label, each, limit,
        whole(count))
    end
    local microseconds = math.floor((value.sum or 0) * 1e6 + 0.5)
    lines[#lines + 1] = ('%s_sum{%s="%s"} %s.%06d'):format(name, label, each,
      whole(math.floor(microseconds / 1e6)), microseconds % 1e6)
    lines[#lines + 1] = ('%s_count{%s="%s"} %s'):format(name, label, each, whole(count))
  end
end

--- The counts in Prometheus' text format, version 0.0.4.
---@return string
function Counters:text()
  local read, lines, own = self:read(), {}, "connectparticipant_"
  counters(lines, read.calls, own .. "calls_total", "Operations and transfers, with all attempts.",
    "operation", "outcome")
  counters(lines, read.retries, own .. "retries_total", "Attempts after the first.", "operation")
  counters(lines, read.throttles, own .. "throttles_total", "Attempts that were throttled.",
    "operation")
  counters(lines, read.bytes, own .. "transferred_bytes_total", "Bytes of attachments that moved.",
    "operation")
  histogram(lines, read.call_seconds, own .. "call_seconds", "How long they took.", "operation")
  counters(lines, read.requests, own .. "gateway_requests_total",
    "Requests to the gateway; 499: the client left, 444: a download broke off.", "what", "status")
  histogram(lines, read.request_seconds, own .. "gateway_request_seconds", "How long they took.",
    "what")
  return table.concat(lines, "\n") .. "\n"
end

return metrics
