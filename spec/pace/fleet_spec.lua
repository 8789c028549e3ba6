-- One pace for a fleet, on a real redis-server: its turns. What becomes of them when the server
-- fails is in fleet_outage_spec.
local core = require "connectparticipant.core"
local blocking = require "connectparticipant.driver.blocking"
local memory = require "connectparticipant.pace.memory"
local pace = require "connectparticipant.pace"
local participant = require "connectparticipant"
local redis = require "spec.support.redis"

local unpack = rawget(table, "unpack") or rawget(_G, "unpack")

local START, COMPLETE = "StartAttachmentUpload", "CompleteAttachmentUpload"

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

describe("a fleet's pace", function()
  it("gives all its clients turns of one line, from the first call on", function()
    local one, two = open(), open()
    local waits = {}
    for number = 1, 10 do
      waits[number] = (number % 2 == 0 and one or two):reserve(START, soon())
    end
    -- One less at once than the five that AWS allows.
    for number = 1, 4 do assert.equal(0, waits[number]) end
    for number = 5, 10 do assert.near((number - 4) / 2, waits[number], 0.2) end
  end)

  it("asks where a turn is once more before it is used", function()
    local one, two = open(), open()
    local booking
    for _ = 1, 6 do booking = select(2, one:reserve(START, soon())) end
    two:report(START, true)
    -- It was heard of lately, and not of the refusal.
    booking.booked, one.store.server.places[START].heard = 0, 0
    local stands, more = one:stands(START, booking)
    assert.is_true(stands)
    assert.near(1.5, more, 0.2)
  end)

  it("books no turn that would come too late", function()
    local one = open { rates = { [START] = 0.2 } }
    assert.equal(0, (one:reserve(START, soon())))
    for _ = 1, 20 do assert.same({ nil, false }, { one:reserve(START, core.now() + 2) }) end
    local wait = one:reserve(START, soon())
    assert.truthy(wait > 0 and wait <= 5, wait)
  end)

  it("gives many turns at once, those in time", function()
    local one = open()
    local wait, booking, further = one:reserve(START, soon(), nil, 8)
    assert.equal(0, wait)
    assert.truthy(booking)
    assert.equal(7, #further)
    assert.near(2, select(2, one:stands(START, further[7])), 0.2)
    local _, _, few = one:reserve(START, core.now() + 3.2, nil, 8)
    assert.equal(1, #few)
  end)

  it("uses turns again that were given back", function()
    local one, two = open(), open()
    local bookings = {}
    for number = 1, 8 do bookings[number] = select(2, one:reserve(START, soon())) end
    for number = 5, 8 do one:give_back(START, bookings[number]) end
    one:reserve(COMPLETE, soon()) -- what is given back rides along
    assert.near(0.5, (two:reserve(START, soon())), 0.3)
    assert.near(1, (two:reserve(START, soon())), 0.3)
  end)

  it("gives back at its end what nobody will use", function()
    local one, two = open(), open()
    local bookings = {}
    for number = 1, 8 do bookings[number] = select(2, one:reserve(START, soon())) end
    for number = 8, 5, -1 do one:give_back(START, bookings[number]) end
    one:close()
    assert.near(0.5, (two:reserve(START, soon())), 0.3)
  end)

  it("gives back what the calls of a client that is closed have booked", function()
    local client = participant.new { endpoint = "http://127.0.0.1:1", max_attempts = 1,
      pace = { redis = server.url, instance = "here" } }
    local list = {}
    for number = 1, 8 do
      list[number] = { ConnectionToken = "t", body = "x", AttachmentName = number .. ".txt" }
    end
    -- Four have their turns at once, and fail.
    local _, errors = client:upload_attachments(list, { on_result = function() client:close() end })
    assert.equal(8, #errors)
    assert.equal("4", server:cli("HGET", "connectparticipant:{here}:" .. START, "count"))
  end)

  it("is kept by single calls, too, whatever the retry mode", function()
    local client = participant.new { endpoint = "http://127.0.0.1:1", max_attempts = 1,
      pace = { redis = server.url, instance = "here", rates = { [START] = 0.01 } } }
    local function start()
      return select(2, client:start_attachment_upload { ConnectionToken = "t", timeout = 2,
        AttachmentName = "a.txt", AttachmentSizeInBytes = 1, ContentType = "text/plain" })
    end
    assert.equal("COULDNT_CONNECT", start().code)
    assert.truthy(start().message:find("throttled, and the next turn comes after the deadline", 1,
      true))
    client:close()
  end)

  it("loses the turn of a caller that has died, and no other", function()
    local time, run = 5000, server:runner()
    local function eval(_, keys, args)
      args[2] = ("%.0f"):format(time * 1e6)
      return run(keys, args)
    end
    local dead, alive = open { eval = eval }, open { eval = eval }
    for _ = 1, 4 do alive:reserve(START, soon()) end
    assert.near(0.5, (dead:reserve(START, soon())), 1e-6)
    assert.near(1, (alive:reserve(START, soon())), 1e-6)
    time = time + 1.5
    assert.equal(0, (alive:reserve(START, soon())))
    assert.near(0.5, (alive:reserve(START, soon())), 1e-6)
  end)

  it("moves all turns to come when the service throttles, and keeps their order", function()
    local one, two = open(), open()
    for _ = 1, 4 do one:reserve(START, soon()) end
    local wait, booking = one:reserve(START, soon())
    local _, later = one:reserve(START, soon())
    two:report(START, true)
    one:report(START, true) -- as soon after the other, it changes nothing, but tells where they are
    local stands, more = one:stands(START, booking)
    assert.is_true(stands)
    -- The service has two requests to give then, and one of them stays.
    assert.truthy(more > wait and more <= 1)
    assert.near(more + 0.5, select(2, one:stands(START, later)), 0.05)
    assert.equal("2", server:cli("HGET", "connectparticipant:{here}:" .. START, "refused"))
  end)

  it("rises to a rate that the options name, and falls to AWS's when throttled", function()
    local one = open { rates = { [START] = 20 } }
    local _, _, further = one:reserve(START, soon(), nil, 60)
    local _, first = one:stands(START, further[58])
    local _, second = one:stands(START, further[59])
    assert.near(0.05, second - first, 0.005)
    for _ = 1, 3 do one:report(START, true) end
    _, _, further = one:reserve(START, soon(), nil, 3)
    _, first = one:stands(START, further[1])
    _, second = one:stands(START, further[2])
    assert.near(1 / 17, second - first, 0.005)
  end)

  it("is each instance's own, in keys that a person can read", function()
    local one, other = open { instance = "a b{c}" }, open { instance = "there" }
    for _ = 1, 9 do one:reserve(START, soon()) end
    assert.equal(0, (other:reserve(START, soon())))
    assert.equal("9", server:cli("HGET", "connectparticipant:{a%20b%7Bc%7D}:" .. START, "count"))
    local expiry = tonumber(server:cli("TTL", "connectparticipant:{there}:" .. START))
    assert.truthy(expiry > 0 and expiry <= 130, expiry)
  end)

  it("has one quota", function()
    local _, one = open()
    local _, two = open()
    local count = 0
    while (count % 2 == 0 and one or two):acquire(true) do count = count + 1 end
    assert.equal(100, count)
    one:release(5)
    assert.is_nil(one:acquire(false))
    assert.equal(5, one:acquire(true))
  end)

  it("takes one question a turn, in less than a millisecond at rest", function()
    local one = open()
    one:reserve(START, soon())
    local before = server:commands()
    for _ = 1, 20 do
      local _, booking = one:reserve(START, soon())
      one:report(START, false)
      one:stands(START, booking)
      one:give_back(START, booking)
    end
    assert.equal(20, server:commands() - before)
  end)

  it("has connections of its own in a forked process", function()
    local function connections()
      return tonumber(server:cli("INFO", "stats"):match "total_connections_received:(%d+)")
    end
    local one, pid = open(), core.pid
    one:reserve(START, soon())
    local before = connections()
    core.pid = function() return -1 end
    local ok = pcall(one.reserve, one, START, soon())
    core.pid = pid
    assert.is_true(ok)
    -- That of the question, and the one that counts them.
    assert.equal(before + 2, connections())
  end)

  it("keeps other operations, and the store's, to the client itself", function()
    local one = open()
    local before = server:commands()
    assert.same({ 0 }, { one:reserve("PUT", soon()) })
    one:report("PUT", true)
    assert.truthy(one:reserve("PUT", soon()) > 0)
    assert.equal(before, server:commands())
  end)

  it("goes through a function of the caller's", function()
    local run, seen = memory.new(), {}
    local one = open { eval = function(script, keys, args)
      seen[#seen + 1] = { script, keys }
      return run(keys, { args[1], "5000000000000", unpack(args, 3) })
    end }
    for _ = 1, 4 do assert.equal(0, (one:reserve(START, soon()))) end
    assert.near(0.5, (one:reserve(START, soon())), 1e-6)
    assert.equal(require "connectparticipant.pace.script", seen[1][1])
    assert.equal("connectparticipant:{here}:" .. START, seen[1][2][3])
  end)

  it("needs a library, or a function", function()
    local _, problem = pace.open({ redis = "redis://h" }, "e", { now = core.now, driver = {} })
    assert.truthy(problem:find("pace.eval", 1, true))
    local library = package.loaded.redis
    package.loaded.redis = nil
    package.preload.redis = function() error "none" end
    _, problem = pace.open({ redis = "redis://h" }, "e", { now = core.now, driver = blocking })
    package.preload.redis, package.loaded.redis = nil, library
    assert.truthy(problem:find("install Debian's lua-redis", 1, true), problem)
  end)

  it("logs in, with the password of the URL", function()
    local guarded = redis.start "--requirepass s%cret"
    local events = {}
    local one = open({ redis = guarded.url .. "?password=s%25cret&db=2" }, nil, events)
    assert.equal(0, (one:reserve(START, soon())))
    assert.same({}, events)
    local two = open({ redis = guarded.url .. "?password=wrong" }, nil, events)
    assert.equal(0, (two:reserve(START, soon())))
    assert.equal("alone", events[1].pace)
    assert.truthy(events[1].message:find "WRONGPASS", events[1].message)
    assert.is_nil(events[1].message:find "wrong[^%w]?$")
    guarded:stop()
  end)
end)

describe("the command's --pace", function()
  local values = require "connectparticipant.cli.values"
  local narration = require "connectparticipant.cli.narration"

  it("takes a Redis URL, and does not repeat a wrong one", function()
    assert.equal("redis://:s@h:1/2", values.redis "redis://:s@h:1/2")
    for _, wrong in ipairs { "", "redis", "http://h", "redis://", "redis://s3cret@h", "unix:x",
      "redis://h:0", "redis://h:99999", "redis://h/x", "redis://h y" } do
      local value, problem = values.redis(wrong)
      assert.is_nil(value, wrong)
      assert.is_nil(problem:find("s3cret", 1, true))
    end
  end)

  it("tells with --verbose that the pace is not shared", function()
    assert.equal("why", narration.line { operation = START, pace = "alone", message = "why" })
  end)
end)
