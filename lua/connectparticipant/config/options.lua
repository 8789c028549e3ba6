-- Options of `new` and `map`: names, types and ranges. A wrong option is a programming error and
-- raises.

local core = require "connectparticipant.core"

local options = {}

-- Documented in types.lua: connectparticipant.Options, PaceOptions and MapOptions.
local TYPES = {
  region = "text", endpoint = "text", profile = "text", use_fips = "boolean",
  use_dualstack = "boolean", max_attempts = "count", retry_mode = "mode",
  connect_timeout = "seconds", timeout = "seconds", stall_timeout = "seconds", ca_file = "text",
  proxy = "text", app_id = "text", driver = "driver", logger = "function",
  allow_insecure = "boolean", pace = "table", shared_dict = "name", metrics = "name",
}

local PACE_TYPES = {
  shared_dict = "name", redis = "redis", eval = "function", instance = "name", rates = "rates",
  timeout = "seconds",
}

-- Of these a pace has one at most.
local PLACES = { "shared_dict", "redis", "eval" }

local MAP_TYPES = { concurrency = "count", timeout = "seconds", on_result = "function" }

local function names_of(types)
  local names = {}
  for name in pairs(types) do names[#names + 1] = name end
  table.sort(names)
  return names
end

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

local MODES = { standard = true, adaptive = true, legacy = true }

local RANGES = {
  seconds = { "a number of seconds above 0", function(value)
    return type(value) == "number" and value > 0 and value < math.huge
  end },
  count = { "a whole number from 1 to 2147483647", function(value)
    return type(value) == "number" and value >= 1 and value % 1 == 0 and value < 2 ^ 31
  end },
  mode = { '"standard", "adaptive" or "legacy"', function(value) return MODES[value] end },
  name = { "a string that is not empty", function(value)
    return type(value) == "string" and value ~= ""
  end },
  driver = { '"blocking", "ngx", or a table with the functions wait and sleep', is_driver },
  ["function"] = { "a function", options.is_callable },
}

-- What is wrong with a table of rates; nil if nothing is.
local function problem_of_rates(rates)
  if type(rates) ~= "table" then return "must be a table of requests a second by operation" end
  local known = {}
  for _, entry in ipairs(core.operations()) do known[#known + 1] = entry.name end
  for index = 1, #known do known[known[index]] = true end
  for operation, rate in pairs(rates) do
    if type(operation) ~= "string" or not known[operation] then
      local meant = type(operation) == "string" and core.suggest(operation, known)
      return ("must have AWS's operations as keys, not '%s'%s"):format(tostring(operation),
        meant and (" (did you mean '%s'?)"):format(meant) or "")
    end
    if type(rate) ~= "number" or not (rate >= 0.001 and rate <= 1000000) then
      return ("must have a number of requests a second for %s"):format(operation)
    end
  end
end

-- The URL may hold a password, and so it is not shown.
local function problem_of_redis(url)
  if type(url) ~= "string" then return "must be a URL, not a " .. type(url) end
  local address, problem = require("connectparticipant.config.redis_url").parse(url)
  return not address and problem or nil
end

local CHECKS = { rates = problem_of_rates, redis = problem_of_redis }

-- What is wrong with a value, without the option's name, or nil.
local function problem_of_value(value, wanted)
  if CHECKS[wanted] then return CHECKS[wanted](value) end
  local range = RANGES[wanted]
  if range and not range[2](value) then return "must be " .. range[1] end
  local kind = wanted == "text" and "string" or wanted
  if not range and type(value) ~= kind then
    return ("must be a %s, not a %s"):format(kind, type(value))
  end
  if type(value) == "string" and value:find("\0", 1, true) then return "must not contain a NUL" end
end

local function problem_of(name, value, types, prefix)
  if type(name) ~= "string" then
    return ("options must have names only, not a %s as key"):format(type(name))
  end
  local wanted = types[name]
  if not wanted then
    local meant = core.suggest(name, names_of(types))
    return ("unknown option '%s%s'%s"):format(prefix, name,
      meant and (" (did you mean '%s%s'?)"):format(prefix, meant) or "")
  end
  local problem = problem_of_value(value, wanted)
  return problem and ("option '%s%s' %s"):format(prefix, name, problem)
end

local function check(given, types, who, level, prefix)
  if type(given) ~= "table" then
    error(("%s: options must be a table, not a %s"):format(who, type(given)), level + 1)
  end
  for name, value in pairs(given) do
    local problem = problem_of(name, value, types, prefix or "")
    if problem then error(("%s: %s"):format(who, problem), level + 1) end
  end
end

-- Copies `pace`, with the option `shared_dict` merged into it.
local function pace_of(given, who, level)
  local pace = { shared_dict = given.shared_dict }
  for name, value in pairs(given.pace or {}) do
    if pace[name] and pace[name] ~= value then
      error(("%s: options 'shared_dict' and 'pace.shared_dict' differ"):format(who), level + 1)
    end
    pace[name] = value
  end
  local place
  for _, name in ipairs(PLACES) do
    if pace[name] and place then
      error(("%s: options 'pace.%s' and 'pace.%s' exclude each other"):format(who, place, name),
        level + 1)
    end
    place = pace[name] and name or place
  end
  return next(pace) and pace or nil
end

--- What is wrong with a value for an option of `new` or `map`, "must be …", or nil.
---@param name string a known option
---@param value any
---@return string|nil
function options.problem(name, value)
  return problem_of_value(value, TYPES[name] or MAP_TYPES[name])
end

--- Copies and normalises the options of `new`: moves `shared_dict` into `pace`, and replaces the
--- retry mode "legacy" by "standard". Raises if they are wrong.
---@param given any
---@param who string for the message
---@param level integer as for `error`
---@return table
function options.read(given, who, level)
  check(given, TYPES, who, level + 1)
  if given.pace then check(given.pace, PACE_TYPES, who, level + 1, "pace.") end
  local read = {}
  for name, value in pairs(given) do read[name] = value end
  read.pace, read.shared_dict = pace_of(given, who, level + 1), nil
  if read.retry_mode == "legacy" then read.retry_mode = "standard" end
  return read
end

--- Raises if these are not valid options of `map` and `upload_attachments`.
function options.check_map(given, who, level)
  check(given, MAP_TYPES, who, level + 1)
end

return options
