--- Parses the text of AWS's shared config and credentials files: sections, keys, continuation lines
--- and nested keys. Lenient where AWS's SDKs differ. Takes time linear in the text's length.
--- https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html

local core = require "connectparticipant.core"

local ini = {}

local BLANK, NO_BLANK = "[ \t\r\v\f]", "[^ \t\r\v\f]"

-- The pattern "%s+$" would take quadratic time on a run of blanks.
local function trim(text)
  local first = text:find(NO_BLANK)
  if not first then return "" end
  local last = #text
  while text:find("^" .. BLANK, last) do last = last - 1 end
  return text:sub(first, last)
end

-- Strips a comment, which must be preceded by white space.
local function without_comment(text)
  local at = text:find(BLANK .. "[#;]")
  return at and text:sub(1, at - 1) or text
end

local function new_section()
  return { values = {}, lines = {} }
end

-- Keeps only the first problem, because a file of another format has one in every line. Problems in
-- ignored sections do not count.
local function report(state, what)
  if state.section and state.section.ignored then return end
  state.file.problem = state.file.problem or ("line %d: %s"):format(state.number, what)
end

-- Stores the current key once its last line has been read.
local function close_key(state)
  local key = state.key
  state.key = nil
  if not key or not key.name or not state.wanted[key.name] then return end
  state.section.values[key.name] = table.concat(key.parts, "\n")
  state.section.lines[key.name] = key.line
end

-- Returns kind and name of `[kind name]`, `[kind "quoted name"]` or `[name]`, or nil and a problem.
local function read_header(line)
  local kind, rest = trim(line:sub(2)):match("^([^ \t\r\v\f\"'%]]*)(.*)$")
  rest = trim(rest)
  local quote = rest:match("^[\"']")
  local from, stop = 1, nil
  if quote then from, stop = 2, rest:find(quote, 2, true) end
  local close = rest:find("]", stop or 1, true)
  if not close or quote and not stop then return nil, "a section's name must end with ]" end
  local after = trim(rest:sub(close + 1))
  if after ~= "" and not after:find("^[#;]") then
    return nil, "only a comment may follow a section's ]"
  end
  local name = quote and rest:sub(from, stop - 1) or trim(rest:sub(1, close - 1))
  if kind == "" and name == "" then return nil, "a section without a name" end
  return kind, name, quote ~= nil
end

-- The table for a section's keys. `[profile default]` replaces `[default]` if both exist, so their
-- keys are kept apart.
local function section_for(state, kind, name, quoted)
  local file = state.file
  if not quoted and name:find(BLANK) and file.kind == "config" then return nil end
  local group = file.profiles
  if file.kind == "credentials" then
    if kind == "profile" and name ~= "" then return nil end
    name = (name == "" or kind == "") and kind .. name or kind .. " " .. name
  elseif kind == "default" and name == "" then
    group, name = file.unprefixed, "default"
  elseif kind == "services" then
    group = file.services
  elseif kind ~= "profile" then
    return nil
  end
  if name == "" then return nil end
  group[name] = group[name] or new_section()
  return group[name]
end

local function read_section(state, line)
  close_key(state)
  local kind, name, quoted = read_header(line)
  if not kind then
    state.section = nil
    report(state, name)
    state.section = { ignored = true, values = {}, lines = {} }
    return
  end
  state.section = section_for(state, kind, name, quoted)
    or { ignored = true, values = {}, lines = {} }
end

-- The two sides of `key = value`: nothing without an equals sign, a nil key if the key is empty.
local function split(line)
  local at = line:find("=", 1, true)
  if not at then return nil, nil end
  local key = core.lower(trim(line:sub(1, at - 1)))
  return key ~= "" and key or nil, trim(line:sub(at + 1))
end

local function read_key(state, line, indent)
  close_key(state)
  if not state.section then return report(state, "a key outside of all sections") end
  local name, value = split(without_comment(line))
  if not name then
    return report(state, value and "a value without a key" or "neither a section nor key = value")
  end
  -- AWS's SDKs ignore a key that contains blanks, and its continuation lines.
  if name:find(BLANK) then name = nil end
  state.key = { name = name, parts = { value }, line = state.number, indent = indent }
end

-- Reads a line that is indented more than its key: it continues the value or, if that is empty,
-- holds a nested key. As in AWS's SDKs, a continuation line has no comments.
local function read_further(state, line)
  local key = state.key
  if not key.name then return end
  if key.parts[1] ~= "" then
    if state.wanted[key.name] then key.parts[#key.parts + 1] = line end
    return
  end
  local name, value = split(without_comment(line))
  if not name then
    return report(state, value and "a value without a key" or "a nested key needs a value")
  end
  name = key.name .. "." .. name
  if state.wanted[name] then
    state.section.values[name], state.section.lines[name] = value, state.number
  end
end

local function read_line(state, line)
  local first = line:find(NO_BLANK)
  if not first then return end
  local text, letter = trim(line), line:sub(first, first)
  if letter == "#" or letter == ";" then return end
  if line:find("\0", 1, true) then return report(state, "a NUL") end
  if state.key and first > state.key.indent then return read_further(state, text) end
  if letter == "[" then return read_section(state, text) end
  return read_key(state, text, first)
end

---@class connectparticipant.SharedFile
---@field kind "config"|"credentials"
---@field profiles table<string, { values: table<string, string>, lines: table<string, integer> }>
---@field services table<string, table> the `[services NAME]` sections, as in `profiles`
---@field problem? string the first malformed line's number and what is wrong with it

--- Parses a file's text. Malformed lines are skipped, and the first is reported in `problem`, which
--- never quotes the line because it could contain a secret.
---@param text string
---@param kind "config"|"credentials" profiles have the prefix "profile" only in the former
---@param wanted table<string, boolean> the keys to keep, in lower case, nested ones as "key.nested"
---@return connectparticipant.SharedFile
function ini.parse(text, kind, wanted)
  local file = { kind = kind, profiles = {}, services = {}, unprefixed = {} }
  local state = { file = file, wanted = wanted, number = 0 }
  if text:sub(1, 3) == "\239\187\191" then text = text:sub(4) end -- the byte order mark
  text = text:gsub("\r\n?", "\n") .. "\n"
  local from = 1
  while from <= #text do
    local stop = text:find("\n", from, true)
    state.number = state.number + 1
    read_line(state, text:sub(from, stop - 1))
    from = stop + 1
  end
  close_key(state)
  file.profiles.default = file.profiles.default or file.unprefixed.default
  file.unprefixed = nil
  return file
end

return ini
