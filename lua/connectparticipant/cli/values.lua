--- Converts the values of options: text in, a value out, or nil and what the value must be.

local options_of = require "connectparticipant.config.options"
local redis_url = require "connectparticipant.config.redis_url"

local values = {}

-- An unset variable of a shell becomes an empty argument.
function values.text(value)
  if value ~= "" then return value end
  return nil, "must not be empty"
end

-- More digits would not fit a double exactly.
function values.whole(value)
  local number = value:match("^[0-9]+$") and tonumber(value)
  if number and number <= 2 ^ 53 then return number end
  return nil, "must be a whole number"
end

function values.seconds(value)
  local whole, fraction = value:match("^([0-9]*)%.?([0-9]*)$")
  -- tonumber(value) alone would follow the locale, which may want a decimal comma.
  local number = whole and tonumber(whole .. fraction)
  number = number and number / 10 ^ #fraction
  if number and number > 0 and number < math.huge then return number end
  return nil, "must be a number of seconds above 0"
end

--- The URL of a Redis.
function values.redis(value)
  local address, problem = redis_url.parse(value)
  if not address then return nil, problem end
  return value
end

--- One of the given words.
---@param words string[]
function values.one_of(words)
  return function(value)
    for _, word in ipairs(words) do
      if word == value then return value end
    end
    return nil, "must be one of: " .. table.concat(words, ", ")
  end
end

--- Converts as `read` does, and then checks the range that the library has for its option `name`.
---@param read fun(text: string): any, string|nil
---@param name string
function values.as(read, name)
  return function(text)
    local value, problem = read(text)
    if value ~= nil then problem = options_of.problem(name, value) end
    if problem then return nil, problem end
    return value
  end
end

return values
