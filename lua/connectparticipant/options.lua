--- The options of `connectparticipant.new`: their names and types. Values are checked by
-- `connectparticipant.config`, at the first call.

local core = require "connectparticipant.core"

local options = {}

local TYPES = {
  region = "string", endpoint = "string", profile = "string", use_fips = "boolean",
  use_dualstack = "boolean", max_attempts = "number", connect_timeout = "number",
  timeout = "number", stall_timeout = "number", ca_file = "string", proxy = "string",
  app_id = "string", driver = "driver", logger = "function", allow_insecure = "boolean",
  shared_dict = "string",
}

local NAMES = {}
for name in pairs(TYPES) do NAMES[#NAMES + 1] = name end
table.sort(NAMES)

local SECONDS = { connect_timeout = true, timeout = true, stall_timeout = true }

local function is_callable(value)
  local meta = type(value) == "table" and getmetatable(value)
  return type(value) == "function" or (meta and meta.__call ~= nil)
end

local function problem_of_driver(value)
  if value == "blocking" or value == "ngx" then return nil end
  if type(value) == "table" and is_callable(value.wait) and is_callable(value.sleep) then
    return nil
  end
  return 'must be "blocking", "ngx", or a table with the functions wait and sleep'
end

local function problem_of(name, value)
  local wanted = TYPES[name]
  if wanted == "driver" then return problem_of_driver(value) end
  if wanted == "function" and is_callable(value) then return nil end
  if type(value) ~= wanted then
    return ("must be a %s, not a %s"):format(wanted, type(value))
  end
  if SECONDS[name] and not (value > 0 and value < math.huge) then
    return "must be a number of seconds above 0"
  end
  if name == "max_attempts" and not (value >= 1 and value % 1 == 0 and value < 2 ^ 31) then
    return "must be a whole number from 1 on"
  end
end

--- Raises, at the level of whoever called the caller, unless all options are what they should be.
---@param given table
---@param known? string[] names that are allowed; all options of a client where absent
function options.check(given, known)
  if type(given) ~= "table" then
    error(("options must be a table, not a %s"):format(type(given)), 3)
  end
  for name, value in pairs(given) do
    if type(name) ~= "string" then error("options must have names only", 3) end
    if not TYPES[name] then
      local meant = core.suggest(name, known or NAMES)
      local hint = meant and (" (did you mean '%s'?)"):format(meant) or ""
      error(("unknown option '%s'%s"):format(name, hint), 3)
    end
    local problem = problem_of(name, value)
    if problem then error(("option '%s' %s"):format(name, problem), 3) end
  end
end

return options
