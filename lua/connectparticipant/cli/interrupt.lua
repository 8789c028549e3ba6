--- Ctrl-C, SIGTERM and SIGHUP: the signal is noticed at the next wait and raised there, so that
-- whatever is under way is cleaned up on the way out.

local core = require "connectparticipant.core"

local interrupt = {}

-- A signal may arrive just before the wait that it should end; so long, in seconds, it takes then.
local LONGEST = 0.5

local Interrupt = { __tostring = function(self) return self.name end }

local tick

--- Has a function called at every wait, so at least twice a second while anything is waited for.
---@param callback fun()|nil
function interrupt.on_tick(callback)
  tick = callback
end

--- Raises the signal that has come, if one has.
function interrupt.check()
  local number, name = core.caught_signal()
  if number then error(setmetatable({ number = number, name = name }, Interrupt), 0) end
end

--- Whether this was raised by `check`.
function interrupt.is(problem)
  return getmetatable(problem) == Interrupt
end

--- The driver of the command's clients: blocks, but not longer than until a signal.
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
