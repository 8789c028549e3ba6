-- What becomes of a fleet's pace when its server fails: a real redis-server that is killed,
-- stopped, full, or not one at all.
local blocking = require "connectparticipant.driver.blocking"
local core = require "connectparticipant.core"
local memory = require "connectparticipant.pace.memory"
local pace = require "connectparticipant.pace"
local redis = require "spec.support.redis"
local socket = require "socket"

local START = "StartAttachmentUpload"

local server
setup(function() server = redis.start() end)
teardown(function() server:stop() end)
before_each(function() server:cli "FLUSHALL" end)

local function open(options, clock, events)
  return server:pace(options, clock, events)
end

local function soon()
  return core.now() + 60
end

describe("a fleet's server that", function()
  local events
  before_each(function() events = {} end)
  -- What a failed spec has left.
  after_each(function() server:signal "CONT" end)

  -- Two clients that know of each other; the second one's server fails then.
  local function pair(options)
    local clock = { time = core.now() }
    local other = open()
    other:reserve(START, soon())
    local one = open(options, clock, events)
    one:reserve(START, clock.time + 60)
    assert.same({}, events)
    return one, clock
  end

  -- Paces by itself at half the rate, and has said so once.
  local function assert_alone(one, clock)
    local first = one:reserve(START, clock.time + 60)
    local second = one:reserve(START, clock.time + 60)
    local third = one:reserve(START, clock.time + 60)
    assert.truthy(first and second and third)
    assert.near(1, third - second, 1e-3)
    assert.equal(1, #events)
    assert.equal("alone", events[1].pace)
    assert.equal(2, events[1].clients)
  end

  local function assert_shared_again(one, clock)
    clock.time = clock.time + 40
    assert.truthy(one:reserve(START, clock.time + 60))
    assert.equal(2, #events)
    assert.equal("shared", events[2].pace)
  end

  it("was killed leaves each client its share, and is found again", function()
    local one, clock = pair()
    server:kill()
    assert_alone(one, clock)
    server:restart()
    assert_shared_again(one, clock)
  end)

  it("was never reached is not taken for one that nobody else uses", function()
    server:kill()
    local clock = { time = 1000 }
    local one = open(nil, clock, events)
    assert.equal(0, (one:reserve(START, clock.time + 60)))
    assert.near(0.5, (one:reserve(START, clock.time + 60)), 1e-6)
    assert.equal("alone", events[1].pace)
    server:restart()
  end)

  it("is busy when all begin has a second for the first question", function()
    server:signal "STOP"
    local resume = io.popen(("sleep 0.3; kill -CONT %s"):format(server.pid))
    local one = open({ timeout = 0.05 }, nil, events)
    assert.equal(0, (one:reserve(START, soon())))
    resume:close()
    assert.same({}, events)
  end)

  it("is stopped holds nobody up beyond the bound, and is asked seldom", function()
    local one, clock = pair { timeout = 0.25 }
    server:signal "STOP"
    local began, cpu = core.now(), os.clock()
    assert_alone(one, clock)
    for _ = 1, 100 do one:reserve(START, clock.time + 600) end
    -- What it computed meanwhile was no wait.
    local waited = core.now() - began - (os.clock() - cpu)
    assert.truthy(waited < 1, waited)
    server:signal "CONT"
    assert_shared_again(one, clock)
  end)

  it("is stopped holds nobody up for long where no bound was set", function()
    local one = pace.open({ redis = server.url, instance = "here" }, "https://one.example",
      { now = core.now, driver = blocking })
    server:signal "STOP"
    local began = core.now()
    -- A second for the first question, and 50 ms then.
    for _ = 1, 2 do one:reserve(START, soon()) end
    assert.truthy(core.now() - began < 10, core.now() - began)
  end)

  it("was started anew meanwhile makes turns of before void, and no trouble", function()
    local one, clock = pair()
    local booking
    for _ = 1, 8 do booking = select(2, one:reserve(START, clock.time + 60)) end
    server:restart()
    assert.equal(0, (one:reserve(START, clock.time + 60)))
    assert.is_false(one:stands(START, booking))
    assert.same({}, events)
  end)

  it("forgets the script is told it again", function()
    local one, clock = pair()
    server:cli("SCRIPT", "FLUSH")
    assert.truthy(one:reserve(START, clock.time + 60))
    assert.same({}, events)
  end)

  it("is full leaves each client its share", function()
    local one, clock = pair()
    server:cli("CONFIG", "SET", "maxmemory", "1")
    assert_alone(one, clock)
    assert.truthy(events[1].message:find "OOM", events[1].message)
    server:cli("CONFIG", "SET", "maxmemory", "0")
    assert_shared_again(one, clock)
  end)

  it("has something else in its keys begins anew, or leaves each client its share", function()
    local one, clock = pair()
    local key = "connectparticipant:{here}:" .. START
    server:cli("HSET", key, "turn", "nan")
    for _ = 1, 4 do assert.equal(0, (one:reserve(START, clock.time + 60))) end
    server:cli("DEL", key)
    server:cli("SET", key, "x")
    assert_alone(one, clock)
  end)

  it("answers nonsense leaves each client its share", function()
    for _, nonsense in ipairs { "", "x", "1", "1 2\n", "1 2\n3", "1 2\n1 2 3 x", "1 0\n1 2 3 4 5",
      "1e300 2\n1 2 3 4 5", ("9"):rep(400), 5, true, {} } do
      events = {}
      local clock, answer = { time = 1000 }, nil
      local run = memory.new()
      local one = open({ eval = function(_, keys, args)
        if answer ~= nil then return answer end
        args[2] = "5000000000000"
        return (run(keys, args):gsub("^(%d+) 1", "%1 2"))
      end }, clock, events)
      one:reserve(START, clock.time + 60)
      answer = nonsense
      assert_alone(one, clock)
      answer = nil
      assert_shared_again(one, clock)
    end
  end)

  it("speaks another protocol is none", function()
    local listener = assert(socket.bind("127.0.0.1", 0))
    local port = select(2, listener:getsockname())
    local clock = { time = 1000 }
    local one = open({ redis = "redis://127.0.0.1:" .. port, timeout = 0.05 }, clock, events)
    local hurried = { patience = function() return 0.01 end }
    local began = core.now()
    assert.equal(0, (one:reserve(START, clock.time + 60, hurried)))
    assert.truthy(core.now() - began < 1)
    assert.equal("alone", events[1].pace)
    listener:close()
  end)

  it("raises in a function of the caller's is none", function()
    local clock = { time = 1000 }
    local one = open({ eval = function() error "broken" end }, clock, events)
    assert.equal(0, (one:reserve(START, clock.time + 60)))
    assert.truthy(events[1].message:find "broken")
  end)

  it("was killed leaves the last known rate, not the highest one", function()
    local one = open({ rates = { [START] = 20 } }, { time = 1000 }, events)
    one:report(START, true)
    server:kill()
    local first = one:reserve(START, 1060)
    assert.near(1 / 17, one:reserve(START, 1060) - first, 0.005)
    assert.equal("alone", events[1].pace)
    server:restart()
  end)

  it("was lost gives the turns of before their place in the line", function()
    local one, clock = pair()
    local last
    for _ = 1, 12 do last = one:reserve(START, clock.time + 60) end
    server:kill()
    local next_one = one:reserve(START, clock.time + 60)
    assert.truthy(next_one >= last and next_one < last + 3, next_one .. " after " .. last)
    server:restart()
  end)
end)

describe("a fleet's server that was late once", function()
  local KEY = "connectparticipant:{here}:" .. START

  -- Turns are so far apart that none comes during a spec.
  local BOUND, RATES = 0.3, { [START] = 0.5 }

  local events, one, other
  before_each(function()
    events = {}
    other = open { rates = RATES }
    other:reserve(START, soon())
    one = open({ timeout = BOUND, rates = RATES }, nil, events)
    for _ = 1, 5 do one:reserve(START, soon()) end
  end)
  after_each(function() server:signal "CONT" end)

  -- Books a turn while the server is stopped.
  local function reserve_late(latest)
    server:signal "STOP"
    local wait, booking = one:reserve(START, latest or soon())
    server:signal "CONT"
    assert.equal("alone", events[1].pace)
    return wait, booking
  end

  -- The number of the last turn that it has assigned.
  local function last_turn()
    return tonumber(server:cli("HGET", KEY, "count")) - 1
  end

  it("is asked by the next call, and not after a while", function()
    reserve_late()
    one:reserve(START, soon())
    assert.equal("shared", events[2].pace)
  end)

  it("books no turn for a client that has stopped waiting", function()
    reserve_late()
    assert.equal(5, last_turn())
  end)

  it("takes no tokens for a client that has stopped waiting", function()
    local _, quota = open { timeout = BOUND }
    quota:acquire(true)
    local left = server:cli("GET", "connectparticipant:{here}:tokens")
    server:signal "STOP"
    assert.truthy(quota:acquire(true))
    server:signal "CONT"
    assert.equal(left, server:cli("GET", "connectparticipant:{here}:tokens"))
  end)

  it("exchanges a local turn for one of its line", function()
    local wait, booking = reserve_late()
    assert.truthy(wait > 0.5, wait)
    assert.near(0.05, one:nap(booking, wait), 1e-6)
    local stands, more = one:stands(START, booking)
    assert.is_true(stands)
    assert.truthy(more > 0 and more <= 12, more)
    assert.same({ "shared", 6, 6 }, { events[2].pace, booking.number, last_turn() })
    assert.equal(more, one:nap(booking, more))
    -- The next one is behind it; given back, it is the fleet's again.
    other:reserve(START, soon())
    assert.equal(7, last_turn())
    one:give_back(START, booking)
    one:close()
    assert.equal("6", server:cli("HGET", KEY, "free"))
  end)

  it("exchanges all local turns in their order, except those that were given back", function()
    local bookings, last = {}, 5
    server:signal "STOP"
    for number = 1, 4 do bookings[number] = select(2, one:reserve(START, soon())) end
    server:signal "CONT"
    one:give_back(START, bookings[2])
    one.store.outage.retry = 0
    one:stands(START, bookings[4])
    for _, number in ipairs { 1, 3, 4 } do
      assert.is_true((one:stands(START, bookings[number])))
      assert.equal(last + 1, bookings[number].number)
      last = bookings[number].number
    end
    assert.equal(8, last_turn())
  end)

  it("leaves a local turn if it has none before the deadline", function()
    for _ = 1, 20 do other:reserve(START, soon()) end
    server:signal "STOP"
    local wait, booking = one:reserve(START, core.now() + 20)
    local _, patient = one:reserve(START, core.now() + 80)
    server:signal "CONT"
    assert.truthy(wait > 0 and wait < 20, wait)
    one.store.outage.retry = 0
    local stands, more = one:stands(START, booking)
    assert.is_true(stands)
    assert.truthy(more > 0 and more <= wait, more)
    assert.equal("shared", events[2].pace)
    -- It stays local: there is nothing to wake up for.
    assert.equal(more, one:nap(booking, more))
    -- The one after it has the next turn of the fleet, and takes no other one.
    assert.equal(26, patient.number)
    one:close()
    assert.equal(26, last_turn())
  end)

  it("is asked again by a call whose local turn would come too late", function()
    for _ = 1, 15 do one:reserve(START, soon()) end
    server:signal "STOP"
    assert.same({ nil, true }, { one:reserve(START, core.now() + 3) })
    -- After a second failure the answer is final.
    assert.same({ nil, false }, { one:reserve(START, core.now() + 3) })
  end)

  it("leaves local turns as they are while it fails", function()
    server:signal "STOP"
    local wait, booking = one:reserve(START, soon())
    local stands, more = one:stands(START, booking)
    assert.is_true(stands)
    assert.truthy(more > 0 and more <= wait)
    -- After a second failure it is left alone for a while.
    assert.truthy(one:nap(booking, 60) > 0.1)
    server:signal "CONT"
    one.store.outage.retry = 0
    one:stands(START, booking)
    assert.equal(6, booking.number)
  end)

  it("gets back afterwards what was given back while it failed", function()
    local booking = select(2, one:reserve(START, soon()))
    server:signal "STOP"
    for _ = 1, 2 do one:reserve(START, soon()) end
    one:give_back(START, booking)
    one:reserve(START, soon()) -- it is not asked now
    server:signal "CONT"
    one.store.outage.retry = 0
    local _, again = one:reserve(START, soon())
    assert.equal(booking.number, again.number)
  end)

  it("has lost its data does not get back a turn from before", function()
    local booking = select(2, one:reserve(START, soon()))
    server:cli "FLUSHALL"
    for _ = 1, booking.number + 1 do other:reserve(START, soon()) end
    one:give_back(START, booking)
    one:close()
    assert.equal(booking.number, last_turn())
  end)

  it("answers in time though its clock was set is not late", function()
    one.store.server.offset = one.store.server.offset - 900000
    assert.truthy((one:reserve(START, soon())) > 0)
    assert.same({}, events)
    assert.equal(6, last_turn())
  end)
end)

it("questions that fail together count as one failure of a fleet's server", function()
  local one = open({ eval = function() coroutine.yield() return nil, "timeout" end }, nil, {})
  local asking = {}
  for number = 1, 3 do
    asking[number] = coroutine.create(function() one:reserve(START, soon()) end)
    assert(coroutine.resume(asking[number]))
  end
  for number = 1, 3 do assert(coroutine.resume(asking[number])) end
  assert.equal(0, one.store.outage.trials)
end)
