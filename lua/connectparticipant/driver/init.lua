-- Chooses how a client waits. The drivers themselves are beside this file.

local blocking = require "connectparticipant.driver.blocking"
local nginx = require "connectparticipant.driver.ngx"

local driver = {}

-- A host's own driver may run other coroutines meanwhile, and one of them may take the event that
-- this one waits for; so it never waits longer than this.
local HOST_LONGEST = 0.02

-- Nobody can wake what sleeps in a host's own driver, so it looks so often whether it still has to.
local HOST_LONGEST_SLEEP = 0.1

--- The driver for an option; without one, nginx's where nginx can sleep, else the blocking one.
---@param option? "blocking"|"ngx"|table
---@return table driver `wait(engine, seconds, idle)`, `sleep(seconds)`, `longest`,
--- `longest_sleep`; in nginx also `check`, `bell`, `attend`, `spawn`, `watch`
function driver.choose(option)
  if option == "blocking" then return blocking end
  if option == "ngx" then return nginx end
  if option == nil then return nginx.is_here() and nginx or blocking end
  return {
    wait = option.wait, sleep = option.sleep, longest = HOST_LONGEST,
    longest_sleep = HOST_LONGEST_SLEEP,
  }
end

return driver
