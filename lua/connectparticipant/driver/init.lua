-- Chooses the driver, which decides how a client waits.

local blocking = require "connectparticipant.driver.blocking"
local host = require "connectparticipant.driver.host"

local driver = {}

-- While a host's own driver waits it may run other coroutines, and one of them may consume the
-- event that this one waits for. So waits are at most this long, in seconds.
local HOST_LONGEST = 0.02

-- A sleep in a host's own driver cannot be interrupted, so it is split into sleeps of this many
-- seconds, with a check in between whether to go on.
local HOST_LONGEST_SLEEP = 0.1

--- The driver for the option `driver`. By default nginx's where ngx.sleep exists, else the blocking
--- one.
---@param option? "blocking"|"ngx"|table
---@return table driver `wait(engine, seconds, idle)`, `sleep(seconds)`, `longest`,
--- `longest_sleep`; in nginx also `check`, `bell`, `attend`, `revise`, `spawn`, `watch`
function driver.choose(option)
  if option == "ngx" or option == nil and host.nginx() then
    local nginx = require "connectparticipant.driver.ngx"
    if option == "ngx" or nginx.is_here() then return nginx end
  end
  if option == nil or option == "blocking" then return blocking end
  return {
    wait = option.wait, sleep = option.sleep, longest = HOST_LONGEST,
    longest_sleep = HOST_LONGEST_SLEEP,
  }
end

return driver
