--- Writes JSON for programs: on one line, with sorted keys, the same bytes for the same value in
-- any locale. A byte that is not part of UTF-8 text becomes `\xHH`, as four characters of the
-- string, so that the line is always valid JSON.

local unicode = require "connectparticipant.cli.unicode"

local json = {}

-- The lists in AWS's answers, by name: an empty Lua table does not show whether it is a list.
local LISTS = { Transcript = true, Attachments = true, Receipts = true, Actions = true }

-- Deeper than any answer. A table that contains itself stops here.
local DEEPEST = 100

local ESCAPES = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r",
  ["\t"] = "\\t",
}

local function escape(char)
  return ESCAPES[char] or ("\\u%04x"):format(char:byte())
end

local function string_of(text)
  return '"' .. unicode.escape(text):gsub('[%z\1-\31"\\\127]', escape) .. '"'
end

-- Some locales write a comma for the decimal point.
local function with_point(text)
  return (text:gsub("[^%d+e-]+", "."))
end

local function number_of(number)
  if number ~= number or number == math.huge or number == -math.huge then return "null" end
  if number % 1 == 0 and math.abs(number) < 2 ^ 63 then
    local digits = ("%d"):format(number)
    if tonumber(digits) == number then return digits end
  end
  local short = ("%.15g"):format(number)
  return with_point(tonumber(short) == number and short or ("%.17g"):format(number))
end

local value_of

local function list_of(list, depth)
  local parts = {}
  for index = 1, #list do parts[index] = value_of(list[index], depth, nil) end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function object_of(object, depth)
  local names, values = {}, {}
  for key, value in pairs(object) do
    local text, name = value_of(value, depth, key), tostring(key)
    if text and not values[name] then names[#names + 1], values[name] = name, text end
  end
  table.sort(names)
  for index, name in ipairs(names) do names[index] = string_of(name) .. ":" .. values[name] end
  return "{" .. table.concat(names, ",") .. "}"
end

-- nil for what JSON cannot express, such as a function.
function value_of(value, depth, name)
  local kind = type(value)
  if kind == "string" then return string_of(value) end
  if kind == "number" then return number_of(value) end
  if kind == "boolean" then return tostring(value) end
  if kind ~= "table" or depth > DEEPEST then return name == nil and "null" or nil end
  if #value > 0 or LISTS[name] and next(value) == nil then return list_of(value, depth + 1) end
  return object_of(value, depth + 1)
end

--- Writes a value as one line, without the newline.
---@param value any
---@return string
function json.encode(value)
  return value_of(value, 1, nil)
end

return json
