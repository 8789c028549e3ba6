-- A thousand callers of fifty instances, in simulated time. A real redis-server gives the turns.
local blocking = require "connectparticipant.driver.blocking"
local pace = require "connectparticipant.pace"
local redis = require "spec.support.redis"
local throttled = require "spec.support.throttled"

local START = "StartAttachmentUpload"
local CALLERS, INSTANCES, SECONDS = 1000, 50, 20

-- One caller in DEAD dies with a turn booked; one turn in UNUSED is given back.
local DEAD, UNUSED = 40, 10

local ROUND_TRIP = 0.02

local server
setup(function() server = redis.start() end)
teardown(function() server:stop() end)

-- An instance, and what its callers saw: `given` has a list of what became of each turn's number.
local function new_instance(world, number)
  return { name = ("instance-%d"):format(number), service = throttled.service(world, 2, 5),
    given = {}, returned = {}, last = -1, disorder = 0, twice = 0, asked = 0, used = 0 }
end

-- Notes that a turn was given. Turns that were given back come out of order, and no others.
local function note_given(instance, number)
  local before = instance.given[number]
  if before and before ~= "back" then instance.twice = instance.twice + 1 end
  if number < instance.last and before ~= "back" then instance.disorder = instance.disorder + 1 end
  instance.last = before ~= "back" and math.max(instance.last, number) or instance.last
  instance.given[number] = "booked"
end

-- One attempt of a caller. False when the caller dies.
local function attempt(world, instance, pacer)
  local wait, booking = pacer:reserve(START, world.time + 3600)
  note_given(instance, booking.number)
  if world.random() * DEAD < 1 then
    instance.given[booking.number] = "dead"
    return false
  end
  if world.random() * UNUSED < 1 then
    coroutine.yield(wait * world.random())
    pacer:give_back(START, booking)
    instance.given[booking.number] = "back"
    return true
  end
  while wait > 0 do
    coroutine.yield(wait)
    local stands, more = pacer:stands(START, booking)
    assert(stands)
    wait = more or 0
  end
  instance.given[booking.number] = "used"
  coroutine.yield(ROUND_TRIP * world.random())
  instance.used = instance.used + 1
  pacer:report(START, not instance.service.take())
  return true
end

local function open(world, instance, run)
  return (assert(pace.open({
    instance = instance.name,
    eval = function(_, keys, args)
      args[2] = ("%.0f"):format(world.time * 1e6)
      return run(keys, args)
    end,
  }, "https://h.example", { now = world.now, driver = blocking })))
end

-- A caller, and whoever comes after its death.
local function live(world, instance, run)
  local pacer = open(world, instance, run)
  repeat coroutine.yield(world.random()) until not attempt(world, instance, pacer)
  return live(world, instance, run)
end

it("a thousand callers of fifty instances get each turn once, in order, and no turn is lost",
  function()
    local world, instances = throttled.world(), {}
    local run, command = server:runner()
    for number = 1, INSTANCES do instances[number] = new_instance(world, number) end
    for number = 1, CALLERS do
      world:at(world.time + world.random(), function()
        live(world, instances[number % INSTANCES + 1], run)
      end)
    end
    world:run(world.time + SECONDS)
    local used, memory = 0, 0
    for _, instance in ipairs(instances) do
      assert.equal(0, instance.twice)
      assert.equal(0, instance.disorder)
      assert.equal(0, instance.service.refused)
      local key = ("connectparticipant:{%s}:%s"):format(instance.name, START)
      for number = 0, tonumber(command("hget", key, "count")) - 1 do
        assert.truthy(instance.given[number], number)
      end
      used = used + instance.used
      memory = math.max(memory, tonumber(command("memory", "USAGE", key)))
    end
    -- What is missing at most: the turns of the dead, and those given back too late.
    assert.truthy(used / INSTANCES / SECONDS > 1.5, used)
    assert.truthy(memory < 1024, memory)
  end)
