--- Builds lua-argparse's parser from what the commands declare, and parses the arguments with it.
-- Help, shell completion and manual page come from the same declarations.
--
-- A command is `{ summary, description, arguments, options, client, examples, run }`; `client` adds
-- the options of the client. An option has argparse's own properties, `long` ("--name"), perhaps
-- `short` ("-n"), and `flag` if it takes no value; its `convert` returns nil and "must be …" for a
-- value that is not allowed.

local common = require "connectparticipant.cli.common"

local parser = {}

parser.NAME = "connectparticipant"

-- In the order in which the help lists them.
parser.COMMANDS = {
  "connect", "upload", "download", "message", "event", "transcript", "disconnect", "emulator",
  "demo", "completion", "help",
}

parser.SUMMARY = "The Amazon Connect Participant Service, with attachments done completely."

parser.EPILOG = "The token of a chat comes from CONNECT_CONNECTION_TOKEN, or from --token-file; "
  .. "it is never an argument, where others could see it. Region, endpoint and profile come from "
  .. "the options, or from AWS's variables and shared config file."

local HELP_WIDTH, HELP_MARGIN = 80, 28

---@param name string
---@return table
function parser.command(name)
  return require("connectparticipant.cli." .. name)
end

local function load_argparse()
  local found, argparse = pcall(require, "argparse")
  if found then return argparse end
  return nil, "the command needs the Lua library argparse for this Lua: install lua-argparse "
    .. "(Debian, Ubuntu), or run: luarocks install argparse"
end

-- argparse prints a converter's message unchanged, so the option's name is added here.
local function named(long, convert)
  return convert and function(text)
    local value, problem = convert(text)
    if value == nil then return nil, long .. " " .. problem end
    return value
  end
end

local function add_option(command, option)
  local names = (option.short and option.short .. " " or "") .. option.long
  local given = {
    name = names, description = option.description, argname = option.argname,
    hidden = option.hidden, convert = named(option.long, option.convert),
  }
  if option.flag then return command:flag(given) end
  return command:option(given)
end

local unpack = rawget(table, "unpack") or _G.unpack

local function add_group(command, title, ...)
  local group = {}
  for _, list in ipairs { ... } do
    for _, option in ipairs(list) do group[#group + 1] = add_option(command, option) end
  end
  if #group > 0 then command:group(title, unpack(group)) end
end

local HELP = { { long = "--help", short = "-h", flag = true, description = "Show this help." } }

--- The usage of a command, on one line.
function parser.usage(name)
  local declared = parser.command(name)
  local words = { parser.NAME, name }
  if declared.options or declared.client then words[#words + 1] = "[OPTIONS]" end
  for _, argument in ipairs(declared.arguments or {}) do
    local form = argument.optional and "[%s]" or "%s"
    words[#words + 1] = form:format(argument.argname) .. (argument.args == "*" and "..." or "")
  end
  return table.concat(words, " ")
end

local function add_command(root, name)
  local declared = parser.command(name)
  local description = declared.summary:gsub("^%l", string.upper) .. "."
  if declared.description then description = description .. "\n" .. declared.description end
  local command = root:command {
    name = name, summary = declared.summary, description = description, add_help = false,
    usage = "Usage: " .. parser.usage(name), target = "is_command",
  }
  for _, argument in ipairs(declared.arguments or {}) do
    command:argument {
      name = argument.argname, target = argument.name, description = argument.description,
      args = argument.args or "?",
    }
  end
  if declared.client then
    add_group(command, "Options", declared.options)
    add_group(command, "Common options", common.client_options, HELP)
  else
    add_group(command, "Options", declared.options or {}, HELP)
  end
end

--- The parser for all commands.
---@return table|nil argparse's
---@return string|nil problem if argparse is not installed
function parser.new()
  local argparse, problem = load_argparse()
  if not argparse then return nil, problem end
  local root = argparse {
    name = parser.NAME, description = parser.SUMMARY, epilog = parser.EPILOG, add_help = false,
    require_command = false, command_target = "command",
    help_max_width = HELP_WIDTH, help_description_margin = HELP_MARGIN,
    usage = ("Usage: %s COMMAND [OPTIONS] [ARGUMENTS]"):format(parser.NAME),
  }
  add_group(root, "Options", HELP,
    { { long = "--version", flag = true, description = "Show the version." } })
  for _, name in ipairs(parser.COMMANDS) do add_command(root, name) end
  return root
end

-- argparse's message, on one line and with our advice.
local function explain(problem)
  local is_close = problem:find("Did you", 1, true)
  if problem:find("unknown option '%-%-?%w*%-?token") and not is_close then
    return "a token is never an argument, where others could see it: use --token-file, or the "
      .. "variable CONNECT_CONNECTION_TOKEN"
  end
  return (problem:gsub("\nDid you mean (.*)%?$", " (did you mean %1?)")
    :gsub("too many arguments", "there are too many arguments"))
end

--- Parses the arguments.
---@param root table
---@param words string[]
---@return table|nil options with `command`, its name
---@return string|nil problem
function parser.read(root, words)
  local ok, result = root:pparse(words)
  if ok then return result end
  return nil, explain(result)
end

--- The help of a command, or of all.
---@param root table
---@param name? string
---@return string
function parser.help(root, name)
  local shown = root
  for _, command in ipairs(root._commands) do -- argparse has no accessor for a single one
    if command._name == name then shown = command end
  end
  local help, examples = shown:get_help() .. "\n", name and parser.command(name).examples
  if examples then help = help .. "\nExamples:\n   " .. table.concat(examples, "\n   ") .. "\n" end
  return help
end

return parser
