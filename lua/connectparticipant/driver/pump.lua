-- The pump of an nginx worker: one timer, however many clients there are, that steps all engines,
-- wakes the light threads that wait for them, and detects jobs that nobody waits for any more. It
-- polls, because nginx's Lua cannot wait for an engine's descriptor.

local pump = {}

-- Seconds between polls: 1 ms, the resolution of nginx's timers, growing while nothing moves.
local SHORTEST, LONGEST, GROWTH = 0.001, 0.010, 1.5

-- Seconds between polls while nothing is in flight, to detect abandoned jobs. A step advances a
-- loop's time by at most a quarter of a second, so with longer pauses that time would lag.
local IDLE = 0.25

-- If the pump has not run for this many seconds, its timer is gone, and a new one is started.
local PATIENCE = 2

-- This worker's state: the loops that need the pump, and the running pump.
local loops, running = {}, nil

-- Steps all engines once. Returns whether any is needed, has exchanges in flight, and has moved.
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

--- Adds the loop to the pump, starts the pump if it is not running, and makes it poll soon. False
--- if nginx refuses the timer, because all are in use or the worker is exiting.
---@param loop connectparticipant.Loop
---@param new_bell fun(): table makes the semaphore that wakes the pump
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
