--- How to wait where nothing else wants to run: the thread sleeps until something can move.

local core = require "connectparticipant.core"

---@class connectparticipant.Driver
---@field wait fun(engine: userdata, seconds: number) returns at the latest after so many seconds
---@field sleep fun(seconds: number)
local blocking = {}

-- The longest sleep of an engine; whoever has a deadline asks for less.
function blocking.wait(engine, seconds)
  engine:wait(seconds)
end

function blocking.sleep(seconds)
  core.sleep(seconds)
end

return blocking
