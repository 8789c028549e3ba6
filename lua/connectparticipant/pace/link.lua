-- How the script of a fleet gets to its server, and its answer back: through a function of the
-- caller's, or through the Redis library of the host. Every question has an answer, or a problem,
-- within the bound.

local core = require "connectparticipant.core"
local failure = require "connectparticipant.error"
local guard = require "connectparticipant.run.guard"
local redis_url = require "connectparticipant.config.redis_url"
local text = require "connectparticipant.pace.script"

local link = {}

-- Seconds that a question may take, connecting included; and the first one, where there is nothing
-- yet to go by: programs of a fleet are often started together, on a machine that is busy then.
local BOUND, FIRST_BOUND = 0.05, 1

-- A server that was started anew has closed all kept connections; no more of them are tried.
local MOST_STALE = 8

---@class connectparticipant.RedisConnection what a host's library is reduced to
---@field reused boolean
---@field command fun(self, left: number, name: string, ...: string): any, string|nil the answer;
--- false and the server's refusal; or nil and what is wrong with the connection
---@field keep fun(self)
---@field close fun(self)

-- Authenticates a new connection, and selects its database.
local function introduce(connection, address, deadline)
  local reply, problem = true, nil
  if address.password then
    local words = { address.user or address.password, address.user and address.password }
    reply, problem = connection:command(deadline - core.now(), "auth", words[1], words[2])
  end
  if reply and address.database ~= 0 then
    reply, problem = connection:command(deadline - core.now(), "select",
      tostring(address.database))
  end
  return reply, problem
end

local function words_of(first, keys, args)
  local words = { first, tostring(#keys) }
  for _, key in ipairs(keys) do words[#words + 1] = key end
  for _, arg in ipairs(args) do words[#words + 1] = arg end
  return words
end

local unpack = rawget(table, "unpack") or _G.unpack

-- Has the server run the script, which it knows by its digest once it has seen it.
local function evaluate(self, connection, keys, args, deadline)
  local reply, problem = true, nil
  if not connection.reused then reply, problem = introduce(connection, self.address, deadline) end
  if reply and not self.digest then
    reply, problem = connection:command(deadline - core.now(), "script", "LOAD", text)
    self.digest = type(reply) == "string" and reply or nil
  end
  if not reply or not self.digest then return reply, problem end
  reply, problem = connection:command(deadline - core.now(), "evalsha",
    unpack(words_of(self.digest, keys, args)))
  if reply == false and problem:find "NOSCRIPT" then
    return connection:command(deadline - core.now(), "eval", unpack(words_of(text, keys, args)))
  end
  return reply, problem
end

-- A server that does not know AUTH repeats the password in its refusal, and a library may raise it.
local function without_password(self, problem)
  return failure.protocol("InvalidResponse", problem, { token = self.address.password }).message
end

-- Runs the script over a connection of the host's.
local function ask(self, keys, args, deadline)
  local stale = 0
  while true do
    local connection, problem = self.connect(self.address, deadline - core.now())
    if not connection then return nil, problem end
    local reply
    local ok
    ok, reply, problem = guard.pcall(evaluate, self, connection, keys, args, deadline)
    if not ok then reply, problem = nil, tostring(reply) end
    if type(reply) == "string" then
      connection:keep()
      return reply
    end
    connection:close()
    stale = stale + 1
    local is_stale = reply == nil and connection.reused and core.now() < deadline
    if not is_stale or stale > MOST_STALE then
      return nil, problem or "its answer is not the script's"
    end
  end
end

local function run(self, keys, args, job)
  local bound = self.bound
  if not self.met then
    bound = math.max(bound, math.min(FIRST_BOUND, job and job:patience() or math.huge))
  end
  -- Whatever a library raises must not end the call that asks.
  local ok, reply, problem = guard.pcall(ask, self, keys, args, core.now() + bound)
  self.met = true
  if not ok then reply, problem = nil, tostring(reply) end
  return reply, problem and without_password(self, problem)
end

-- The same through a function of the caller's, which may yield and raise.
local function through(eval)
  return function(keys, args, job)
    if job then job:enter() end
    local ok, reply, problem = guard.pcall(eval, text, keys, args)
    if job then job:leave() end
    if ok and reply then return reply end
    return nil, "pace.eval: " .. tostring(ok and problem or reply)
  end
end

local MISSING = {
  blocking = "pace.redis needs the library redis for Lua: install Debian's lua-redis or LuaRocks' "
    .. "redis-lua, or give pace.eval",
  nginx = "pace.redis needs lua-resty-redis in nginx: install Debian's lua-nginx-redis or OPM's "
    .. "openresty/lua-resty-redis, or give pace.eval",
}

--- Finds the way to the server. Says what is missing where there is none.
---@param options connectparticipant.PaceOptions
---@param host connectparticipant.PaceHost
---@return (fun(keys: string[], args: string[], job?: table): string|nil, string|nil)|nil run
---@return number|string|nil bound seconds that an answer is awaited, where that is known; or what
-- is missing
function link.open(options, host)
  if options.eval then return through(options.eval) end
  local address, problem = redis_url.parse(options.redis)
  if not address then return nil, "pace.redis " .. problem end
  local kind = host.driver.alone and "blocking" or host.driver.bell and "nginx"
  if not kind then
    return nil, "pace.redis would block a driver of your own: give pace.eval, which may yield"
  end
  address.ca_file = host.ca_file
  local connect
  connect, problem = require("connectparticipant.pace.redis_" .. kind).open(address)
  if not connect then return nil, problem or MISSING[kind] end
  local self = { address = address, bound = options.timeout or BOUND, connect = connect }
  return function(keys, args, job) return run(self, keys, args, job) end, self.bound
end

return link
