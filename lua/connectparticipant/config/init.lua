--- Where a client's configuration comes from: its options, the environment, AWS's shared config
-- file, defaults. Read at the first call, never before.
-- https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html

local core = require "connectparticipant.core"
local ini = require "connectparticipant.config.ini"

local config = {}

local LARGEST_FILE = 1024 * 1024

local DEFAULTS = {
  max_attempts = 3, retry_mode = "standard", connect_timeout = 10, stall_timeout = 30,
  use_fips = false, use_dualstack = false, allow_insecure = false,
}

-- What only code can set.
local OPTIONS_ONLY = { "connect_timeout", "timeout", "stall_timeout", "proxy", "allow_insecure" }

local function boolean(text)
  local lower = core.lower(text)
  if lower == "true" then return true end
  if lower == "false" then return false end
  return nil, "must be true or false"
end

local function attempts(text)
  local number = text:match("^%d+$") and tonumber(text)
  if not number or number < 1 or number > 2 ^ 31 then
    return nil, "must be a whole number from 1 on"
  end
  return number
end

-- AWS's modes. The legacy one differs from the standard one only in what is long gone.
local MODES = { standard = "standard", adaptive = "adaptive", legacy = "standard" }

local function mode(text)
  local known = MODES[text:lower()]
  if not known then return nil, "must be standard or adaptive" end
  return known
end

local function label(text)
  if not text:match("^[%w-]+$") or #text > 63 or text:match("^%-") or text:match("%-$") then
    return nil, "is not a valid hostname component"
  end
  return text
end

local function url(text)
  if not core.lower(text):match("^https?://[^/?#]") then
    return nil, "must be an http or https URL"
  end
  return text
end

-- Setting, variables in order of precedence, key of the file, how to read it.
local SETTINGS = {
  { "region", { "AWS_REGION", "AWS_DEFAULT_REGION" }, "region", label },
  { "use_fips", { "AWS_USE_FIPS_ENDPOINT" }, "use_fips_endpoint", boolean },
  { "use_dualstack", { "AWS_USE_DUALSTACK_ENDPOINT" }, "use_dualstack_endpoint", boolean },
  { "ca_file", { "AWS_CA_BUNDLE" }, "ca_bundle" },
  { "max_attempts", { "AWS_MAX_ATTEMPTS" }, "max_attempts", attempts },
  { "retry_mode", { "AWS_RETRY_MODE" }, "retry_mode", mode },
  { "app_id", { "AWS_SDK_UA_APP_ID" }, "sdk_ua_app_id" },
}

local ENDPOINT_VARIABLES = { "AWS_ENDPOINT_URL_CONNECTPARTICIPANT", "AWS_ENDPOINT_URL" }

local function variable(world, names)
  for _, name in ipairs(names) do
    local value = world.getenv(name)
    if value and value ~= "" then return value, name end
  end
end

local function file_path(world)
  local given = variable(world, { "AWS_CONFIG_FILE" })
  local home = variable(world, { "HOME" })
  if given then return home and given:gsub("^~/", (home:gsub("%%", "%%%%")) .. "/") or given end
  return home and home .. "/.aws/config"
end

-- The text of the file; nil alone where there is none.
local function read(path, open)
  local file, problem, code = open(path, "r")
  if not file then
    if code == 2 then return nil end
    return nil, problem
  end
  local text
  text, problem = file:read(LARGEST_FILE + 1)
  file:close()
  if problem then return nil, path .. ": " .. problem end
  if text and #text > LARGEST_FILE then return nil, path .. ": larger than a config file can be" end
  return text or ""
end

---@class connectparticipant.Profile
---@field path string
---@field name string
---@field section? table
---@field sections table

-- The profile's section of the file. A profile that is asked for by name must exist.
local function load(options, world)
  local path = file_path(world)
  local named = options.profile or variable(world, { "AWS_PROFILE", "AWS_DEFAULT_PROFILE" })
  local name = named or "default"
  local sections = {}
  if path then
    local text, problem = read(path, world.open)
    if problem then return nil, problem end
    if text then
      sections, problem = ini.parse(text)
      if not sections then return nil, ("%s: %s"):format(path, problem) end
    end
  end
  local section = sections["profile " .. name] or (name == "default" and sections.default) or nil
  if named and named ~= "default" and not section then
    return nil, ("the profile '%s' is not in %s"):format(name, path or "any config file")
  end
  return { path = path, name = name, section = section, sections = sections }
