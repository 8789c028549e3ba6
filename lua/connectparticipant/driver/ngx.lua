-- The nginx driver: waits without blocking the worker. Light threads sleep while the pump steps
-- their engine. Also knows the phases that can yield, and watches whether a light thread is alive.

local core = require "connectparticipant.core"
local host = require "connectparticipant.driver.host"
local pump = require "connectparticipant.driver.pump"

local driver = {
  -- If the pump has not rung within a second, the waiter polls once itself.
  longest = 1,
  longest_sleep = 1,
}

-- Seconds between polls. At least 1 ms, the resolution of nginx's timers, because ngx.sleep(0)
-- starves its event loop.
local SHORTEST, LONGEST, GROWTH = 0.001, 0.010, 1.5

local MAY_YIELD = {
  server_rewrite = true, rewrite = true, access = true, content = true, timer = true,
}

--- Whether this Lua runs in nginx and can sleep, which nginx's worker threads cannot.
---@return boolean
function driver.is_here()
  local ngx = host.nginx()
  return ngx ~= nil and type(ngx.sleep) == "function" and type(ngx.get_phase) == "function"
end

--- Whether the current phase may yield.
---@return boolean|nil may
---@return string|nil problem for the caller
function driver.check()
  if not driver.is_here() then
    return nil, 'driver = "ngx" works inside an nginx worker only'
  end
  local phase = ngx.get_phase()
  if MAY_YIELD[phase] then return true end
  return nil, ("nginx cannot wait in its phase '%s'; call from rewrite, access, content or a timer,"
    .. ' or ask for driver = "blocking", which blocks the worker'):format(phase)
end

--- Polls, without a pump: sleeps for an interval that grows while nothing moves.
---@param _ userdata the engine
---@param seconds number at most this long
---@param idle integer how many waits in a row saw nothing move
function driver.wait(_, seconds, idle)
  local moment = math.min(LONGEST, SHORTEST * GROWTH ^ idle, seconds)
  ngx.sleep(math.max(SHORTEST, moment))
end

--- Sleeps while no exchange is in progress.
---@param seconds number
function driver.sleep(seconds)
  ngx.sleep(math.max(SHORTEST, seconds))
end

local Bell = {}
Bell.__index = Bell

--- Ends the current wait, or the next one.
function Bell:wake()
  if self.semaphore:count() < 1 then self.semaphore:post(1) end
end

function Bell:wait(seconds)
  self.semaphore:wait(math.max(SHORTEST, seconds))
end

-- For an nginx without ngx.semaphore, which comes with lua-resty-core: it looks whether it was
-- woken.
local PolledBell = {}
PolledBell.__index = PolledBell

function PolledBell:wake()
  self.woken = true
end

function PolledBell:wait(seconds)
  local moment, over = SHORTEST, core.now() + seconds
  repeat
    ngx.sleep(moment)
    moment = math.min(moment * GROWTH, LONGEST)
  until self.woken or core.now() >= over
  self.woken = false
end

--- What a light thread waits on while the pump moves its transfer.
---@return table bell
function driver.bell()
  local found, semaphore = pcall(require, "ngx.semaphore")
  if found then return setmetatable({ semaphore = semaphore.new(0) }, Bell) end
  return setmetatable({ woken = false }, PolledBell)
end

--- Registers the loop with the pump and makes it step soon. False if the pump cannot run.
---@param loop connectparticipant.Loop
---@return boolean
function driver.attend(loop)
  return pump.attend(loop, driver.bell)
end

--- Call when the loop's engine was stepped by another than the pump, who does not wait now.
---@param loop connectparticipant.Loop
function driver.revise(loop)
  pump.revise(loop)
end

--- Runs a function in a light thread of the request.
function driver.spawn(fn)
  return ngx.thread.spawn(fn)
end

--- Ends a light thread that the current coroutine has made, and frees it: nginx keeps one that has
--- ended until its parent ends, too.
---@return boolean whether it was running
function driver.kill(thread)
  local ok, killed = pcall(ngx.thread.kill, thread)
  return ok and killed == true
end

--- Tells one request or timer from another: nginx reuses the coroutines that it has killed.
---@return table
function driver.scene()
  return ngx.ctx
end

local Watch = {}
Watch.__index = Watch

function Watch:wake()
  if not driver.kill(self.thread) then self.bell:wake() end
end

--- Watches a job's coroutine while it runs a function of the caller's: a light thread refreshes the
--- job's heartbeat every second while the coroutine lives, and abandons the job once it is dead.
--- nginx does not notify us of a killed light thread; when the request ends, the watching thread
--- ends, too, and the heartbeat stops.
---@param job connectparticipant.Job
---@return table|nil watch call its `wake` to end it
function driver.watch(job)
  local bell, co = driver.bell(), job.key
  if type(co) ~= "thread" then return nil end
  local thread = ngx.thread.spawn(function()
    while job.loop.alive[job] do
      if coroutine.status(co) == "dead" then return job:lost() end
      job.beat = job.loop.time
      bell:wait(1)
    end
  end)
  return setmetatable({ thread = thread, bell = bell }, Watch)
end

return driver
