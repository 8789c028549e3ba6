-- The pump of an nginx worker: one timer that moves the engines of all clients, wakes the light
-- threads that wait for them, and lets them notice who has gone away. A thousand clients cost one
-- timer. nginx's Lua cannot wait for an engine's descriptors, so it polls them.

local pump = {}

-- Seconds between two looks: the shortest that nginx's timers know, growing while nothing moves.
local SHORTEST, LONGEST, GROWTH = 0.001, 0.010, 1.5

-- Seconds between two looks while nothing is in flight, only to notice who has gone away.
local IDLE = 0.5

-- A pump that did not get to run for so long, in seconds, has no timer to run in.
local PATIENCE = 2

-- The state of this worker: the loops that need the pump, and the one that runs.
local loops, running = {}, nil

-- Moves all engines once; gives whether any is needed, is in flight, and has moved.
local function step_all()
  local needed, active, moved = false, false, false
  for loop in pairs(loops) do
    if loop:is_needed() then
      local in_flight, has_moved = loop:step()
      needed, active, moved = true, active or in_flight > 0, moved or has_moved
    else
      loops[loop] = nil
    end
  end
  return needed, active, moved
end

local function run(premature, own)
  local pause = SHORTEST
  while running == own and not premature do
    local needed, active, moved = step_all()
    if not needed then break end
    pause = moved and SHORTEST or math.min(pause * GROWTH, LONGEST)
    own.beat = ngx.now()
    own.nudge:wait(active and pause or IDLE)
  end
  if running == own then running = nil end
end

--- Sees to it that the pump runs for this loop, and looks soon. False where nginx makes no timer:
--- all are in use, or its worker is about to end.
---@param loop connectparticipant.Loop
---@param new_bell fun(): table what the pump is nudged by
---@return boolean
function pump.attend(loop, new_bell)
  loops[loop] = true
  local now = ngx.now()
  if running and now - running.beat < PATIENCE then
    running.nudge:wake()
    return true
  end
  running = nil
  local new = { nudge = new_bell(), beat = now }
  if not ngx.timer.at(0, run, new) then return false end
  running = new
  return true
end

return pump
