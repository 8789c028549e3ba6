--- How to wait inside nginx: light threads sleep, and the worker serves others meanwhile. One pump
-- moves all transfers of a client, so that a thousand in flight cost one timer.

local ngx_driver = {}

-- nginx can sleep for a millisecond at least; ngx.sleep(0) would starve its event loop.
local SHORTEST, LONGEST, GROWTH = 0.001, 0.010, 1.5
-- How long a light thread trusts the pump before it looks for itself.
local TRUST = 1

-- The phases in which a light thread may yield.
local YIELDING = {
  rewrite = true, server_rewrite = true, access = true, content = true, timer = true,
  ssl_cert = true, ssl_client_hello = true, ssl_session_fetch = true, preread = true,
}

--- Whether this Lua runs inside an nginx worker, and not in a thread of its pool.
function ngx_driver.is_here()
  local ngx = rawget(_G, "ngx")
  return type(ngx) == "table" and type(ngx.sleep) == "function"
    and type(ngx.get_phase) == "function"
end

-- Steps the engine for as long as anyone waits for it; short sleeps while something moves.
local function run(_, pump, client)
  local pause = SHORTEST
  while next(client.parked) and not client.closed do
    pause = client:step() and SHORTEST or math.min(pause * GROWTH, LONGEST)
    pump.bell:wait(pause)
  end
  pump.running = false
end

-- True when the pump runs; nginx makes no timers any more when a worker is about to end.
local function start(pump, client)
  if pump.running then
    if pump.bell:count() < 1 then pump.bell:post(1) end
    return true
  end
  pump.running = ngx.timer.at(0, run, pump, client) ~= nil
  return pump.running
end

local Waiter = {}
Waiter.__index = Waiter

function Waiter:wake()
  self.bell:post(1)
end

-- Without semaphores every light thread steps the engine by itself.
local function new_driver()
  local found, semaphore = pcall(require, "ngx.semaphore")
  local driver, pause = {}, SHORTEST
  function driver.wait(_, seconds)
    ngx.sleep(math.max(SHORTEST, math.min(pause, seconds)))
    pause = math.min(pause * GROWTH, LONGEST)
  end
  function driver.moved()
    pause = SHORTEST
  end
  function driver.sleep(seconds)
    ngx.sleep(math.max(seconds, SHORTEST))
  end
  if not found then return driver end
  local pump = { bell = semaphore.new(0), running = false }
  function driver.park(client, exchange, seconds)
    client:step()
    if exchange:state() ~= "run" then return end
    local id, waiter = exchange:id(), setmetatable({ bell = semaphore.new(0) }, Waiter)
    client.parked[id] = waiter
    if start(pump, client) then
      waiter.bell:wait(math.max(SHORTEST, seconds or TRUST))
    else
      driver.wait(client.engine, seconds or TRUST)
    end
    client.parked[id] = nil
  end
  -- For `map`, which waits for any of its transfers.
  function driver.rest(client, crew, seconds)
    crew.bell = crew.bell or semaphore.new(0)
    crew.on_wake = function()
      if crew.bell:count() < 1 then crew.bell:post(1) end
    end
    client:step()
    if crew.first <= crew.last then return end
    if next(client.parked) and start(pump, client) then
      crew.bell:wait(math.max(SHORTEST, seconds))
    else
      driver.wait(client.engine, seconds)
    end
  end
  return driver
end

--- The driver of a client for the current phase; nil and a sentence where nginx cannot wait.
---@param client connectparticipant.Client
---@return connectparticipant.Driver|nil
---@return string|nil problem
function ngx_driver.choose(client)
  if not ngx_driver.is_here() then
    return nil, 'driver = "ngx" needs an nginx worker'
  end
  local phase = ngx.get_phase()
  if not YIELDING[phase] then
    return nil, ("nginx cannot wait in its phase '%s'; call from rewrite, access, content or a"
      .. ' timer, or ask for driver = "blocking"'):format(phase)
  end
  client.ngx_driver = client.ngx_driver or new_driver()
  return client.ngx_driver
end

return ngx_driver
