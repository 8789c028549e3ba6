--- AWS's shared config file: sections, keys, and keys nested under a key. No well-kept Lua library
-- reads that nesting, so this does; it knows nothing of what the keys mean.
-- https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html

local core = require "connectparticipant.core"

local ini = {}

local function trim(text)
  return (text:gsub("^%s+", ""):gsub("%s+$", ""))
end

-- A comment may follow a value after white space.
local function value_of(text)
  return trim((text:gsub("%s[#;].*$", "")))
end

local function add_section(state, line, name, number)
  if not name or trim(name) == "" then
    return nil, ("line %d: a section without a name: %s"):format(number, line:sub(1, 40))
  end
  name = trim(name):gsub("%s+", " ")
  state.sections[name] = state.sections[name] or { values = {}, lines = {} }
  state.section, state.parent = state.sections[name], nil
  return true
end

local function add_key(state, line, number)
  local indented = line:match("^%s") ~= nil
  local key, value = line:match("^%s*([^=%s][^=]-)%s*=(.*)$")
  if not key then
    return nil, ("line %d: neither a section nor a key with a value"):format(number)
  end
  if not state.section then
    return nil, ("line %d: a key outside of all sections"):format(number)
  end
  key, value = core.lower(trim(key)), value_of(value)
  local section = state.section
  if indented and state.parent then
    key = state.parent .. "." .. key
  else
    state.parent = value == "" and key or nil
  end
  section.values[key], section.lines[key] = value, number
  return true
end

local function add_line(state, line, number)
  if line:match("^%s*$") or line:match("^%s*[#;]") then return true end
  if line:match("^%[") then return add_section(state, line, line:match("^%[([^%]]*)%]"), number) end
  return add_key(state, line, number)
end

---@param text string
---@return table<string, { values: table<string, string>, lines: table<string, integer> }>|nil
---@return string|nil problem names the line
function ini.parse(text)
  local state, number = { sections = {} }, 0
  if text:find("\0", 1, true) then return nil, "it holds a NUL" end
  for line in (text .. "\n"):gmatch("(.-)\r?\n") do
    number = number + 1
    local ok, problem = add_line(state, line, number)
    if not ok then return nil, problem end
  end
  return state.sections
end

return ini