end

local function from_file(profile, key)
  local section = profile.section
  local value = section and section.values[key]
  if not value or value == "" then return nil end
  return value, ("%s, line %d, %s"):format(profile.path, section.lines[key], key)
end

-- Reads one setting: from the environment, then the file.
local function lookup(setting, world, profile_of)
  local names, key, check = setting[2], setting[3], setting[4]
  local value, where = variable(world, names)
  if not value then
    local profile, problem = profile_of()
    if not profile then return nil, problem end
    value, where = from_file(profile, key)
  end
  if not value or not check then return value end
  local checked, problem = check(value)
  if checked == nil then return nil, ("%s %s"):format(where, problem) end
  return checked
end

-- The endpoint that the profile's [services] section names for this service.
local function service_endpoint(profile)
  local services, where = from_file(profile, "services")
  if not services then return nil end
  local section = profile.sections["services " .. services]
  if not section then
    return nil, ("%s: the section [services %s] is missing"):format(where, services)
  end
  local key = "connectparticipant.endpoint_url"
  local value = section.values[key]
  if not value or value == "" then return nil end
  return value, ("%s, line %d, %s"):format(profile.path, section.lines[key], key)
end

local function is_ignored(world, profile_of)
  return lookup({ "ignore", { "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" },
    "ignore_configured_endpoint_urls", boolean }, world, profile_of)
end

local function endpoint(world, profile_of)
  local ignored, problem = is_ignored(world, profile_of)
  if problem then return nil, problem end
  if ignored then return nil end
  local value, where = variable(world, ENDPOINT_VARIABLES)
  if not value then
    local profile
    profile, problem = profile_of()
    if not profile then return nil, problem end
    value, where = service_endpoint(profile)
    if not value and where then return nil, where end
    if not value then value, where = from_file(profile, "endpoint_url") end
  end
  if not value then return nil end
  local checked
  checked, problem = url(value)
  if not checked then return nil, ("%s %s"):format(where, problem) end
  return checked
end

-- AWS's JavaScript SDK takes a region "fips-X" or "X-fips" as X with FIPS.
local function split_fips(resolved)
  local region = resolved.region
  local plain = region and (region:match("^fips%-(.+)$") or region:match("^(.+)%-fips$"))
  if plain then resolved.region, resolved.use_fips = plain, true end
end

local function fill(resolved, options, world, profile_of)
  for _, setting in ipairs(SETTINGS) do
    local name, problem = setting[1], nil
    resolved[name] = options[name]
    if resolved[name] == nil then resolved[name], problem = lookup(setting, world, profile_of) end
    if problem then return nil, problem end
  end
  resolved.endpoint = options.endpoint
  if not resolved.endpoint then
    local problem
    resolved.endpoint, problem = endpoint(world, profile_of)
    if problem then return nil, problem end
  end
  return true
end

--- Settles the configuration.
---@param options connectparticipant.Options
---@param world? { getenv: function, open: function }
---@return table|nil resolved
---@return string|nil problem names the variable, or the file, line and key
function config.resolve(options, world)
  world = world or { getenv = os.getenv, open = io.open }
  local profile, failure
  local function profile_of()
    if not profile and not failure then profile, failure = load(options, world) end
    return profile, failure
  end
  local resolved = {}
  for _, name in ipairs(OPTIONS_ONLY) do resolved[name] = options[name] end
  if options.profile or variable(world, { "AWS_PROFILE", "AWS_DEFAULT_PROFILE" }) then
    local _, problem = profile_of()
    if problem then return nil, problem end
  end
  local ok, problem = fill(resolved, options, world, profile_of)
  if not ok then return nil, problem end
  for name, value in pairs(DEFAULTS) do
    if resolved[name] == nil then resolved[name] = value end
  end
  split_fips(resolved)
  return resolved
end

return config
