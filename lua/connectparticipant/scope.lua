--- What a flow holds open while it runs, closed however it ends: by itself, by a callback that
-- raises, or with the map it runs in.

local guard = require "connectparticipant.guard"
local many = require "connectparticipant.many"

local scope = {}

---@class connectparticipant.Scope
local Scope = {}
Scope.__index = Scope

--- Closes the resource at the end; exchanges are cancelled, which does nothing to one that is done.
function Scope:hold(resource)
  self[#self + 1] = resource
  return resource
end

function Scope:close()
  for index = #self, 1, -1 do
    local resource = self[index]
    self[index] = nil
    local close = resource.close or resource.discard or resource.cancel
    close(resource)
  end
end

local function finish(held, ok, ...)
  held:close()
  if not ok then error((...), 0) end
  return ...
end

--- Runs `fn(scope)` and closes what it held.
function scope.run(client, fn)
  local held = setmetatable({}, Scope)
  local task = many.current(client)
  if not task then return finish(held, guard(fn, held)) end
  task:own(held)
  return finish(held, guard(function()
    -- On Lua 5.1 the guard runs this in a coroutine of its own.
    task:adopt(coroutine.running())
    return fn(held)
  end))
end

return scope
