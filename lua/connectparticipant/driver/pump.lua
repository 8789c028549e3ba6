-- The pump of an nginx worker: one timer, however many clients there are, that steps all engines,
-- wakes the light threads that wait for them, and detects jobs that nobody waits for any more. An
-- alarm wakes it; where there is none, it polls. While bodies stream it polls in any case: woken by
-- every packet it would take more steps for the same bytes, and leave less time to others.

local core = require "connectparticipant.core"
local alarm_of = require "connectparticipant.driver.alarm"

local pump = {}

-- Seconds between polls: 1 ms, the resolution of nginx's timers, growing while nothing moves.
local SHORTEST, LONGEST, GROWTH = 0.001, 0.010, 1.5

-- Seconds between steps when nothing calls for one, to detect abandoned jobs. A step advances a
-- loop's time by at most a quarter of a second, so with longer pauses that time would lag.
local IDLE = 0.25

-- Seconds without any job after which the pump ends, and its thread. Longer than a client's pauses
-- between calls usually are, for a thread takes longer to start than a call takes to make.
local LINGER = 2

-- If the pump has not run for this many seconds, its timer is gone, and a new one is started.
local PATIENCE = 2

-- This worker's state: the loops that need the pump, those that have needed it, and the running
-- pump.
local loops, known, running = {}, setmetatable({}, { __mode = "k" }), nil

-- Steps all engines once. Returns whether any is needed, in how many seconds a step is due though
-- nothing happens (nil: nothing is in flight), and whether anything has moved.
local function step_all(alarm)
  local needed, due, moved = false, nil, false
  for loop in pairs(loops) do
    if loop:is_needed() then
      local in_flight, has_moved = loop:step()
      needed, moved = true, moved or has_moved
      if in_flight > 0 then
        if alarm and not has_moved then alarm:arm(loop) end
        local seconds = has_moved and SHORTEST or loop.engine:timeout() or IDLE
        due = due and due < seconds and due or seconds
      end
    else
      loops[loop] = nil
    end
  end
  return needed, due, moved
end

-- Waits until a step is due, or called for.
local function rest(own, due, moved)
  own.pause = moved and SHORTEST or math.min(own.pause * GROWTH, LONGEST)
  local seconds = math.max(SHORTEST, math.min(due or IDLE, IDLE))
  if due and not own.alarm then seconds = own.pause end
  own.due = core.now() + seconds
  own.nudge:wait(seconds)
end

-- Whether it goes on without any job: while a client is open that may have one soon.
local function lingers(own)
  if not own.listens or ngx.worker.exiting() then return false end
  if ngx.now() > own.needed + LINGER then return false end
  for loop in pairs(known) do
    if not loop.closed then return true end
  end
  return false
end

-- A light thread that lives as long as the alarm. One whose connection has ended is replaced.
local function listen(own)
  own.listens = true
  repeat
    local alarm = alarm_of.new()
    if not alarm then break end
    function alarm.rang() own.nudge:wake() end
    if running == own then own.alarm = alarm else alarm:close() end
    alarm:listen()
    own.alarm = nil
    if running == own then ngx.sleep(IDLE) end
  until running ~= own
  own.listens = false
end

local function run(premature, own)
  if not premature then ngx.thread.spawn(listen, own) end
  while running == own and not premature do
    own.beat = ngx.now()
    local needed, due, moved = step_all(own.alarm)
    if needed then
      own.needed = own.beat
    elseif not lingers(own) then
      break
    end
    rest(own, due, moved)
  end
  if running == own then running = nil end
  if own.alarm then own.alarm:close() end
end

--- Adds the loop to the pump, starts the pump if it is not running, and makes it step soon. False
--- if nginx refuses the timer, because all are in use or the worker is exiting.
---@param loop connectparticipant.Loop
---@param new_bell fun(): table makes the semaphore that wakes the pump
---@return boolean
function pump.attend(loop, new_bell)
  loops[loop], known[loop] = true, true
  local now = ngx.now()
  if running and now - running.beat < PATIENCE then
    running.nudge:wake()
    return true
  end
  running = nil
  local new = { nudge = new_bell(), beat = now, needed = now, pause = SHORTEST, due = 0 }
  if not ngx.timer.at(0, run, new) then return false end
  running = new
  return true
end

--- Makes the pump step in time after another has stepped the loop's engine: what came to be due
--- then, the pump does not know.
---@param loop connectparticipant.Loop
function pump.revise(loop)
  if not running or not loops[loop] or loop.closed then return end
  local seconds = loop.engine:timeout()
  if seconds and core.now() + seconds < running.due then running.nudge:wake() end
end

return pump
