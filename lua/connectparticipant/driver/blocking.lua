-- The driver of plain scripts: waits by blocking the process.

local core = require "connectparticipant.core"

local blocking = {
  -- A wait blocks the whole program anyway, so callers may also block elsewhere, as in a commit,
  -- and the engine may wait within a step.
  alone = true,
  -- No other coroutine can consume the awaited event, so waits may be long; the bound lets Lua's
  -- signal hooks run.
  longest = 1,
  longest_sleep = 1,
}

--- Waits until the engine has work to do.
---@param engine userdata
---@param seconds number at most this long
function blocking.wait(engine, seconds)
  engine:wait(seconds)
end

--- Sleeps while no exchange is in progress.
---@param seconds number
function blocking.sleep(seconds)
  core.sleep(seconds)
end

return blocking
