--- Resolves a client's configuration from its options, the environment, AWS's shared config files
--- and defaults. Happens at the client's first call; files are read only if a setting needs them.
--- https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html

local core = require "connectparticipant.core"
local options_of = require "connectparticipant.config.options"
local profiles = require "connectparticipant.config.profile"

local config = {}

local variable = profiles.variable

local DEFAULTS = {
  max_attempts = 3, retry_mode = "standard", connect_timeout = 10, stall_timeout = 30,
  use_fips = false, use_dualstack = false, allow_insecure = false,
}

-- Settings that only options can set.
local OPTIONS_ONLY = { "connect_timeout", "timeout", "stall_timeout", "proxy", "allow_insecure" }

local WORLD = { getenv = os.getenv, read = core.read_file }

local function but(text)
  return (', not "%s"'):format((text:sub(1, 40):gsub("%c", "?")))
end

local BOOLEANS = { ["true"] = true, ["false"] = false }

local function boolean(text)
  local value = BOOLEANS[core.lower(text)]
  if value == nil then return nil, "must be true or false" .. but(text) end
  return value
end

local function attempts(text)
  local number = text:match("^[0-9]+$") and tonumber(text)
  local problem = options_of.problem("max_attempts", number)
  if problem then return nil, problem .. but(text) end
  return number
end

-- AWS's retry modes. The SDKs' "legacy" mode is treated as "standard".
local MODES = { standard = "standard", adaptive = "adaptive", legacy = "standard" }

local function mode(text)
  local known = MODES[core.lower(text)]
  if not known then return nil, "must be standard or adaptive" .. but(text) end
  return known
end

local function label(text)
  if text:match("^[A-Za-z0-9-]+$") and #text <= 63 and not text:match("^%-")
    and not text:match("%-$") then
    return text
  end
  return nil, "must be a region, such as us-west-2" .. but(text)
end

-- Does not quote the URL, which could contain a password.
local function url(text)
  if core.lower(text:sub(1, 9)):match("^https?://[^/?#]") then return text end
  return nil, "must be an http or https URL"
end

-- Setting, variables in order of precedence, key in the files, parser.
local SETTINGS = {
  { "use_fips", { "AWS_USE_FIPS_ENDPOINT" }, "use_fips_endpoint", boolean },
  { "use_dualstack", { "AWS_USE_DUALSTACK_ENDPOINT" }, "use_dualstack_endpoint", boolean },
  { "ca_file", { "AWS_CA_BUNDLE" }, "ca_bundle" },
  { "max_attempts", { "AWS_MAX_ATTEMPTS" }, "max_attempts", attempts },
  { "retry_mode", { "AWS_RETRY_MODE" }, "retry_mode", mode },
  { "app_id", { "AWS_SDK_UA_APP_ID" }, "sdk_ua_app_id" },
}

local REGION = { "region", { "AWS_REGION", "AWS_DEFAULT_REGION" }, "region", label }

local IGNORE = { "ignore", { "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" },
  "ignore_configured_endpoint_urls", boolean }

local ENDPOINT_VARIABLES = { "AWS_ENDPOINT_URL_CONNECTPARTICIPANT", "AWS_ENDPOINT_URL" }

local function checked(value, where, check)
  if not value or not check then return value, where end
  local read, problem = check(value)
  if read == nil then return nil, nil, ("%s %s"):format(where, problem) end
  return read, where
end

-- Reads a setting from the environment or else the profile. Returns value, origin and problem.
local function lookup(setting, world, profile)
  local value, where = variable(world, setting[2])
  if not value then value, where = profile:get(setting[3]) end
  return checked(value, where, setting[4])
end

-- The profile's endpoint, for this service or for all services.
local function endpoint_of_profile(profile)
  local services, where = profile:get "services"
  if services then
    local value, place, found = profile:get_of_services(services, "connectparticipant.endpoint_url")
    if found == false then
      return nil, nil, ("%s: there is no section [services %s]"):format(where, services)
    end
    if value then return value, place end
  end
  return profile:get "endpoint_url"
