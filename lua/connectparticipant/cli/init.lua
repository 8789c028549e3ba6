--- The command `connectparticipant`: finds the subcommand, reads its arguments, and gives its exit
-- status: 0, 1 (failed) or 2 (usage).

local arguments = require "connectparticipant.cli.arguments"
local common = require "connectparticipant.cli.common"
local core = require "connectparticipant.core"
local interrupt = require "connectparticipant.cli.interrupt"
local output = require "connectparticipant.cli.output"

local cli = {}

local COMMANDS = { "upload", "download", "transcript", "emulator", "demo" }

local function command_of(name)
  for _, command in ipairs(COMMANDS) do
    if command == name then return require("connectparticipant.cli." .. name) end
  end
end

local function overview()
  local lines = { "Usage: connectparticipant COMMAND [OPTIONS]", "" }
  for _, name in ipairs(COMMANDS) do
    lines[#lines + 1] = ("  %-12s %s"):format(name, command_of(name).summary)
  end
  lines[#lines + 1] = ""
  lines[#lines + 1] = "connectparticipant COMMAND --help tells more; --version tells the version."
  lines[#lines + 1] = "The token comes from CONNECT_CONNECTION_TOKEN, or from --token-file."
  return table.concat(lines, "\n") .. "\n"
end

local function help(command)
  return ("Usage: connectparticipant %s\n%s.\n\n%s\n"):format(command.usage,
    command.summary:gsub("^%l", string.upper), arguments.describe(command.options))
end

local function usage_error(world, problem, name)
  common.say(world, problem)
  world.stderr:write(("Try: connectparticipant %s--help\n"):format(name and name .. " " or ""))
  return 2
end

-- What the commands use of the world; specs give another.
local function real_world()
  return {
    stdin = io.stdin, stdout = output.new(io.stdout), stderr = io.stderr, getenv = os.getenv,
    participant = require "connectparticipant", driver = interrupt.driver,
    emulator = setmetatable({}, { __index = function(_, name)
      return require("connectparticipant.emulator")[name]
    end }),
    is_terminal = function() return core.is_terminal(2) end,
  }
end

local function run_command(world, name, words)
  local command = command_of(name)
  if not command then
    local meant = core.suggest(name, COMMANDS)
    return usage_error(world, ("there is no command '%s'%s"):format(name,
      meant and (" (did you mean '%s'?)"):format(meant) or ""))
  end
  local rest = {}
  for index = 2, #words do rest[index - 1] = words[index] end
  local options, operands = arguments.read(rest, command.options, command.short)
  if not options then return usage_error(world, operands, name) end
  if options.help then
    world.stdout:write(help(command))
    return 0
  end
  local status, problem = command.run(world, options, operands)
  if not status then return usage_error(world, problem, name) end
  return status
end

local function run(world, words)
  local name = words[1]
  if name == "--help" or name == "-h" then
    world.stdout:write(overview())
    return 0
  elseif name == "--version" then
    world.stdout:write("connectparticipant ", core._VERSION, "\n")
    return 0
  elseif not name then
    world.stderr:write(overview())
    return 2
  end
  return run_command(world, name, words)
end

local function tell_interrupt(world, signal)
  if signal.name ~= "SIGINT" then return end
  -- A terminal shows ^C before it.
  world.has_open_line = world.is_terminal()
  common.say(world, "interrupted")
end

--- Runs the command.
---@param words string[] its arguments
---@param world? table
---@return integer status 128 and its number where a signal ended it
---@return integer|nil signal the number
function cli.main(words, world)
  world = world or real_world()
  local function raised(problem)
    return interrupt.is(problem) and problem or debug.traceback(tostring(problem), 2)
  end
  local ok, status = xpcall(function() return run(world, words) end, raised)
  if not ok and interrupt.is(status) then
    world.stdout:flush()
    tell_interrupt(world, status)
    return 128 + status.number, status.number
  end
  if not ok then
    world.stderr:write(status, "\n")
    status = 1
  end
  local instead, message = world.stdout:failure()
  if message then common.say(world, message) end
  return instead or status
end

return cli
