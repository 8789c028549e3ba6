--- How to wait inside nginx: light threads sleep, and the worker serves others meanwhile.

local ngx_driver = {}

-- nginx can sleep for a millisecond at least; ngx.sleep(0) would starve its event loop.
local SHORTEST, LONGEST, GROWTH = 0.001, 0.010, 1.5

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

-- Sleeps a little longer each time nothing moves; every client keeps its own pace.
local function new_driver()
  local pause = SHORTEST
  local driver = {}
  function driver.wait(_, seconds)
    ngx.sleep(math.min(pause, math.max(seconds, SHORTEST)))
    pause = math.min(pause * GROWTH, LONGEST)
  end
  function driver.moved()
    pause = SHORTEST
  end
  function driver.sleep(seconds)
    ngx.sleep(math.max(seconds, SHORTEST))
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
