--- `pcall` for functions that may yield, also on Lua 5.1, where nothing can yield across pcall.
-- Callers' functions run under it, so that what they raise is passed on after cleaning up.

-- 5.2 and later and LuaJIT can; this asks the Lua that runs.
local can_yield = coroutine.wrap(function()
  return (pcall(coroutine.yield, true))
end)() == true

if can_yield then return pcall end

-- Runs the function in a coroutine of its own, and passes its yields on.
local function pass(routine, ok, ...)
  if not ok then return false, ... end
  if coroutine.status(routine) == "dead" then return true, ... end
  return pass(routine, coroutine.resume(routine, coroutine.yield(...)))
end

---@param fn function
---@return boolean ok
---@return any ... what `fn` returned, or what it raised
return function(fn, ...)
  local routine = coroutine.create(fn)
  return pass(routine, coroutine.resume(routine, ...))
end
