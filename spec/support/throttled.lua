-- A service that throttles, and callers that come whether or not it answers, both simulated: the
-- time passes only when all of them wait.
local retry = require "connectparticipant.pace.retry"

local throttled = {}

local ROUND_TRIP = 0.05 -- seconds

-- Runs coroutines that yield the seconds they wait, in the order of time.
local World = {}
World.__index = World

function throttled.world()
  local self = setmetatable({ time = 1000, waiting = {}, seed = 42 }, World)
  self.now = function() return self.time end
  -- The same numbers in every Lua.
  self.random = function()
    self.seed = (self.seed * 16807) % 2147483647
    return self.seed / 2147483647
  end
  return self
end

-- The list is sorted, and the next one is its last.
local function insert(list, entry)
  local low, high = 1, #list + 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    if list[middle].moment <= entry.moment then high = middle else low = middle + 1 end
  end
  table.insert(list, low, entry)
end

--- Has a function run at a moment, and whenever what it yields has passed.
function World:at(moment, fn)
  insert(self.waiting, { moment = moment, co = coroutine.create(fn) })
end

--- Lets the time pass until a moment, or until nobody waits any more.
function World:run(ending)
  local list = self.waiting
  while #list > 0 and not (ending and list[#list].moment > ending) do
    local entry = table.remove(list)
    self.time = math.max(self.time, entry.moment)
    local ok, seconds = coroutine.resume(entry.co)
    assert(ok, seconds)
    if coroutine.status(entry.co) ~= "dead" then
      entry.moment = self.time + seconds
      insert(list, entry)
    end
  end
  self.time = ending or self.time
end

--- A token bucket, as the service has it; `rate` and `burst` may be changed.
function throttled.service(world, rate, burst)
  local service = { rate = rate, burst = burst, tokens = burst, at = world.time, refused = 0,
    passed = {} }
  function service.take()
    service.tokens = math.min(service.burst,
      service.tokens + (world.time - service.at) * service.rate)
    service.at = world.time
    if service.tokens < 1 then
      service.refused = service.refused + 1
      return false
    end
    service.tokens = service.tokens - 1
    service.passed[#service.passed + 1] = world.time
    return true
  end
  --- How many went through from one moment to another.
  function service.count(from, to)
    local count = 0
    for _, moment in ipairs(service.passed) do
      if moment >= from and moment < to then count = count + 1 end
    end
    return count
  end
  return service
end

-- Waits for the turn; false when it would come too late.
local function wait_turn(world, pacer, operation, deadline)
  while true do
    local wait, booking = pacer:reserve(operation, deadline)
    if wait then
      if wait > 0 then coroutine.yield(wait) end
      if wait == 0 or pacer:stands(operation, booking) then return true end
    elseif booking then
      coroutine.yield(math.min(0.5 + world.random() / 2, deadline - world.time))
    else
      return false
    end
  end
end

--- One call as a client makes it in the adaptive mode; `told(result)` gets "done", "refused" after
--- three attempts, or "late".
function throttled.call(world, service, pacer, operation, timeout, told)
  local deadline = world.time + timeout
  for index = 0, 2 do
    if not wait_turn(world, pacer, operation, deadline) then return told("late", deadline) end
    if world.time >= deadline then return told("late", deadline) end
    coroutine.yield(ROUND_TRIP / 2)
    local passed = service.take()
    coroutine.yield(ROUND_TRIP / 2)
    pacer:report(operation, not passed)
    if passed then return told("done", deadline) end
    local delay = retry.delay(index, true, nil, world.random)
    if world.time + delay >= deadline then break end
    if index < 2 then coroutine.yield(delay) end
  end
  return told("refused", deadline)
end

--- Callers that come at a fixed rate, with a deadline each, from a moment to another. `pacers` take
--- turns. Gives a table that counts what became of them.
function throttled.callers(world, service, pacers, options)
  local counts = { done = 0, refused = 0, late = 0, overdue = 0 }
  local function told(result, deadline)
    counts[result] = counts[result] + 1
    local overdue = result == "late" and world.time > deadline + 1e-6
    if overdue then counts.overdue = counts.overdue + 1 end
  end
  world:at(options.from, function()
    local count = math.floor((options.to - options.from) * options.rate + 0.5)
    for number = 1, count do
      local pacer = pacers[number % #pacers + 1]
      world:at(world.time, function()
        throttled.call(world, service, pacer, options.operation, options.timeout, told)
      end)
      coroutine.yield(1 / options.rate)
    end
  end)
  return counts
end

return throttled
