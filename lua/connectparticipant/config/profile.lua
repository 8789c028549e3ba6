-- The profile: its name, and its keys in AWS's shared config and credentials files, which are read
-- when a key is first asked for. config/init.lua knows what the keys mean.

local LARGEST_FILE = 1024 * 1024

-- The only keys that are kept: never a credential.
local WANTED = {
  region = true, use_fips_endpoint = true, use_dualstack_endpoint = true, ca_bundle = true,
  max_attempts = true, retry_mode = true, sdk_ua_app_id = true, services = true,
  endpoint_url = true, ignore_configured_endpoint_urls = true,
  ["connectparticipant.endpoint_url"] = true,
}

---@class connectparticipant.Profile
---@field name string
---@field named_by? string the option or variable that names it
local Profile = {}
Profile.__index = Profile

local profile = {}

--- Value and name of the first variable that is set and not empty.
function profile.variable(world, names)
  for _, name in ipairs(names) do
    local value = world.getenv(name)
    if value and value ~= "" then return value, name end
  end
end

local function file(world, kind, name)
  local home = profile.variable(world, { "HOME" })
  local path, named_by = profile.variable(world, { name })
  if path and home and path:sub(1, 2) == "~/" then path = home .. path:sub(2) end
  return { kind = kind, path = path or home and home .. "/.aws/" .. kind, named_by = named_by }
end

--- The profile selected by the options and the environment.
---@param options connectparticipant.Options
---@param world { getenv: fun(name: string), read: fun(path: string, most: integer) }
---@return connectparticipant.Profile
function profile.new(options, world)
  local name, named_by = options.profile, "the option profile"
  if not name or name == "" then
    name, named_by = profile.variable(world, { "AWS_PROFILE", "AWS_DEFAULT_PROFILE" })
  end
  return setmetatable({
    name = name or "default", named_by = named_by, world = world,
    -- In order of precedence: the credentials file wins, as in AWS's SDKs.
    files = {
      file(world, "credentials", "AWS_SHARED_CREDENTIALS_FILE"),
      file(world, "config", "AWS_CONFIG_FILE"),
    },
  }, Profile)
end

-- Unreadable files count as empty, as in AWS's SDKs.
local function read(self)
  if self.is_read then return end
  self.is_read = true
  for _, each in ipairs(self.files) do
    local text, problem = nil, nil
    if each.path then text, problem = self.world.read(each.path, LARGEST_FILE + 1) end
    if text and #text > LARGEST_FILE then
      text, problem = nil, "larger than 1 MiB"
    end
    each.unreadable = problem
    local ini = require "connectparticipant.config.ini"
    each.content = ini.parse(text or "", each.kind, WANTED)
    each.section = each.content.profiles[self.name]
  end
end

local function value_in(path, section, key)
  local value = section and section.values[key]
  if not value or value == "" then return nil end
  return value, ("%s, line %d, %s"):format(path, section.lines[key], key)
end

--- The profile's value for a key and its origin, or nothing.
---@param key string
---@return string|nil value
---@return string|nil where "FILE, line N, key"
function Profile:get(key)
  read(self)
  for _, each in ipairs(self.files) do
    local value, where = value_in(each.path, each.section, key)
    if value then return value, where end
  end
end

--- The same for a key of the section `[services NAME]`; the third value is false if there is no
--- such section.
function Profile:get_of_services(name, key)
  read(self)
  for _, each in ipairs(self.files) do
    local section = each.content.services[name]
    if section then return value_in(each.path, section, key) end
  end
  return nil, nil, false
end

--- Why the profile cannot be used although it is needed: it is in neither file, or the config file
--- is malformed. nil if it can.
---@return string|nil
function Profile:problem()
  read(self)
  local config = self.files[2]
  if config.content.problem then return ("%s, %s"):format(config.path, config.content.problem) end
  if self.files[1].section or config.section then return nil end
  if not self.named_by or self.name == "default" then return nil end
  local places = {}
  for index, each in ipairs { config, self.files[1] } do
    local why = each.unreadable
    places[index] = (each.path or "~/.aws/" .. each.kind)
      .. (why and (" (%s)"):format(why) or not each.path and " (HOME is not set)" or "")
  end
  return ("the profile '%s', which %s names, is neither in %s nor in %s"):format(self.name,
    self.named_by, places[1], places[2])
end

--- Which files could not be read or parsed, and why, to add to an error about a missing setting;
--- nil if there is nothing to say. A missing file counts only if a variable names it.
---@return string|nil
function Profile:notes()
  if not self.is_read then return nil end
  local notes = {}
  for _, each in ipairs(self.files) do
    local why = each.unreadable or each.content.problem
    local absent = why == "No such file or directory" or why == "Not a directory"
    if why and (each.named_by or not absent) then
      notes[#notes + 1] = ("%s%s: %s"):format(each.named_by and each.named_by .. " " or "",
        each.path, why)
    end
  end
  return notes[1] and table.concat(notes, "; ")
end

return profile
