-- One pace and one quota for many workers: with a dictionary that fails on demand, and in an nginx
-- whose workers really run at the same time.
local core = require "connectparticipant.core"
local nginx = require "spec.support.nginx"
local pace = require "connectparticipant.pace"
local process = require "spec.support.process"
local socket = require "socket"
local throttled = require "spec.support.throttled"

local START, SEND = "StartAttachmentUpload", "SendMessage"

-- The part of ngx_lua's dictionaries that is needed here.
local Dictionary = {}
Dictionary.__index = Dictionary

function Dictionary:get(key) return self.values[key] end
function Dictionary:delete(key) self.values[key] = nil end

function Dictionary:set(key, value)
  if self.is_full then return false, "no memory", false end
  self.values[key] = value
  return true, nil, false
end

function Dictionary:add(key, value)
  if self.is_full then return false, "no memory", false end
  if self.values[key] ~= nil then return false, "exists", false end
  self.values[key] = value
  return true, nil, false
end

describe("a shared pace", function()
  local dict, clock, host

  before_each(function()
    dict = setmetatable({ values = {} }, Dictionary)
    clock = { time = 100000 }
    host = rawget(_G, "ngx")
    rawset(_G, "ngx", { shared = { here = dict }, update_time = function() end })
  end)
  after_each(function() rawset(_G, "ngx", host) end)

  -- A worker's client.
  local function worker(instance, endpoint)
    return assert(pace.open({ shared_dict = "here", instance = instance },
      endpoint or "https://one.example", { now = function() return clock.time end }))
  end

  local function quota(instance)
    return select(2, pace.open({ shared_dict = "here", instance = instance },
      "https://one.example", { now = function() return clock.time end }))
  end

  it("is the same for all workers", function()
    local one, two = worker(), worker()
    one:report(START, true)
    local last = 0
    for number = 1, 6 do
      local wait = (number % 2 == 0 and one or two):reserve(START)
      assert.near(0.5, wait - last, 1e-5)
      last = wait
    end
    local _, booking = one:reserve(START)
    assert.is_true(two:stands(START, booking))
    two:give_back(START, booking)
    assert.near(last + 0.5, (one:reserve(START)), 1e-5)
  end)

  it("is each instance's own; without a name each endpoint's", function()
    worker():report(START, true)
    assert.truthy(worker(nil, "https://one.example"):reserve(START) > 0)
    assert.equal(0, (worker(nil, "https://two.example"):reserve(START)))
    assert.equal(0, (worker("i", "https://one.example"):reserve(START)))
    worker("i", "https://one.example"):report(SEND, true)
    assert.truthy(worker("i", "https://two.example"):reserve(SEND) > 0)
    assert.equal(0, (worker("j", "https://two.example"):reserve(SEND)))
    local one, two = quota "i", quota "j"
    while one:acquire(false) do end
    assert.is_nil(quota("i"):acquire(false))
    assert.equal(14, two:acquire(false))
  end)

  it("writes whole numbers only, which every locale writes alike", function()
    local one = worker()
    for _ = 1, 30 do
      one:report(START, false)
      clock.time = clock.time + 0.123456789
    end
    one:report(START, true)
    one:reserve(START)
    for _, value in pairs(dict.values) do
      assert.truthy(tostring(value):find("^[%d ]+$"), tostring(value))
    end
  end)

  it("ignores garbage in the dictionary", function()
    local one, count = worker(), quota()
    one:report(START, true)
    count:acquire(false)
    local keys = {}
    for key in pairs(dict.values) do keys[#keys + 1] = key end
    assert.equal(2, #keys)
    local huge = ("9999999999999999 "):rep(9)
    -- Would be a pace, with a turn in 3 s, but for how one number is written.
    local now = clock.time * 1e6
    local odd = ("%.0f 2e6 %.0f %.0f 0 0 0 0 0"):format(now, now, now + 3e6)
    for _, garbage in ipairs { odd, "", "x", "1 2 3", "nan nan nan nan nan nan nan nan nan", huge,
      ("-1 "):rep(9), ("1e300 "):rep(9), ("0x10 "):rep(9), ("1.5 "):rep(9), ("1 "):rep(1000),
      "100000000000 2000 100000000000 nan 0 0 0 0 0", 12, -1, 0 / 0, math.huge, 1e300, true, {} } do
      for _, key in ipairs(keys) do dict.values[key] = garbage end
      assert.equal(0, (one:reserve(START, clock.time + 1)), tostring(garbage))
      assert.truthy(count:acquire(false) or garbage == 12, tostring(garbage))
      for _, key in ipairs(keys) do dict.values[key] = garbage end
      one:report(START, true)
      assert.near(0.5, (one:reserve(START, clock.time + 1)), 1e-5, tostring(garbage))
    end
  end)

  it("that is full or loses entries leaves each worker a pace of its own", function()
    local one, two, count = worker(), worker(), quota()
    dict.is_full = true
    one:report(START, true)
    local wait, booking = one:reserve(START)
    assert.near(0.5, wait, 1e-5)
    assert.is_true(one:stands(START, booking))
    assert.near(1, (one:reserve(START)), 1e-5)
    assert.equal(0, (two:reserve(START)))
    local taken = 0
    while count:acquire(false) do taken = taken + 1 end
    assert.equal(35, taken)
  end)

  it("whose entries are evicted begins again", function()
    local one, count = worker(), quota()
    one:report(START, true)
    while count:acquire(false) do end
    local _, booking = one:reserve(START)
    dict.values = {}
    assert.is_false(one:stands(START, booking))
    one:give_back(START, booking)
    assert.equal(0, (one:reserve(START)))
    assert.equal(14, count:acquire(false))
  end)

  it("whose lock a dead worker holds does without the lock", function()
    local one, now, time = worker(), core.now, 0
    one:report(START, true)
    dict.values[next(dict.values) .. " lock"] = true
    core.now = function() -- luacheck: ignore
      time = time + 0.01
      return time
    end
    one:report(START, true)
    local wait, booking = one:reserve(START)
    core.now = now -- luacheck: ignore
    assert.near(0.5, wait, 1e-5)
    assert.is_true(one:stands(START, booking))
  end)

  it("leaves no lock behind, and nothing else", function()
    local one, count = worker(), quota()
    one:report(START, true)
    for _ = 1, 100 do
      local _, booking = one:reserve(START)
      one:give_back(START, booking)
      one:give_back(START, booking)
      one:reserve(START, clock.time)
      count:acquire(false)
      count:release(14)
    end
    local entries = 0
    for key in pairs(dict.values) do
      assert.is_nil(key:find " lock$")
      entries = entries + 1
    end
    assert.equal(2, entries)
  end)

  it("needs a dictionary that nginx declares", function()
    local _, problem = pace.open({ shared_dict = "there" }, "e", { now = function() return 0 end })
    assert.truthy(problem:find('shared_dict = "there"', 1, true))
  end)

  it("gives callers in many workers all that the service allows", function()
    local world = throttled.world()
    local service = throttled.service(world, 10, 15)
    local pacers = {}
    for number = 1, 8 do
      pacers[number] = assert(pace.open({ shared_dict = "here" }, "e", { now = world.now }))
    end
    local counts = throttled.callers(world, service, pacers, { operation = SEND, rate = 30,
      timeout = 2, from = world.time, to = world.time + 30 })
    local began = world.time
    world:run(began + 30)
    assert.truthy(service.count(began + 5, began + 30) >= 0.9 * 250)
    assert.truthy(service.refused < 100, service.refused)
    world:run()
    assert.equal(0, counts.overdue)
  end)
end)

-- These specs test LuaJIT inside nginx, whichever Lua runs busted, so one Lua runs them.
if process.abi ~= "luajit" then return end

describe("the workers of an nginx", function()
  local LOCATIONS = [[
    location /throttle { content_by_lua_block {
      opened():report("StartAttachmentUpload", true)
      ngx.print "done"
    } }
    # Books as fast as it can; says when each turn ends.
    location /reserve { content_by_lua_block {
      local own, text = opened(), {}
      for _ = 1, 2000 do
        local wait, booking = own:reserve("SendMessage")
        text[#text + 1] = ("%.0f"):format(booking.ending)
      end
      ngx.print(table.concat(text, " "))
    } }
    # A refusal after so many a second that thousands of turns are ahead.
    location /refuse { content_by_lua_block {
      local own = opened()
      for _ = 1, 20000 do own:report("SendMessage", false) end
      own:report("SendMessage", true)
      ngx.print "done"
    } }
    location /count { content_by_lua_block {
      local _, quota = opened()
      local count = 0
      for _ = 1, 200 do
        if quota:acquire(true) then count = count + 1 end
      end
      ngx.print(count)
    } }
    location /ask { content_by_lua_block {
      local client = participant.new { endpoint = os.getenv "ENDPOINT", shared_dict = "pace" }
      client:get_transcript { ConnectionToken = "t" }
      local wait = client.pace:reserve "StartAttachmentUpload"
      ngx.print(ngx.worker.id(), " ", wait ~= 0)
      client:close()
    } }
    location /none { content_by_lua_block {
      local made, problem = pcall(participant.new, { endpoint = os.getenv "ENDPOINT",
        shared_dict = "none" })
      ngx.print(made, " ", problem)
    } }
  ]]
  local PRELUDE = [[
    init_by_lua_block {
      participant = require "connectparticipant"
      function opened()
        return require("connectparticipant.pace").open({ shared_dict = "pace" },
          os.getenv "ENDPOINT", { now = require("connectparticipant.core").now })
      end
    }
  ]]
  local ENDPOINT = "http://127.0.0.1:1"
  local server

  before_each(function()
    server = nginx.start { locations = LOCATIONS, http = PRELUDE, workers = 4,
      env = { ENDPOINT = ENDPOINT } }
  end)
  after_each(function() server:remove() end)

  -- The answers to requests that are sent together, each on its own connection.
  local function at_once(path, count)
    local connections, list = {}, {}
    for index = 1, count do
      local connection = assert(socket.connect("127.0.0.1", server.port))
      connection:settimeout(60)
      connection:send(("GET %s HTTP/1.0\r\nHost: x\r\n\r\n"):format(path))
      connections[index] = connection
    end
    for index, connection in ipairs(connections) do
      list[index] = (connection:receive "*a" or ""):match("\r\n\r\n(.*)$")
      connection:close()
    end
    return list
  end

  it("keep one pace", function()
    assert.equal("done", server:get("/throttle").body)
    local seen, workers = {}, 0
    for _ = 1, 200 do
      local id, slow = server:get("/ask").body:match("^(%d) (%S+)$")
      assert.equal("true", slow)
      if not seen[id] then workers = workers + 1 end
      seen[id] = true
      if workers > 1 then break end
    end
    assert.truthy(workers > 1, "one worker took all requests")
    assert.truthy(server:get("/none").body:find('^false .*shared_dict = "none"'))
    assert.equal("", server:stop())
  end)

  it("never get the same turn", function()
    assert.equal("done", server:get("/refuse").body)
    local seen, count = {}, 0
    for _, body in ipairs(at_once("/reserve", 8)) do
      for ending in body:gmatch("%d+") do
        assert.is_nil(seen[ending], ending)
        seen[ending] = true
        count = count + 1
      end
    end
    assert.equal(16000, count)
    assert.equal("", server:stop())
  end)

  it("take exactly what the quota has", function()
    local sum = 0
    for _, body in ipairs(at_once("/count", 8)) do sum = sum + tonumber(body) end
    assert.equal(100, sum)
    assert.equal("", server:stop())
  end)
end)
