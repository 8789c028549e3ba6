-- When a presigned URL ends: its UrlExpiry, and the words in which object stores say so.

local core = require "connectparticipant.core"

local expiry = {}

-- A transfer begun later than this before the end is likely to be refused.
local MARGIN = 5

local CODES = { ExpiredToken = true, RequestExpired = true, ExpiredRequest = true }

-- Days since 1970 of a date of the Gregorian calendar, whose year begins with March here.
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
    text:match("^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):(%d%d):(%d%d)%.?(%d*)Z$")
  if not year then return nil end
  local date = days(tonumber(year), tonumber(month), tonumber(day))
  return date * 86400 + tonumber(hour) * 3600 + tonumber(minute) * 60 + tonumber(second)
    + tonumber("0" .. fraction) / 10 ^ #fraction -- "0.5" is no number where a locale has commas
end

--- Whether a URL should not be used any more. False where that is unknown, or where it had ended
-- when it was handed out: then this machine's clock is more likely to be wrong.
---@param text? string its UrlExpiry
---@param since number when it was handed out, on the monotonic clock
---@param clock { now: function, time: function }
---@return boolean
function expiry.has_passed(text, since, clock)
  local at = expiry.parse(text)
  if not at then return false end
  local passed = clock.now() - since
  local left = at - MARGIN - clock.time()
  return left <= 0 and left + passed > 0
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
