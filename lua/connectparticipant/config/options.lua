-- The options of `new` and of `map`: their names, types and ranges. A wrong one is a mistake in the
-- program, and so it raises.

local core = require "connectparticipant.core"

local options = {}

---@class connectparticipant.Options every one may be left out
---@field region? string else AWS_REGION, AWS_DEFAULT_REGION, then the profile's
---@field endpoint? string a URL instead of the region's; http only to loopback
---@field profile? string of AWS's shared config file
---@field use_fips? boolean
---@field use_dualstack? boolean
---@field max_attempts? integer attempts of a request in all; 3
---@field connect_timeout? number seconds; 10
---@field timeout? number seconds for a whole call, over all attempts and waits; none
---@field stall_timeout? number seconds in which at least something must move; 30
---@field ca_file? string a PEM bundle instead of libcurl's
---@field proxy? string a URL; "" for none, whatever the environment says
---@field app_id? string for the User-Agent
---@field driver? "blocking"|"ngx"|connectparticipant.Driver
---@field logger? fun(event: table) told of every attempt; what it raises goes on to the caller
---@field allow_insecure? boolean allows http to other hosts
---@field shared_dict? string nginx's dictionary in which all workers keep one pace and retry quota

---@class connectparticipant.Driver how a host waits
---@field wait fun(engine: userdata, seconds: number) until the engine can go on, at most so long
---@field sleep fun(seconds: number)

local TYPES = {
  region = "string", endpoint = "string", profile = "string", use_fips = "boolean",
  use_dualstack = "boolean", max_attempts = "count", connect_timeout = "seconds",
  timeout = "seconds", stall_timeout = "seconds", ca_file = "string", proxy = "string",
  app_id = "string", driver = "driver", logger = "function", allow_insecure = "boolean",
  shared_dict = "string",
}

local MAP_TYPES = { concurrency = "count" }

local function names_of(types)
  local names = {}
  for name in pairs(types) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local NAMES, MAP_NAMES = names_of(TYPES), names_of(MAP_TYPES)

--- Whether a value can be called.
function options.is_callable(value)
  if type(value) == "function" then return true end
  local meta = type(value) == "table" and getmetatable(value)
  return type(meta) == "table" and meta.__call ~= nil
end

local function is_driver(value)
  if value == "blocking" or value == "ngx" then return true end
  return type(value) == "table" and options.is_callable(value.wait)
    and options.is_callable(value.sleep)
end

local RANGES = {
  seconds = { "a number of seconds above 0", function(value)
    return type(value) == "number" and value > 0 and value < math.huge
  end },
  count = { "a whole number from 1 on", function(value)
    return type(value) == "number" and value >= 1 and value % 1 == 0 and value < 2 ^ 31
  end },
  driver = { '"blocking", "ngx", or a table with the functions wait and sleep', is_driver },
  ["function"] = { "a function", options.is_callable },
}

local function problem_of(name, value, types, names)
  local wanted = types[name]
  if type(name) ~= "string" then
    return ("options must have names only, not a %s as key"):format(type(name))
  end
  if not wanted then
    local meant = core.suggest(name, names)
    return ("unknown option '%s'%s"):format(name,
      meant and (" (did you mean '%s'?)"):format(meant) or "")
  end
  local range = RANGES[wanted]
  if range and not range[2](value) then
    return ("option '%s' must be %s"):format(name, range[1])
  elseif not range and type(value) ~= wanted then
    return ("option '%s' must be a %s, not a %s"):format(name, wanted, type(value))
  end
end

local function check(given, types, names, who, level)
  if type(given) ~= "table" then
    error(("%s: options must be a table, not a %s"):format(who, type(given)), level + 1)
  end
  for name, value in pairs(given) do
    local problem = problem_of(name, value, types, names)
    if problem then error(("%s: %s"):format(who, problem), level + 1) end
  end
end

--- Raises unless these can be options of `new`.
---@param given any
---@param who string for the message
---@param level integer as for `error`
function options.check(given, who, level)
  check(given, TYPES, NAMES, who, level + 1)
end

--- The same for `map` and `upload_attachments`.
function options.check_map(given, who, level)
  check(given, MAP_TYPES, MAP_NAMES, who, level + 1)
end

return options
