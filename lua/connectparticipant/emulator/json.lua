--- JSON as strictly as RFC 8259 has it. lua-cjson takes hexadecimal numbers, NaN, repeated names
-- and broken UTF-8, does not tell 5 from 5.0, and writes an empty list as an object.

local text = require "connectparticipant.emulator.text"

local json = {}

--- The metatable of lists.
json.list = {}
--- null inside a list; a member that is null is left out.
json.null = setmetatable({}, { __tostring = function() return "null" end })
--- The metatable of numbers with a fraction or an exponent, such as 5.0, which no member takes.
json.fraction = {}

local DEEPEST = 64

local ESCAPES = {
  ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t",
}

local find, sub, byte = string.find, string.sub, string.byte

local function fail(at, what)
  error({ problem = ("%s at byte %d"):format(what, at) }, 0)
end

local function skip(source, at)
  return find(source, "[^ \t\r\n]", at) or #source + 1
end

-- Decodes \uXXXX, or a surrogate pair of them; returns the text and the position after it.
local function read_unicode(source, at)
  local code = tonumber(source:match("^%x%x%x%x", at) or fail(at, "a broken \\u escape"), 16)
  if code < 0xD800 or code > 0xDFFF then return text.encode(code), at + 4 end
  local low = code < 0xDC00 and source:match("^\\u(%x%x%x%x)", at + 4)
  low = low and tonumber(low, 16)
  if not low or low < 0xDC00 or low > 0xDFFF then fail(at, "half a surrogate pair") end
  return text.encode(0x10000 + (code - 0xD800) * 0x400 + low - 0xDC00), at + 10
end

-- `at` is the position after the opening quote.
local function read_string(source, at)
  local stop = find(source, '["\\%z\1-\31]', at) or fail(at, "a string without end")
  if byte(source, stop) == 34 then return sub(source, at, stop - 1), stop + 1 end
  local parts = {}
  while true do
    parts[#parts + 1] = sub(source, at, stop - 1)
    local mark = byte(source, stop)
    if mark == 34 then return table.concat(parts), stop + 1 end
    if mark ~= 92 then fail(stop, "a control character in a string") end
    local letter = sub(source, stop + 1, stop + 1)
    if letter == "u" then
      parts[#parts + 1], at = read_unicode(source, stop + 2)
    else
      parts[#parts + 1], at = ESCAPES[letter] or fail(stop, "a broken escape"), stop + 2
    end
    stop = find(source, '["\\%z\1-\31]', at) or fail(at, "a string without end")
  end
end

local function read_number(source, at)
  local whole = source:match("^%-?%d+", at) or fail(at, "no value")
  if find(whole, "^%-?0%d") then fail(at, "a number with a leading zero") end
  local behind = at + #whole
  local rest = source:match("^%.%d+", behind) or ""
  rest = rest .. (source:match("^[eE][+-]?%d+", behind + #rest) or "")
  if rest == "" then return tonumber(whole), behind end
  return setmetatable({}, json.fraction), behind + #rest
end

local WORDS = { t = { "true", true }, f = { "false", false }, n = { "null", json.null } }

local read_value

local function read_object(source, at, depth)
  local object, seen = {}, {}
  at = skip(source, at)
  if byte(source, at) == 125 then return object, at + 1 end
  while true do
    if byte(source, at) ~= 34 then fail(at, "no name of a member") end
    local name, value
    name, at = read_string(source, at + 1)
    if seen[name] then fail(at, "a member that came before") end
    seen[name] = true
    at = skip(source, at)
    if byte(source, at) ~= 58 then fail(at, "no colon") end
    value, at = read_value(source, skip(source, at + 1), depth)
    if value ~= json.null then object[name] = value end
    at = skip(source, at)
    local mark = byte(source, at)
    if mark == 125 then return object, at + 1 end
    if mark ~= 44 then fail(at, "no comma") end
    at = skip(source, at + 1)
  end
end

local function read_list(source, at, depth)
  local list = setmetatable({}, json.list)
  at = skip(source, at)
  if byte(source, at) == 93 then return list, at + 1 end
  while true do
    list[#list + 1], at = read_value(source, at, depth)
    at = skip(source, at)
    local mark = byte(source, at)
    if mark == 93 then return list, at + 1 end
    if mark ~= 44 then fail(at, "no comma") end
    at = skip(source, at + 1)
  end
end

function read_value(source, at, depth)
  local mark = sub(source, at, at)
  if mark == '"' then return read_string(source, at + 1) end
  if depth >= DEEPEST then fail(at, "values nested too deep") end
  if mark == "{" then return read_object(source, at + 1, depth + 1) end
  if mark == "[" then return read_list(source, at + 1, depth + 1) end
  local word = WORDS[mark]
  if not word then return read_number(source, at) end
  if sub(source, at, at + #word[1] - 1) ~= word[1] then fail(at, "no value") end
  return word[2], at + #word[1]
end

--- Reads a JSON object.
---@param source string
---@return table|nil object
---@return string|nil problem what is wrong
function json.object(source)
  if not text.characters(source) then return nil, "invalid UTF-8" end
  local at = skip(source, 1)
  if byte(source, at) ~= 123 then return nil, "no object" end
  local ok, object, behind = pcall(read_object, source, at + 1, 1)
  if not ok then
    return nil, type(object) == "table" and object.problem or tostring(object)
  end
  if skip(source, behind) <= #source then return nil, "more than one value" end
  return object
end

local WRITTEN = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n",
  ["\r"] = "\\r", ["\t"] = "\\t" }

local function escape(c)
  return WRITTEN[c] or ("\\u%04x"):format(byte(c))
end

local write

local function write_string(out, value)
  if find(value, '["\\%c]') then value = value:gsub('["\\%z\1-\31]', escape) end
  local size = #out
  out[size + 1], out[size + 2], out[size + 3] = '"', value, '"'
end

local function write_members(out, value)
  local mark = "{"
  for name, member in pairs(value) do
    out[#out + 1] = mark
    write_string(out, name)
    out[#out + 1] = ":"
    write(out, member)
    mark = ","
  end
  out[#out + 1] = mark == "{" and "{}" or "}"
end

local function write_entries(out, value)
  out[#out + 1] = "["
  for index, entry in ipairs(value) do
    if index > 1 then out[#out + 1] = "," end
    write(out, entry)
  end
  out[#out + 1] = "]"
end

function write(out, value)
  local kind = type(value)
  if kind == "string" then
    write_string(out, value)
  elseif kind == "number" then
    out[#out + 1] = ("%.14g"):format(value)
  elseif kind == "boolean" then
    out[#out + 1] = tostring(value)
  elseif value == json.null then
    out[#out + 1] = "null"
  elseif getmetatable(value) == json.list or value[1] ~= nil then
    write_entries(out, value)
  else
    write_members(out, value)
  end
end

--- Writes a value as a list of strings, and gives their total size. They are not concatenated:
-- LuaJIT interns strings by a hash of a few of their bytes, and whole answers, which differ in few,
-- would all collide.
---@param value table
---@return string[] pieces
---@return integer size
function json.pieces(value)
  local out, size = {}, 0
  write(out, value)
  for _, piece in ipairs(out) do size = size + #piece end
  return out, size
end

return json
