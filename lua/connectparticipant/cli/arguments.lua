--- Reads a command's arguments. The runtime dependencies are libcurl and lua-cjson, so no argument
-- library is among them; this knows what the command needs and nothing more.

local core = require "connectparticipant.core"

local arguments = {}

local READERS = {}

-- What a shell makes of a variable that is not set.
function READERS.text(value)
  if value ~= "" then return value end
  return nil, "must not be empty"
end

-- More digits would not be exact, nor a number of anything.
function READERS.whole(value)
  local number = value:match("^[0-9]+$") and tonumber(value)
  if number and number <= 2 ^ 53 then return number end
  return nil, "must be a whole number"
end

function READERS.seconds(value)
  local whole, fraction = value:match("^([0-9]*)%.?([0-9]*)$")
  -- Not tonumber(value): a locale may want a comma.
  local number = whole and tonumber(whole .. fraction)
  number = number and number / 10 ^ #fraction
  if number and number > 0 and number < math.huge then return number end
  return nil, "must be a number of seconds above 0"
end

local function unknown(known, name)
  local names = {}
  for option in pairs(known) do names[#names + 1] = option end
  table.sort(names)
  local meant = core.suggest(name, names)
  if name:find("token", 1, true) and not meant then
    return "a token is never an argument, where others could see it: use --token-file, or the "
      .. "variable CONNECT_CONNECTION_TOKEN"
  end
  return ("there is no option --%s%s"):format(name, meant and (" (did you mean --%s?)")
    :format(meant) or "")
end

-- Reads one option into `options`; gives how many words it took.
local function read_option(known, word, following, options)
  local name, value = word:match("^%-%-([^=]+)=(.*)$")
  name = name or word:match("^%-%-(.+)$")
  local option = known[name]
  if not option then return nil, unknown(known, name or word) end
  local key = name:gsub("-", "_")
  if option.kind == "flag" then
    if value then return nil, ("--%s takes no value"):format(name) end
    options[key] = true
    return 1
  end
  local taken = value and 1 or 2
  value = value or following
  if not value then return nil, ("--%s needs a value"):format(name) end
  local read, problem = READERS[option.kind](value)
  if read ~= nil and option.check then problem = option.check(read) end
  if problem then return nil, ("--%s %s"):format(name, problem) end
  options[key] = read
  return taken
end

--- Splits words into options and operands; `--` ends the options, and `-` is an operand.
---@param words string[]
---@param known table<string, { kind: string, check?: fun(value: any): string|nil }>
---@param short? table<string, string>
---@return table|nil options
---@return string[]|string operands or the problem
function arguments.read(words, known, short)
  local options, operands, index = {}, {}, 1
  while words[index] do
    local word = words[index]
    if word == "--" then
      for rest = index + 1, #words do operands[#operands + 1] = words[rest] end
      break
    elseif word:sub(1, 1) == "-" and word ~= "-" then
      if short and short[word] then word = "--" .. short[word] end
      if word:sub(1, 2) ~= "--" then return nil, "there is no option " .. word end
      local taken, problem = read_option(known, word, words[index + 1], options)
      if not taken then return nil, problem end
      index = index + taken
    else
      operands[#operands + 1] = word
      index = index + 1
    end
  end
  return options, operands
end

--- The options' part of a command's help.
function arguments.describe(known)
  local lines = {}
  for name, option in pairs(known) do
    if option.help then
      local value = option.kind ~= "flag" and " " .. (option.value or "VALUE") or ""
      local left = "--" .. name .. value
      lines[#lines + 1] = ("  %-28s %s"):format(left, option.help)
    end
  end
  table.sort(lines)
  return table.concat(lines, "\n")
end

return arguments
