-- The script that Redis runs to keep one pace for a fleet, as text. It is the only place where the
-- turns of a fleet are reckoned: a client that has to pace by itself runs the same text over a
-- table (pace/memory.lua). Plain Lua of any version; a script cannot be interrupted, so it is
-- atomic, and it reads the server's clock, so nobody else's clock matters.
--
-- Turns are numbered. Turn `base` comes at the time `turn`, and each further one `interval` later,
-- so a throttling moves all turns that are still to come by changing three numbers, and keeps
-- their order. After a pause the line of turns begins up to `burst - 1` intervals ago: that is the
-- generic cell rate algorithm.
--
-- KEYS     the clients that were seen lately, the retry tokens, then one key an operation
-- ARGV[1]  the client's name
-- ARGV[2]  microseconds to use instead of the server's clock, for specs; else ""
-- ARGV[3]  when the client stops waiting for the answer, by the server's clock, or "": from then on
--          no turns or tokens are assigned, since nobody would use them
-- ARGV[4]… commands, of words. `key` is an index into KEYS; `limits` are three whole numbers:
--          requests in 1,000 s below which the pace never falls, those above which it never
--          rises, and how many may come at once
--            reserve key limits latest count   up to `count` turns within `latest` microseconds
--            look key                          nothing, but tells where the line of turns is
--            refused key limits                the service has throttled a request
--            passed key count                  so many went through: for whoever watches
--            back key began number             a turn that is not used
--            take capacity count               retry tokens: 1 if so many were left, else 0
--            put capacity count
--
-- Answers one string: a line with the time and how many clients there are, then a line a command.
-- For reserve, look and refused it is `began base turn interval` and the numbers of the turns; for
-- take it is 1 or 0; for the others it is empty.

