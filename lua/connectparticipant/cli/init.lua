--- The command `connectparticipant`: parses its arguments, runs the subcommand, and returns the
-- exit status: 0, 1 (failed), 2 (usage), or 128 and the number of the signal that ended it.

local common = require "connectparticipant.cli.common"
local core = require "connectparticipant.core"
local interrupt = require "connectparticipant.cli.interrupt"
local output = require "connectparticipant.cli.output"
local parser = require "connectparticipant.cli.parser"

local cli = {}

local function usage_error(world, problem, name)
  common.say(world, problem)
  world.stderr:write(("Try: connectparticipant %s--help\n"):format(name and name .. " " or ""))
  return 2
end

-- Everything outside of Lua that the commands use; specs replace it.
local function real_world()
  return {
    stdin = io.stdin, stdout = output.new(io.stdout), stderr = io.stderr, getenv = os.getenv,
    participant = require "connectparticipant", driver = interrupt.driver,
    emulator = setmetatable({}, { __index = function(_, name)
      return require("connectparticipant.emulator")[name]
    end }),
    is_terminal = function() return core.is_terminal(2) end,
    width = function() return core.terminal_width(2) or 80 end,
    now = core.now, on_tick = interrupt.on_tick,
  }
end

-- The command whose arguments could not be parsed, for the hint.
local function name_in(words)
  for _, name in ipairs(parser.COMMANDS) do
    if words[1] == name then return name end
  end
end

local function run(world, words)
  local root, problem = parser.new()
  if not root then
    common.say(world, problem)
    return 1
  end
  local options
  options, problem = parser.read(root, words)
  if not options then return usage_error(world, problem, name_in(words)) end
  if options.help then
    world.stdout:write(parser.help(root, options.command))
    return 0
  elseif options.version then
    world.stdout:write("connectparticipant ", core._VERSION, "\n")
    return 0
  elseif not options.command then
    world.stderr:write(parser.help(root))
    return 2
  end
  world.parser = root
  local status
  status, problem = parser.command(options.command).run(world, options)
  if not status then return usage_error(world, problem, options.command) end
  return status
end

local function tell_interrupt(world, signal)
  if signal.name ~= "SIGINT" then return end
  -- A terminal prints ^C at the cursor, so the message must begin on a new line.
  world.has_open_line = world.is_terminal()
  world.display = nil
  common.say(world, "interrupted")
end

--- Runs the command.
---@param words string[] its arguments
---@param world? table
---@return integer status 128 + its number if a signal ended it
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
