-- Waits by blocking the process: the driver of plain scripts.

local core = require "connectparticipant.core"

local blocking = {
  -- Whoever waits holds up the whole program, and so may as well do it elsewhere.
  alone = true,
  -- Nothing else runs meanwhile, so nobody can take an event away; the bound lets signals through.
  longest = 1,
  longest_sleep = 1,
}

--- Waits until the engine can go on.
---@param engine userdata
---@param seconds number at most this long
function blocking.wait(engine, seconds)
  engine:wait(seconds)
end

--- Waits while nothing is under way.
---@param seconds number
function blocking.sleep(seconds)
  core.sleep(seconds)
end

return blocking
