-- The pace after throttling. The service, its callers and the clock are simulated: nothing waits.
local pace = require "connectparticipant.pace"
local throttled = require "spec.support.throttled"

local START, SEND = "StartAttachmentUpload", "SendMessage"

-- A pace whose clock only the spec advances.
local function new()
  local clock = { time = 100000 }
  return pace.new(function() return clock.time end), clock
end

describe("the pace", function()
  it("costs nothing while nothing is throttled", function()
    local pacer = new()
    for _ = 1, 1000 do assert.same({ 0 }, { pacer:reserve(START) }) end
  end)

  it("is idle until an operation is throttled, and never where others throttle it, too", function()
    local pacer, clock = new()
    assert.is_true(pacer:is_idle(START))
    pacer:report(START, false)
    assert.is_true(pacer:is_idle(START))
    pacer:report(START, true)
    assert.is_false(pacer:is_idle(START))
    assert.is_true(pacer:is_idle(SEND))
    local numbers = pace.own()
    local store = { reserve = function(_, ...) return numbers:reserve(...) end }
    assert.is_false(pace.new(function() return clock.time end, store):is_idle(START))
  end)

  it("is kept for each operation apart", function()
    local pacer = new()
    pacer:report(START, true)
    pacer:reserve(START)
    assert.truthy(pacer:reserve(START) > 0)
    assert.same({ 0 }, { pacer:reserve(SEND) })
  end)

  it("is never below what AWS documents, however little went through", function()
    for operation, rate in pairs { StartAttachmentUpload = 2, CompleteAttachmentUpload = 2,
      GetAttachment = 8, GetTranscript = 8, CreateParticipantConnection = 6,
      DisconnectParticipant = 3, SendMessage = 10, SendEvent = 10 } do
      local pacer, clock = new()
      for _ = 1, 5 do
        pacer:report(operation, true)
        clock.time = clock.time + 10
      end
      pacer:report(operation, true)
      local first, second = pacer:reserve(operation), pacer:reserve(operation)
      assert.near(1 / rate, first, 1e-5, operation)
      assert.near(1 / rate, second - first, 1e-5, operation)
    end
  end)

  it("has AWS's burst again after a pause", function()
    local pacer, clock = new()
    pacer:report(START, true)
    clock.time = clock.time + 3
    for number = 1, 5 do assert.equal(0, (pacer:reserve(START)), number) end
    assert.truthy(pacer:reserve(START) > 0.1)
  end)

  -- Sends `rate` requests a second until `ending`; returns how far apart the turns are then.
  local function interval_after(rate, seconds, pause)
    local pacer, clock = new()
    for _ = 1, rate * seconds do
      pacer:report(SEND, false)
      clock.time = clock.time + 1 / rate
    end
    clock.time = clock.time + pause
    pacer:report(SEND, true)
    local first = pacer:reserve(SEND)
    return pacer:reserve(SEND) - first
  end

  it("follows what went through in the last seconds before the throttling", function()
    assert.near(1 / 85, interval_after(100, 10, 0), 0.001)
    assert.near(1 / 34, interval_after(40, 10, 0), 0.002)
  end)

  it("is not diluted by idle time", function()
    assert.near(1 / 85, interval_after(100, 10, 3), 0.001)
    assert.near(1 / 85, interval_after(100, 3, 2), 0.001)
  end)

  it("is not diluted by a pause in the middle", function()
    local pacer, clock = new()
    for _ = 1, 90 do
      pacer:report(SEND, false)
      clock.time = clock.time + 0.01
    end
    clock.time = clock.time + 1.05
    pacer:report(SEND, false)
    pacer:report(SEND, true)
    local first = pacer:reserve(SEND)
    assert.near(1 / (89 * 0.85), pacer:reserve(SEND) - first, 0.001)
  end)

  it("forgets a refusal after a minute", function()
    local pacer, clock = new()
    pacer:report(START, true)
    clock.time = clock.time + 61
    for _ = 1, 100 do assert.equal(0, (pacer:reserve(START))) end
  end)
end)

describe("a turn", function()
  it("that would come too late is not booked, and moves no queue", function()
    local pacer, clock = new()
    pacer:report(START, true)
    local wait = pacer:reserve(START, clock.time + 1)
    assert.near(0.5, wait, 1e-5)
    for _ = 1, 1000 do
      assert.same({ nil, false }, { pacer:reserve(START, clock.time + 0.9) })
    end
    assert.near(1, (pacer:reserve(START, clock.time + 1.1)), 1e-5)
  end)

  it("is booked at most a few seconds ahead; later callers ask again", function()
    local pacer, clock = new()
    pacer:report(START, true)
    local latest = 0
    for _ = 1, 1000 do
      local wait, booking = pacer:reserve(START, clock.time + 1000)
      assert.truthy(booking)
      latest = wait or latest
    end
    assert.truthy(latest > 3 and latest <= 4, latest)
  end)

  it("that is given back goes to the next caller, unless a later one is booked", function()
    local pacer = new()
    pacer:report(START, true)
    local bookings, waits = {}, {}
    for number = 1, 6 do waits[number], bookings[number] = pacer:reserve(START) end
    for number = 6, 2, -1 do pacer:give_back(START, bookings[number]) end
    assert.near(waits[2], (pacer:reserve(START)), 1e-5)
    pacer:give_back(START, bookings[1])
    assert.near(waits[3], (pacer:reserve(START)), 1e-5)
  end)

  it("that many give back in whatever order leaves no hole but for seconds", function()
    local pacer, clock = new()
    pacer:report(START, true)
    local bookings = {}
    for number = 1, 1000 do
      local wait, booking = pacer:reserve(START, clock.time + 1000)
      if wait then bookings[number] = booking end
    end
    for _, booking in ipairs(bookings) do pacer:give_back(START, booking) end
    assert.truthy(pacer:reserve(START, clock.time + 1000) <= 4)
  end)

  it("is void once the service has refused again, and the queue begins anew", function()
    local pacer, clock = new()
    pacer:report(START, true)
    local _, first = pacer:reserve(START)
    for _ = 1, 5 do pacer:reserve(START) end
    assert.is_true(pacer:stands(START, first))
    clock.time = clock.time + 2
    pacer:report(START, true)
    assert.is_false(pacer:stands(START, first))
    assert.near(0.5, (pacer:reserve(START)), 1e-5)
    local wait = pacer:reserve(START)
    pacer:give_back(START, first)
    assert.truthy(pacer:reserve(START) > wait)
  end)
end)

