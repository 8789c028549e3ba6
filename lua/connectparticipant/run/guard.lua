-- pcall that lets the called function yield on every Lua. Nothing else.

local create, resume = coroutine.create, coroutine.resume
local running, status, yield = coroutine.running, coroutine.status, coroutine.yield

local guard = {}

--- Whether pcall, metamethods and iterators may yield in this Lua: 5.1 cannot, LuaJIT and every
--- later Lua can. Not tried out: inside nginx a coroutine cannot run while a module loads.
guard.yields = _VERSION ~= "Lua 5.1" or rawget(_G, "jit") ~= nil

-- Passes what the helper yields on to whoever runs us, and what comes back to the helper.
local function relay(helper, ok, ...)
  if not ok or status(helper) == "dead" then return ok, ... end
  return relay(helper, resume(helper, yield(...)))
end

--- As pcall(fn, ...), but `fn` may yield where the caller may.
---@param adopt? fun(helper: thread) told of the coroutine that `fn` runs in, if it gets its own
---@param fn function
---@return boolean ok
---@return any ...
function guard.call(adopt, fn, ...)
  if guard.yields or not running() then return pcall(fn, ...) end
  local helper = create(fn)
  if adopt then adopt(helper) end
  return relay(helper, resume(helper, ...))
end

return guard
