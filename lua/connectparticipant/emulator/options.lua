--- The emulator's options: their defaults, and which values they may have.

local options = {}

local DEFAULTS = {
  port = 0, tls_port = 0, quota = 35, url_expiry = 900, max_size = 20 * 1024 * 1024,
  scan_seconds = 0.2, body_timeout = 20, journal_bytes = 8 * 1024 * 1024,
}

local function flag(value)
  if type(value) ~= "boolean" then return "must be true or false" end
end

local function text(value)
  if type(value) ~= "string" or value == "" then return "must be a string that is not empty" end
  if value:find("%z") then return "must not contain a NUL byte" end
end

local function whole(least, most)
  return function(value)
    if type(value) ~= "number" or value % 1 ~= 0 or value < least or value > most then
      return ("must be a whole number from %.0f to %.0f"):format(least, most)
    end
  end
end

local function seconds(value)
  if type(value) ~= "number" or not (value >= 0 and value < 1e9) then
    return "must be a number of seconds"
  end
end

local function rates(value)
  if value ~= "aws" then return "can only be aws" end
end

local function s3_endpoint(value, given)
  if type(value) ~= "string" or not value:find "^https?://[^/%s]+/?$" then
    return "must be like https://host:port"
  end
  if not given.s3_bucket then return "needs s3_bucket too" end
  if not (os.getenv "AWS_ACCESS_KEY_ID" and os.getenv "AWS_SECRET_ACCESS_KEY") then
    return "needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment"
  end
end

local LARGEST = 2 ^ 53

local CHECKS = {
  json = flag, admin = flag, empty_token = flag, port = whole(0, 65535), tls_port = whole(0, 65535),
  dir = text, rates = rates, quota = whole(0, LARGEST), url_expiry = whole(1, 604800),
  max_size = whole(1, LARGEST), scan_seconds = seconds, body_timeout = seconds,
  extensions = text, journal_bytes = whole(1, LARGEST), s3_endpoint = s3_endpoint,
  s3_bucket = text, parent = whole(1, LARGEST),
}

--- The first option that is wrong, and what is wrong with it.
---@param given table<string, any>
---@return string|nil name
---@return string|nil complaint to be read after the name
function options.check(given)
  local names = {}
  for name in pairs(given) do names[#names + 1] = tostring(name) end
  table.sort(names)
  for _, name in ipairs(names) do
    if not CHECKS[name] then return name, "is not an option of the emulator" end
    local complaint = given[name] ~= nil and CHECKS[name](given[name], given)
    if complaint then return name, complaint end
  end
end

--- The options with their defaults.
---@param given table<string, any>
---@return table<string, any>
function options.complete(given)
  local all = {}
  for name, value in pairs(DEFAULTS) do all[name] = value end
  for name, value in pairs(given) do all[name] = value end
  return all
end

return options