end

local function endpoint(world, profile)
  local ignored, _, problem = lookup(IGNORE, world, profile)
  if problem or ignored then return nil, nil, problem end
  local value, where = variable(world, ENDPOINT_VARIABLES)
  if not value then value, where, problem = endpoint_of_profile(profile) end
  if problem then return nil, nil, problem end
  return checked(value, where, url)
end

-- Whether the endpoint or region has to come from the profile. A profile named by an option takes
-- precedence over the environment.
local function needs_profile(options, world, profile)
  if options.endpoint or options.region then return false end
  return profile.named_by == "the option profile"
    or not (variable(world, ENDPOINT_VARIABLES) or variable(world, REGION[2]))
end

-- Like AWS's JavaScript SDK, takes a region "fips-X" or "X-fips" as X with FIPS.
local function split_fips(resolved)
  local region = resolved.region
  local plain = region and (region:match("^fips%-(.+)$") or region:match("^(.+)%-fips$"))
  if not plain or resolved.endpoint then return end
  resolved.region, resolved.use_fips = plain, true
  resolved.origins.use_fips = resolved.origins.region
end

-- Settles a setting from an option or else from `look`, which returns value, origin and problem.
-- Returns the problem.
local function settle(resolved, options, name, look, ...)
  local value, where, problem = options[name], "the option " .. name, nil
  if value == nil then value, where, problem = look(...) end
  if value == nil then return problem end
  resolved[name], resolved.origins[name] = value, where
end

local function nothing() end

local function settle_all(resolved, options, world, profile)
  for _, name in ipairs(OPTIONS_ONLY) do settle(resolved, options, name, nothing) end
  local problem = settle(resolved, options, "endpoint", endpoint, world, profile)
  if problem then return problem, "endpoint" end
  problem = settle(resolved, options, "region", lookup, REGION, world, profile)
  -- An invalid region does not matter if there is an endpoint.
  if problem and not resolved.endpoint then return problem, "region" end
  for _, setting in ipairs(SETTINGS) do
    problem = settle(resolved, options, setting[1], lookup, setting, world, profile)
    if problem then return problem, setting[1] end
  end
end

---@class connectparticipant.Resolved the resolved configuration
---@field origins table<string, string> origins by setting: "AWS_REGION", "FILE, line N, key"
---@field notes? string which files could not be read or parsed, and why

--- Resolves the configuration.
---@param options connectparticipant.Options
---@param world? { getenv: function, read: function }
---@return connectparticipant.Resolved|nil
---@return string|nil problem names the variable, or the file, line and key
---@return string|nil option the option at fault
function config.resolve(options, world)
  world = world or WORLD
  local profile, resolved = profiles.new(options, world), { origins = {} }
  local problem = needs_profile(options, world, profile) and profile:problem()
  local option = problem and "profile"
  if not problem then problem, option = settle_all(resolved, options, world, profile) end
  if problem then return nil, problem, option end
  for name, value in pairs(DEFAULTS) do
    if resolved[name] == nil then resolved[name] = value end
  end
  split_fips(resolved)
  resolved.notes = profile:notes()
  return resolved
end

--- Explains core's error, prefixed with the origin of the setting at fault.
---@param resolved connectparticipant.Resolved
---@param err connectparticipant.Error core's; its `option` names the setting
---@return string
function config.explain(resolved, err)
  local origins = resolved.origins
  local origin = err.option and origins[err.option]
  local conflict = err.option == "use_fips" or err.option == "use_dualstack"
  if origin and conflict and origins.endpoint then
    return ("%s: %s (the endpoint is from %s)"):format(origin, err.message, origins.endpoint)
  end
  if origin then return ("%s: %s"):format(origin, err.message) end
  if not resolved.region and not resolved.endpoint and resolved.notes then
    return ("%s (%s)"):format(err.message, resolved.notes)
  end
  return err.message
end

return config
