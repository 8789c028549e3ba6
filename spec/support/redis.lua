-- A redis-server for specs, on a Unix socket in a directory of its own. It ends with this process
-- at the latest.
local blocking = require "connectparticipant.driver.blocking"
local core = require "connectparticipant.core"
local pace = require "connectparticipant.pace"
local process = require "spec.support.process"
local redis_blocking = require "connectparticipant.pace.redis_blocking"
local script = require "connectparticipant.pace.script"

local unpack = rawget(table, "unpack") or rawget(_G, "unpack")

local redis = {}
redis.__index = redis

-- Debian packages the library for some Luas only, but its source runs on all of them.
package.path = package.path .. ";/usr/share/lua/5.1/?.lua" -- luacheck: ignore

local function has(program)
  return process.run { "sh", "-c", "command -v " .. program }.status == 0
end

-- The programs to run: this system's Redis or Valkey, unless REDIS_SERVER names another server.
local CLI = has "redis-cli" and "redis-cli" or "valkey-cli"
local SERVER = os.getenv "REDIS_SERVER" or has "redis-server" and "redis-server" or "valkey-server"

-- The program, its socket, its directory and further arguments.
local COMMAND = "echo $$; exec setpriv --pdeathsig KILL %s --port 0 --unixsocket %s "
  .. "--dir %s --save '' --appendonly no %s >%s/log 2>&1"

local function await(self)
  local ended = core.now() + 20
  repeat
    if self:cli("PING"):find "^[PN]O" then return end
    core.sleep(0.01)
  until core.now() > ended
  error("redis-server does not answer: " .. self.directory)
end

local function launch(self)
  self.pipe = io.popen(COMMAND:format(process.quote(SERVER), self.socket, self.directory,
    self.options, self.directory))
  self.pid = self.pipe:read "*l"
  await(self)
end

function redis.start(options)
  local self = setmetatable({ options = options or "" }, redis)
  self.directory = process.run { "mktemp", "-d" }.stdout:gsub("\n", "")
  self.socket = self.directory .. "/socket"
  self.url = "unix:" .. self.socket
  launch(self)
  self.guard = process.guard(function() self:stop() end)
  return self
end

--- What redis-cli prints for a command.
function redis:cli(...)
  local answer = process.run { "timeout", "5", CLI, "-s", self.socket, ... }
  return (answer.stdout:gsub("%s+$", ""))
end

-- What a client sends to share a pace: scripts, and what a new connection begins with.
local SENT = { eval = true, evalsha = true, ["script|load"] = true, script = true, auth = true,
  select = true }

--- How many commands the clients have sent.
function redis:commands()
  local count = 0
  local stats = self:cli("INFO", "commandstats")
  for name, calls in stats:gmatch "cmdstat_([%w|]+):calls=(%d+)" do
    if SENT[name] then count = count + tonumber(calls) end
  end
  return count
end

--- A function that has it run the script of a fleet's pace, and one for any other command.
function redis:runner()
  local address = { path = self.socket, database = 0 }
  local connection = assert(assert(redis_blocking.open(address))(address, 5))
  local function command(...) return assert(connection:command(5, ...)) end
  local digest = command("script", "LOAD", script)
  return function(keys, args)
    local words = { digest, tostring(#keys) }
    for _, key in ipairs(keys) do words[#words + 1] = key end
    for _, arg in ipairs(args) do words[#words + 1] = arg end
    return command("evalsha", unpack(words))
  end, command
end

--- The pace and the quota of a client that shares them here; `clock` where the spec moves the time,
--- `events` to note what the logger is told. On a busy machine a server may take its time.
function redis:pace(options, clock, events)
  local given = { redis = self.url, instance = "here", timeout = 10 }
  for name, value in pairs(options or {}) do given[name] = value end
  if given.eval then given.redis = nil end
  return assert(pace.open(given, "https://one.example", {
    now = clock and function() return clock.time end or core.now, driver = blocking,
    logger = events and function(event) events[#events + 1] = event end,
  }))
end

function redis:signal(name)
  process.run { "sh", "-c", ("kill -%s %s"):format(name, self.pid) }
end

--- Kills it; what it held is lost.
function redis:kill()
  if not self.pipe then return end
  self:signal "KILL"
  self.pipe:close()
  self.pipe = nil
end

function redis:restart()
  self:kill()
  launch(self)
end

function redis:stop()
  self:kill()
  process.run { "rm", "-rf", self.directory }
end

return redis
