-- Waits inside nginx without blocking its worker: light threads sleep, and one pump moves all
-- transfers of a client, so that a thousand in flight cost one timer. Knows the phases in which
-- nginx can yield. The engine's descriptors cannot be given to nginx from Lua, so it is polled.

local driver = {
  -- A bell that is not rung for so long is not trusted, and its owner looks for itself.
  longest = 1,
}

-- ngx.sleep(0) starves nginx's event loop, and its timers count in milliseconds.
local SHORTEST, LONGEST, GROWTH = 0.001, 0.010, 1.5

-- A pump that did not get to step for so long, in seconds, has no timer to run in.
local PATIENCE = 0.5

local MAY_YIELD = {
  server_rewrite = true, rewrite = true, access = true, content = true, timer = true,
}

--- Whether this Lua runs in an nginx that can sleep; its worker threads, for one, cannot.
---@return boolean
function driver.is_here()
  local ngx = rawget(_G, "ngx")
  return type(ngx) == "table" and type(ngx.sleep) == "function"
    and type(ngx.get_phase) == "function"
end

--- Whether the current phase may yield.
---@return boolean|nil may
---@return string|nil problem what to tell the caller
function driver.check()
  if not driver.is_here() then
    return nil, 'driver = "ngx" works inside an nginx worker only'
  end
  local phase = ngx.get_phase()
  if MAY_YIELD[phase] then return true end
  return nil, ("nginx cannot wait in its phase '%s'; call from rewrite, access, content or a timer,"
    .. ' or ask for driver = "blocking", which blocks the worker'):format(phase)
end

--- Sleeps for a moment that grows while nothing moves.
---@param _ userdata the engine
---@param seconds number at most this long
---@param idle integer how many waits before this one saw nothing move
function driver.wait(_, seconds, idle)
  local moment = math.min(LONGEST, SHORTEST * GROWTH ^ idle, seconds)
  ngx.sleep(math.max(SHORTEST, moment))
end

--- Sleeps while nothing is under way.
---@param seconds number
function driver.sleep(seconds)
  ngx.sleep(math.max(SHORTEST, seconds))
end

local Bell = {}
Bell.__index = Bell

--- Ends the wait, or the next one.
function Bell:wake()
  if self.semaphore:count() < 1 then self.semaphore:post(1) end
end

function Bell:wait(seconds)
  self.semaphore:wait(math.max(SHORTEST, seconds))
end

--- What a light thread waits for while the pump moves its transfer; nil without semaphores, and
-- then every light thread polls for itself.
---@return table|nil bell
function driver.bell()
  local found, semaphore = pcall(require, "ngx.semaphore")
  return found and setmetatable({ semaphore = semaphore.new(0) }, Bell) or nil
end

-- Steps for as long as anybody waits; the loop forgets those that were abandoned while waiting.
local function pump(_, loop, own)
  local pause = SHORTEST
  while loop.pump == own and next(loop.waiting) and not loop.closed do
    local _, moved = loop:step()
    pause = moved and SHORTEST or math.min(pause * GROWTH, LONGEST)
    own.beat = loop.clock.now()
    own.nudge:wait(pause)
  end
  if loop.pump == own then loop.pump = nil end
end

--- Sees to it that the pump runs, and looks soon. False where nginx makes no timer: all are in use,
-- or its worker is about to end.
---@param loop connectparticipant.Loop
---@return boolean
function driver.pump(loop)
  local now, running = loop.clock.now(), loop.pump
  if running and now - running.beat < PATIENCE then
    running.nudge:wake()
    return true
  end
  if running then loop.pump = nil end
  local new = { nudge = driver.bell(), beat = now }
  if not ngx.timer.at(0, pump, loop, new) then return false end
  loop.pump = new
  return true
end

return driver
