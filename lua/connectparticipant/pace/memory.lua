-- Runs the fleet's script in this process, over a table: what a client paces by while it cannot
-- reach Redis. Knows the commands that the script uses, and nothing else of Redis.

local text = require "connectparticipant.pace.script"

local memory = {}

local compile = rawget(_G, "loadstring") or load
local script = assert(compile("local KEYS, ARGV, redis = ...\n" .. text, "=pace.script"))

local commands = {}

function commands.HMGET(data, key, ...)
  local hash, values = data[key] or {}, {}
  for index = 1, select("#", ...) do values[index] = hash[select(index, ...)] or false end
  return values
end

function commands.HSET(data, key, ...)
  data[key] = data[key] or {}
  for index = 1, select("#", ...), 2 do data[key][select(index, ...)] = select(index + 1, ...) end
end

function commands.GET(data, key)
  return data[key] or false
end

function commands.SET(data, key, value)
  data[key] = value
end

-- Nothing expires here, and there is one client only.
function commands.PEXPIRE() end
function commands.ZADD() end
function commands.ZREMRANGEBYSCORE() end
function commands.ZCARD() return 1 end

--- A function that runs the script as Redis would, on data of its own.
---@param data? table<string, table|string> what is in the keys
---@return fun(keys: string[], args: string[]): string
function memory.new(data)
  data = data or {}
  local redis = { call = function(name, ...) return commands[name](data, ...) end }
  return function(keys, args) return script(keys, args, redis) end
end

return memory
