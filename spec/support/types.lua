-- Writes the part of lua/connectparticipant/types.lua that the model knows: every operation's
-- parameters and result. With `check`, only says whether it is up to date.
local core = require "connectparticipant.core"

local PATH = "lua/connectparticipant/types.lua"
local BEGIN = "-- What follows is made from the model, by `make types`.\n"
local PAGE = "https://docs.aws.amazon.com/connect-participant/latest/APIReference/API_%s.html"

local lines, done, known = {}, {}, {}

local function add(...)
  lines[#lines + 1] = string.format(...)
end

local TYPES = { string = "string", text = "string", boolean = "boolean", whole = "integer" }

local function values_of(member)
  local words = {}
  for index, value in ipairs(member.values) do words[index] = ("%q"):format(value) end
  return table.concat(words, "|")
end

local class

local function type_of(member, operation)
  if member.type == "struct" then return class(member.name, operation, member.members) end
  local element = member.element
  if member.type == "list" then
    if element.type == "struct" then
      return class(member.name .. "Item", operation, element.members) .. "[]"
    end
    return ("(%s)[]"):format(type_of(element, operation))
  elseif member.type == "map" then
    return ("table<string, %s>"):format(type_of(element, operation))
  end
  return member.values and values_of(member) or TYPES[member.type]
end

local UNITS = { string = "characters", text = "characters", list = "entries" }

-- "1 to 256 characters", "exactly 36 characters", "5 to 300"
local function limits_of(member)
  local least, most, unit = member.min, member.max, UNITS[member.type] or ""
  if unit ~= "" then unit = " " .. unit end
  if least == most and most == 1 then return "exactly 1" end
  if least == most and most > 0 then return ("exactly %.0f%s"):format(most, unit) end
  if most > 0 and most < 2 ^ 53 then return ("%.0f to %.0f%s"):format(least, most, unit) end
  if least > 0 and (most > 0 or member.type == "list") then
    return ("at least %.0f%s"):format(least, unit)
  end
end

local function remarks_of(member)
  local words = {}
  if member.need == "token" then words[#words + 1] = "a UUID when absent" end
  words[#words + 1] = limits_of(member)
  return #words > 0 and " " .. table.concat(words, "; ") or ""
end

local function add_fields(members, operation)
  for _, member in ipairs(members) do
    add("---@field %s%s %s%s", member.name, member.need == "required" and "" or "?",
      type_of(member, operation), remarks_of(member))
  end
end

-- Adds a class before whatever is being added, and gives its name: the member's, or the operation's
-- and the member's where another structure has that.
function class(name, operation, members)
  local words = {}
  for index, member in ipairs(members) do words[index] = member.name .. member.type end
  local shape, full = table.concat(words, " "), "connectparticipant." .. name
  if known[full] and known[full] ~= shape then full = "connectparticipant." .. operation .. name end
  if known[full] then return full end
  known[full] = shape
  local before = lines
  lines = {}
  add("---@class %s", full)
  add_fields(members, operation)
  add("")
  for _, line in ipairs(lines) do done[#done + 1] = line end
  lines = before
  return full
end

local function finish()
  for _, line in ipairs(lines) do done[#done + 1] = line end
  lines = {}
end

local function add_operation(operation)
  add("--- " .. PAGE, operation.name)
  add("---@class connectparticipant.%sParams", operation.name)
  add_fields(operation.input, operation.name)
  add("---@field timeout? number seconds for the whole call, all attempts and waits")
  add("")
  finish()
  add("---@class connectparticipant.%sResult", operation.name)
  add_fields(operation.output, operation.name)
  add("---@field ResponseMetadata connectparticipant.ResponseMetadata")
  add("")
  finish()
end

local model = core.model()
for _, operation in ipairs(model) do add_operation(operation) end
for _, owner in ipairs { "Client", "Module" } do
  add("---@class connectparticipant.%s", owner)
  for _, operation in ipairs(model) do
    add("---@field %s fun(%sparams: connectparticipant.%sParams): connectparticipant.%sResult|nil,"
      .. " connectparticipant.Error|nil", operation.method,
      owner == "Client" and "self: connectparticipant.Client, " or "", operation.name,
      operation.name)
  end
  add("")
end
finish()

local file = assert(io.open(PATH))
local text = file:read "*a"
file:close()
local written = assert(text:match("^(.-\n)" .. BEGIN:gsub("%p", "%%%0")), "the mark is missing")
local made = written .. BEGIN .. "\n" .. table.concat(done, "\n")
if arg[1] == "check" then
  if made == text then os.exit(0) end
  print(PATH .. " is not what the model says: run `make types`")
  os.exit(1)
end
file = assert(io.open(PATH, "w"))
file:write(made)
file:close()
