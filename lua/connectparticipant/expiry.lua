--- When a presigned URL ends: its UrlExpiry, and the words in which object stores say so.

local expiry = {}

-- A PUT begun later than this before the end is likely to be refused.
local MARGIN = 5

local CODES = {
  ExpiredToken = true, RequestExpired = true, ExpiredRequest = true, TokenRefreshRequired = true,
}

-- Days since 1970 of a date of the Gregorian calendar.
local function days(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  return 365 * year + math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400)
    + math.floor((153 * (month - 3) + 2) / 5) + day - 719469
end

--- Seconds since 1970 of a time as AWS writes it, with or without a fraction; nil for others.
---@param text? string
---@return number|nil
function expiry.parse(text)
  if type(text) ~= "string" then return nil end
  local year, month, day, hour, minute, second, fraction =
    text:match("^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):(%d%d):(%d%d)(%.?%d*)Z$")
  if not year then return nil end
  local date = days(tonumber(year), tonumber(month), tonumber(day))
  return date * 86400 + tonumber(hour) * 3600 + tonumber(minute) * 60 + tonumber(second)
    + (tonumber("0" .. fraction) or 0)
end

--- Whether a URL has ended, or is about to.
function expiry.is_near(text, now)
  local at = expiry.parse(text)
  return at ~= nil and now >= at - MARGIN
end

--- Whether the store refused a URL because it has ended.
function expiry.is_error(err)
  if err.kind ~= "storage" then return false end
  return CODES[err.code] or (err.code == "AccessDenied"
    and err.message:find("expired", 1, true) ~= nil)
end

return expiry
