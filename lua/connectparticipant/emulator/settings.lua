--- The settings: those of the options that may change while the emulator runs, and its clock.

local attachments = require "connectparticipant.emulator.attachments"
local cjson = require "cjson.safe"
local json = require "connectparticipant.emulator.json"
local options = require "connectparticipant.emulator.options"

local settings = {}

-- Where the emulator looks a setting up; elsewhere than among its options, what follows from it.
local APPLY = {
  rates = function(emulator, value) emulator.limits.on = value == "aws" end,
  extensions = function(emulator, value) emulator.extensions = attachments.extensions(value) end,
}

local NAMES = { "body_timeout", "clock_skew", "empty_token", "extensions", "journal_bytes",
  "max_size", "quota", "rates", "scan_seconds", "url_expiry" }

local DEFAULTS = options.complete { clock_skew = 0, empty_token = false }

local known = {}
for _, name in ipairs(NAMES) do known[name] = true end

--- All settings, null where nothing is set.
function settings.all(emulator)
  local all = {}
  for _, name in ipairs(NAMES) do
    local value = emulator.options[name]
    if value == nil then value = DEFAULTS[name] end
    if value == nil then value = json.null end
    all[name] = value
  end
  return all
end

local function complaint_about(name, value)
  if not known[name] then return "is not a setting" end
  if name ~= "clock_skew" then return select(2, options.check { [name] = value }) end
  if type(value) ~= "number" then return "must be a number of seconds" end
end

-- A value as the options have it: null is the default, and a list of extensions is its text.
local function plain(name, value)
  if value == cjson.null then return DEFAULTS[name] end
  if name == "extensions" and type(value) == "table" and #value > 0 then
    return table.concat(value, ",")
  end
  return value
end

--- Changes some settings; none at all when one of them is wrong.
---@param emulator table
---@param given table<string, any> null is the default
---@return true|nil
---@return string|nil problem
function settings.change(emulator, given)
  for name, value in pairs(given) do
    local complaint = complaint_about(name, plain(name, value))
    if complaint then return nil, ("the setting %s %s"):format(tostring(name), complaint) end
  end
  for name, value in pairs(given) do
    emulator.options[name] = plain(name, value)
    if APPLY[name] then APPLY[name](emulator, emulator.options[name]) end
  end
  return true
end

--- Sets all to their defaults.
function settings.reset(emulator)
  local nulls = {}
  for _, name in ipairs(NAMES) do nulls[name] = cjson.null end
  return settings.change(emulator, nulls)
end

return settings
