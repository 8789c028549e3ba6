--- Ctrl-C, SIGTERM and SIGHUP: the signal is noticed at the next wait and raised there, so that
-- whatever is under way is cleaned up on the way out.

local core = require "connectparticipant.core"

local interrupt = {}

-- Seconds. A signal that arrives just before a wait begins does not end that wait, so no wait is
-- longer than this.
local LONGEST = 0.5

local Interrupt = { __tostring = function(self) return self.name end }

local tick

--- Sets a function to be called at every wait: at least twice a second while a call is under way.
---@param callback fun()|nil
function interrupt.on_tick(callback)
  tick = callback
end

--- Raises the signal that has arrived, if any.
function interrupt.check()
  local number, name = core.caught_signal()
  if number then error(setmetatable({ number = number, name = name }, Interrupt), 0) end
end

--- Whether an error was raised by `check`.
function interrupt.is(problem)
  return getmetatable(problem) == Interrupt
end

--- The driver of the command's clients: blocks, and returns early when a signal arrives.
interrupt.driver = {}

function interrupt.driver.wait(engine, seconds)
  interrupt.check()
  if tick then tick() end
  engine:wait(math.min(seconds, LONGEST))
  interrupt.check()
end

function interrupt.driver.sleep(seconds)
  interrupt.check()
  if tick then tick() end
  core.sleep(math.min(seconds, LONGEST))
  interrupt.check()
end

return interrupt
