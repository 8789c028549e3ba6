-- Waits inside nginx without blocking its worker: light threads sleep, and the pump moves their
-- transfers. Knows the phases in which nginx can yield, and how to tell whether a light thread
-- lives.

local pump = require "connectparticipant.driver.pump"

local driver = {
  -- If the pump has not rung within a second, the waiter polls once itself.
  longest = 1,
  longest_sleep = 1,
}

-- ngx.sleep(0) starves nginx's event loop, and its timers count in milliseconds.
local SHORTEST, LONGEST, GROWTH = 0.001, 0.010, 1.5

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

--- Sleeps for a moment that grows while nothing moves: where there is no pump.
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
--- then every light thread polls for itself.
---@return table|nil bell
function driver.bell()
  local found, semaphore = pcall(require, "ngx.semaphore")
  return found and setmetatable({ semaphore = semaphore.new(0) }, Bell) or nil
end

--- Has the pump move this loop's engine, and look soon; false where there is none.
---@param loop connectparticipant.Loop
---@return boolean
function driver.attend(loop)
  return pump.attend(loop, driver.bell)
end

--- Runs a function in a light thread of the request.
function driver.spawn(fn)
  return ngx.thread.spawn(fn)
end

--- Says every second that the coroutine of a job lives, while it is in a function of the caller's:
--- a light thread beside it looks, and dies with the request. nginx tells nobody else of a light
--- thread that was killed, or of a request that has ended.
---@param job connectparticipant.Job
---@return table|nil watch with `wake`, which ends it
function driver.watch(job)
  local bell, co = driver.bell(), job.co
  if not bell or not co then return nil end
  ngx.thread.spawn(function()
    while not job.ended do
      if coroutine.status(co) == "dead" then return job:abandon() end
      job.beat = job.loop.time
      bell:wait(1)
    end
  end)
  return bell
end

return driver
