-- A fleet whose server answers some questions too late, as on a busy machine. Each member keeps
-- eight uploads in flight, in simulated time.
local blocking = require "connectparticipant.driver.blocking"
local memory = require "connectparticipant.pace.memory"
local pace = require "connectparticipant.pace"
local throttled = require "spec.support.throttled"
local turn = require "connectparticipant.pace.turn"

local START = "StartAttachmentUpload"
local MEMBERS, IN_FLIGHT, BOUND, ROUND_TRIP = 4, 8, 0.05, 0.02

-- Counted as in the benchmark: not before the service's burst is used up, which goes to whoever
-- comes first.
local BEFORE, SECONDS = 8, 32

-- The part of a job that waiting for a turn needs.
local function new_job(world, pacer)
  local job = { client = { pace = pacer }, clock = { now = world.now, random = world.random } }
  function job.patience() return 600 end
  function job.sleep(_, seconds) coroutine.yield(seconds) end
  function job.hold() end
  job.enter, job.leave = job.hold, job.hold
  return job
end

-- A member; a `share` of its questions get no answer in time.
local function new_member(world, server, share)
  local member = { done = 0, asked = 0, refused = 0, outages = 0 }
  member.pacer = assert(pace.open({ instance = "here", eval = function(_, keys, args)
    if world.random() < share then
      coroutine.yield(BOUND)
      return nil, "timeout"
    end
    args[2] = ("%.0f"):format(world.time * 1e6)
    -- The script counts one client here.
    return (server(keys, args):gsub("^(%d+) %d+", "%1 " .. MEMBERS))
  end }, "https://h.example", { now = world.now, driver = blocking, logger = function(event)
    if event.pace == "alone" then member.outages = member.outages + 1 end
  end }))
  return member
end

local function upload(world, service, member)
  local work = { operation = START }
  turn.wait(new_job(world, member.pacer), work)
  if work.turn then work.turn:use() end
  coroutine.yield(ROUND_TRIP * world.random())
  local passed = service.take()
  member.pacer:report(START, not passed)
  member.asked = member.asked + 1
  if not passed then member.refused = member.refused + 1 end
  if passed and world.time >= 1000 + BEFORE then member.done = member.done + 1 end
  return upload(world, service, member)
end

-- Lets the members upload; `shares` are the shares of answers that each misses. Returns their sums.
local function run(shares)
  local world, server, members = throttled.world(), memory.new(), {}
  local service = throttled.service(world, 2, 5)
  for number = 1, MEMBERS do
    members[number] = new_member(world, server, shares[number])
    for _ = 1, IN_FLIGHT do
      world:at(world.time + number / 100, function() upload(world, service, members[number]) end)
    end
  end
  world:run(1000 + BEFORE + SECONDS)
  local all = { done = 0, asked = 0, refused = 0, outages = 0, least = math.huge, most = 0 }
  for _, member in ipairs(members) do
    for name, count in pairs(member) do
      if name ~= "pacer" then all[name] = all[name] + count end
    end
    all.least, all.most = math.min(all.least, member.done), math.max(all.most, member.done)
  end
  return all
end

describe("a fleet whose server is late", function()
  local function assert_fair(shares)
    local all = run(shares)
    assert.truthy(all.outages >= 5, all.outages)
    assert.truthy(all.done >= 0.95 * 2 * SECONDS, all.done)
    assert.truthy(all.refused <= 0.02 * all.asked, all.refused .. " of " .. all.asked)
    assert.truthy(all.least >= 0.8 * all.most, all.least .. "/" .. all.most)
  end

  it("for a fifth of all questions goes on as one", function()
    assert_fair { 0.2, 0.2, 0.2, 0.2 }
  end)

  it("for one member leaves that one its share", function()
    assert_fair { 0, 0.3, 0, 0 }
  end)
end)