return [==[
local SECOND = 1000000
-- Refusals so soon after one another have the same cause: one cut answers them all.
local GRACE = SECOND
-- After a cut the rate follows a cubic curve, back at what was reached after 1.4 s.
local STEEPNESS = 0.05
local PLATEAU = (0.15 / STEEPNESS) ^ (1 / 3)
-- Who has not called for so long does not count as a client any more.
local SEEN = 60 * SECOND
-- Milliseconds after the last turn, or the last call, that a key is kept.
local KEPT, TOKENS_KEPT = 120000, 600000
-- So many turns that were given back are remembered.
local MOST_FREE = 32
local FIELDS = { "began", "count", "base", "turn", "interval", "limit", "cut", "seen", "passed",
  "refused" }

local function whole(number) return string.format("%.0f", number) end

local now = tonumber(ARGV[2])
if not now then
  local time = redis.call("TIME")
  now = tonumber(time[1]) * SECOND + tonumber(time[2])
end

local awaited = tonumber(ARGV[3])
local is_late = awaited ~= nil and now > awaited

-- The time of a turn, were there no earlier time at which it may not be used.
local function time_of(state, number)
  return state.turn + (number - state.base) * state.interval
end

-- The first of the turns that are still to come, or the next one to be given.
local function first_ahead(state)
  local passed = math.floor((now - state.turn) / state.interval) + 1
  return math.min(state.count, state.base + passed)
end

local function interval_of(state, limits)
  local speed = limits.most
  if state.limit > 0 then
    local calm = math.min(math.max(0, now - state.cut), 100 * SECOND) / SECOND
    local grown = state.limit * (1 + STEEPNESS * (calm - PLATEAU) ^ 3)
    speed = math.max(limits.least, math.min(limits.most, grown))
  end
  return math.max(1, math.floor(1000 * SECOND / speed))
end

local function new_state(limits)
  return { began = now, count = 0, base = 0, turn = now - 3600 * SECOND,
    interval = limits and interval_of({ limit = 0 }, limits) or SECOND, limit = 0, cut = 0,
    seen = now, passed = 0, refused = 0, free = {} }
end

-- What is in a key; nil where that is nothing that this script has written.
local function read(key)
  local values = redis.call("HMGET", key, "began", "count", "base", "turn", "interval", "limit",
    "cut", "seen", "passed", "refused", "free")
  local state = { free = {} }
  for index, name in ipairs(FIELDS) do
    local number = tonumber(values[index] or nil)
    if not number or number ~= number or number < 0 or number >= 2 ^ 53 then return nil end
    state[name] = number
  end
  if state.interval < 1 then return nil end
  for word in string.gmatch(values[11] or "", "%d+") do
    state.free[#state.free + 1] = tonumber(word)
  end
  -- A clock that went back takes the turns with it.
  local back = state.seen - now
  if back > SECOND then
    state.turn, state.cut = math.max(0, state.turn - back), math.max(0, state.cut - back)
  end
  return state
end

local states = {}

local function state_of(index, limits)
  local key = KEYS[tonumber(index)]
  if not states[key] then states[key] = read(key) or new_state(limits) end
  return states[key], key
end

local function write(key, state)
  state.seen = now
  local words = {}
  for index, number in ipairs(state.free) do words[index] = whole(number) end
  redis.call("HSET", key, "began", whole(state.began), "count", whole(state.count),
    "base", whole(state.base), "turn", whole(state.turn), "interval", whole(state.interval),
    "limit", whole(state.limit), "cut", whole(state.cut), "seen", whole(now),
    "passed", whole(state.passed), "refused", whole(state.refused),
    "free", table.concat(words, " "))
  local ahead = math.max(0, time_of(state, state.count) - now) / 1000
  redis.call("PEXPIRE", key, whole(math.floor(ahead) + KEPT))
end

-- Turns that are still to come follow each other as fast as the rate of this moment lets them.
local function follow_rate(state, interval)
  if interval == state.interval then return end
  local first = first_ahead(state)
  state.base, state.turn, state.interval = first, time_of(state, first), interval
end

-- The earliest of the turns that were given back, and can still be used.
local function take_free(state, latest)
  while state.free[1] do
    local due = time_of(state, state.free[1])
    if due >= latest then return nil end
    local number = table.remove(state.free, 1)
    if due >= now then return number end
  end
end

local function place(state)
  return { whole(state.began), whole(state.base), whole(state.turn), whole(state.interval) }
end

local function limits_of(words, at)
  return { least = tonumber(words[at]), most = tonumber(words[at + 1]),
    burst = tonumber(words[at + 2]) }
end

local commands = {}

function commands.reserve(words)
  local limits = limits_of(words, 3)
  local state, key = state_of(words[2], limits)
  local latest, wanted = now + tonumber(words[6]), is_late and 0 or tonumber(words[7])
  follow_rate(state, interval_of(state, limits))
  local earliest = now - (limits.burst - 1) * state.interval
  if time_of(state, state.count) < earliest then
    state.base, state.turn, state.free = state.count, earliest, {}
  end
  local numbers = {}
  while #numbers < wanted do
    local number = take_free(state, latest)
    if not number then
      if math.max(now, time_of(state, state.count)) >= latest then break end
      number = state.count
      state.count = number + 1
    end
    numbers[#numbers + 1] = whole(number)
  end
  if numbers[1] then write(key, state) end
  local line = place(state)
  for _, number in ipairs(numbers) do line[#line + 1] = number end
  return line
end

function commands.look(words)
  return place((state_of(words[2])))
end

function commands.refused(words)
  local limits = limits_of(words, 3)
  local state, key = state_of(words[2], limits)
  state.refused = state.refused + 1
  if now - state.cut >= GRACE then
    local reached = math.floor(1000 * SECOND / interval_of(state, limits))
    state.limit, state.cut = math.max(limits.least, reached), now
    local first = first_ahead(state)
    -- A service that refuses has no burst left. Two intervals from now it has two requests to give,
    -- so that one stays for those that come late.
    state.interval = interval_of(state, limits)
    state.base, state.turn = first, now + 2 * state.interval
  end
  write(key, state)
  return place(state)
end

function commands.passed(words)
  local state, key = state_of(words[2])
  -- Nobody has booked here, so nobody watches.
  if state.count == 0 then return {} end
  state.passed = state.passed + tonumber(words[3])
  write(key, state)
  return {}
end

function commands.back(words)
  local state, key = state_of(words[2])
  local number = tonumber(words[4])
  if state.began ~= tonumber(words[3]) or number >= state.count then return {} end
  if number == state.count - 1 then
    state.count = number
    while state.free[#state.free] == state.count - 1 do
      state.count = table.remove(state.free)
    end
  elseif time_of(state, number) > now and #state.free < MOST_FREE then
    table.insert(state.free, number)
    table.sort(state.free)
  end
  write(key, state)
  return {}
end

local function left_of(capacity)
  local left = tonumber(redis.call("GET", KEYS[2]) or nil)
  if not left or not (left >= 0 and left <= capacity) then return capacity end
  return left
end

local function keep(left)
  redis.call("SET", KEYS[2], whole(left), "PX", TOKENS_KEPT)
end

function commands.take(words)
  local count = tonumber(words[3])
  local left = left_of(tonumber(words[2]))
  if is_late or left < count then return { "0" } end
  keep(left - count)
  return { "1" }
end

function commands.put(words)
  local capacity = tonumber(words[2])
  local left = left_of(capacity)
  if left < capacity then keep(math.min(capacity, left + tonumber(words[3]))) end
  return {}
end

redis.call("ZADD", KEYS[1], whole(now), ARGV[1])
redis.call("ZREMRANGEBYSCORE", KEYS[1], "-inf", whole(now - SEEN))
redis.call("PEXPIRE", KEYS[1], KEPT)

local lines = { whole(now) .. " " .. whole(redis.call("ZCARD", KEYS[1])) }
for index = 4, #ARGV do
  local words = {}
  for word in string.gmatch(ARGV[index], "%S+") do words[#words + 1] = word end
  lines[#lines + 1] = table.concat(commands[words[1]](words), " ")
end
return table.concat(lines, "\n")
]==]