describe("a clock that jumps", function()
  it("back does not make callers wait until the old time has come again", function()
    local pacer, clock = new()
    pacer:report(START, true)
    for _ = 1, 4 do pacer:reserve(START) end
    clock.time = clock.time - 3600
    assert.equal(0, (pacer:reserve(START, clock.time + 1)))
    pacer:report(START, true)
    assert.near(0.5, (pacer:reserve(START)), 1e-5)
  end)

  it("back does not mix what went through before with what does now", function()
    local pacer, clock = new()
    local function send(rate, seconds)
      for _ = 1, rate * seconds do
        pacer:report(SEND, false)
        clock.time = clock.time + 1 / rate
      end
    end
    send(100, 3)
    clock.time = clock.time - 5
    send(40, 3)
    pacer:report(SEND, true)
    local first = pacer:reserve(SEND)
    assert.near(1 / 34, pacer:reserve(SEND) - first, 0.002)
  end)

  it("forward ends the pace", function()
    local pacer, clock = new()
    pacer:report(START, true)
    clock.time = clock.time + 1e9
    for _ = 1, 100 do assert.equal(0, (pacer:reserve(START))) end
  end)
end)

-- Callers that arrive at a fixed rate, each with a deadline, whatever happens to earlier ones.
describe("callers that come at a fixed rate", function()
  local function run(options)
    local world = throttled.world()
    local service = throttled.service(world, options.allowed, options.burst)
    if options.empty then service.tokens = 0 end
    local counts = throttled.callers(world, service, { pace.new(world.now) }, {
      operation = options.operation or SEND, rate = options.offered, timeout = options.timeout,
      from = world.time, to = world.time + options.seconds,
    })
    return counts, service, world
  end

  it("lose next to nothing by one refusal", function()
    local counts, service, world = run { allowed = 10, burst = 15, offered = 9, timeout = 1,
      seconds = 20, empty = true }
    world:run()
    assert.truthy(service.refused >= 1)
    assert.truthy(counts.done >= 177, counts.done)
  end)

  for _, case in ipairs { { SEND, 10, 15 }, { SEND, 60, 60 }, { START, 2, 5 }, { START, 3, 5 },
    { START, 1, 2 } } do
    for _, times in ipairs { 1.1, 2, 10 } do
      for _, timeout in ipairs { 1, 5 } do
        local operation, allowed, burst = case[1], case[2], case[3]
        it(("%g times too many get what a service of %g a second gives, within %g s: %s")
          :format(times, allowed, timeout, operation), function()
          local counts, service, world = run { operation = operation, allowed = allowed,
            burst = burst, offered = allowed * times, timeout = timeout, seconds = 40 }
          local began = world.time
          world:run(began + 40)
          local through = service.count(began + 10, began + 40)
          assert.truthy(through >= 0.9 * allowed * 30, through)
          world:run()
          assert.equal(0, counts.overdue)
        end)
      end
    end
  end

  it("use within seconds what the service allows more", function()
    for _, case in ipairs { { SEND, 10, 15, 50, 60 }, { SEND, 10, 15, 200, 60 },
      { START, 2, 5, 20, 30 } } do
      local counts, service, world = run { operation = case[1], allowed = case[2],
        burst = case[3], offered = case[4] * 2, timeout = 5, seconds = 50 }
      world:run(world.time + 25)
      service.rate, service.burst = case[4], case[5]
      local began = world.time
      world:run(began + 25)
      assert.truthy(service.count(began + 12, began + 25) >= 0.9 * case[4] * 13, case[4])
      world:run()
      assert.equal(0, counts.overdue)
    end
  end)

  it("slow down at once when the service allows less", function()
    local counts, service, world = run { allowed = 200, burst = 300, offered = 400, timeout = 5,
      seconds = 40 }
    world:run(world.time + 20)
    service.rate, service.burst, service.tokens = 10, 15, 0
    local refused = service.refused
    world:run()
    assert.truthy(service.refused - refused < 600, service.refused - refused)
    assert.equal(0, counts.overdue)
  end)
end)

it("brings 200 calls of 32 workers through 2 a second, with few refused", function()
  local world = throttled.world()
  local service = throttled.service(world, 2, 5)
  local pacer = pace.new(world.now)
  local began, left, done = world.time, 200, 0
  local function told(result)
    if result == "done" then done = done + 1 else left = left + 1 end
  end
  for _ = 1, 32 do
    world:at(began, function()
      while left > 0 do
        left = left - 1
        throttled.call(world, service, pacer, START, 300, told)
      end
    end)
  end
  world:run()
  assert.truthy(done >= 200, done)
  assert.truthy(service.refused < 100, service.refused .. " were refused")
  assert.truthy(world.time - began < 110, ("it took %.0f s"):format(world.time - began))
end)
