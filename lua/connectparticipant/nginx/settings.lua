-- The options of the gateway: their names, types and defaults. A wrong one raises, since it is a
-- mistake in the configuration.

local core = require "connectparticipant.core"
local failure = require "connectparticipant.error"

local settings = {}

local function is_callable(value)
  local meta = type(value) == "table" and getmetatable(value)
  return type(value) == "function" or type(meta) == "table" and meta.__call ~= nil
end

local function is_positive(value)
  return type(value) == "number" and value > 0 and value < math.huge
end

local function is_list_of_strings(value)
  if type(value) ~= "table" then return false end
  local count = 0
  for key, entry in pairs(value) do
    if type(key) ~= "number" or type(entry) ~= "string" then return false end
    count = count + 1
  end
  return count == #value
end

local function is_cors(value)
  if type(value) ~= "table" then return false end
  for key in pairs(value) do
    if key ~= "origins" then return false end
  end
  return value.origins == "*" or is_list_of_strings(value.origins)
end

local MEANINGS = {
  callable = { "a function", is_callable },
  seconds = { "a number of seconds above 0", is_positive },
  bytes = { "a number of bytes above 0", is_positive },
  count = { "a whole number, at least 1", function(value)
    return is_positive(value) and value % 1 == 0
  end },
  types = { 'a list of types such as "image/*" and "application/pdf"', is_list_of_strings },
  cors = { '{ origins = { "https://…" } } or { origins = "*" }', is_cors },
  boolean = { "true or false", function(value) return type(value) == "boolean" end },
}

-- What each means: see connectparticipant.UploadGatewayOptions,
-- connectparticipant.DownloadGatewayOptions.
local UPLOAD = {
  token = "callable", name = "callable", max_size = "bytes", max_files = "count", types = "types",
  authorize = "callable", on_result = "callable", cors = "cors", wait = "seconds",
  timeout = "seconds", body_timeout = "seconds",
}

local DOWNLOAD = {
  token = "callable", id = "callable", authorize = "callable", on_result = "callable",
  cors = "cors", timeout = "seconds", inline = "types",
}

local KNOWN = { upload = UPLOAD, download = DOWNLOAD }

-- The most files of one form, and seconds without a byte of a body.
local MOST_FILES, BODY_TIMEOUT = 10, 20

local function check(name, value, known, who)
  local meaning = MEANINGS[known[name]]
  if not meaning then
    local names = {}
    for each in pairs(known) do names[#names + 1] = each end
    table.sort(names)
    local meant = type(name) == "string" and core.suggest(name, names)
    error(("%s: unknown option '%s'%s"):format(who, tostring(name),
      meant and (" (did you mean '%s'?)"):format(meant) or ""), 0)
  end
  if not meaning[2](value) then
    error(("%s: option '%s' must be %s"):format(who, name, meaning[1]), 0)
  end
end

--- Copies the options; raises if one is wrong.
---@param what "upload"|"download"
---@param given? table
---@return table
function settings.read(what, given)
  local who = "gateway." .. what
  if given ~= nil and type(given) ~= "table" then
    error(("%s: options must be a table, not a %s"):format(who, type(given)), 0)
  end
  local read = { max_files = MOST_FILES, body_timeout = BODY_TIMEOUT }
  for name, value in pairs(given or {}) do
    check(name, value, KNOWN[what], who)
    read[name] = value
  end
  return read
end

--- Whether a list of types contains this one; `image/*` stands for all images.
---@param types string[]
---@param wanted string in lower case, without parameters
---@return boolean
function settings.has_type(types, wanted)
  local kind = wanted:match "^[^/]+/"
  for _, each in ipairs(types) do
    each = core.lower(each)
    if each == wanted or each == "*/*" or kind and each == kind .. "*" then return true end
  end
  return false
end

--- A refusal, with an error in the same form as every other one.
---@param status integer
---@param code string
---@param message string
---@return connectparticipant.GatewayRefusal
function settings.refuse(status, code, message)
  local err = failure.validation { message }
  err.code = code
  return { status = status, err = err }
end

return settings
