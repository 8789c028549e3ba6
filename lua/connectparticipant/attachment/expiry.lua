-- When a presigned URL expires: its UrlExpiry, and how object stores report that it has.

local core = require "connectparticipant.core"

local expiry = {}

-- A transfer begun later than this before the end is likely to be refused.
local MARGIN = 5

local CODES = { ExpiredToken = true, RequestExpired = true, ExpiredRequest = true }

-- Days from 1970 to a Gregorian date. The year starts in March, which puts leap days last.
local function days(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  return 365 * year + math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400)
    + math.floor((153 * (month - 3) + 2) / 5) + day - 719469
end

-- The value of ".250", or nil. tonumber would expect the locale's decimal point.
local function fraction_of(text)
  if text == "" then return 0 end
  local digits = text:match("^%.(%d+)$")
  return digits and tonumber(digits) / 10 ^ #digits
end

--- Seconds since 1970 of a time as AWS writes it, with or without a fraction; nil for others.
---@param text? string
---@return number|nil
function expiry.parse(text)
  if type(text) ~= "string" or #text > 64 then return nil end
  local year, month, day, hour, minute, second, rest =
    text:match("^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):(%d%d):(%d%d)(.*)Z$")
  local fraction = rest and fraction_of(rest)
  if not fraction then return nil end
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  hour, minute, second = tonumber(hour), tonumber(minute), tonumber(second)
  local is_date = month >= 1 and month <= 12 and day >= 1 and day <= 31
  -- 60 is a leap second.
  if not is_date or hour > 23 or minute > 59 or second > 60 then return nil end
  return days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second + fraction
end

--- The moment from which a URL that was just issued should not be used. Nil if it is unknown, or in
--- the past: then this machine's clock is more likely to be wrong. The time of day is read only
--- here, so that setting the clock later changes nothing.
---@param text? string its UrlExpiry
---@param clock { now: function, time: function }
---@return number|nil moment of the monotonic clock
function expiry.moment(text, clock)
  local at = expiry.parse(text)
  if not at then return nil end
  local left = at - MARGIN - clock.time()
  return left > 0 and clock.now() + left or nil
end

--- Whether the store refused a URL because it has ended.
---@param err connectparticipant.Error
---@return boolean
function expiry.is_error(err)
  if err.kind ~= "storage" then return false end
  if CODES[err.code] then return true end
  return err.code == "AccessDenied" and core.lower(err.message):find("expired", 1, true) ~= nil
end

return expiry
