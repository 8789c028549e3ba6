-- A pcall whose function may yield on every Lua, and that detects when its coroutine is closed.

local create, resume = coroutine.create, coroutine.resume
local running, status, yield = coroutine.running, coroutine.status, coroutine.yield

local guard = {}

--- Whether functions may yield across pcall, metamethods and iterators: not in 5.1, but in LuaJIT
--- and every later Lua. Decided by version, because a coroutine cannot run while nginx loads a
--- module.
guard.yields = _VERSION ~= "Lua 5.1" or package.loaded.jit ~= nil

-- coroutine.close (Lua 5.4) closes a coroutine's to-be-closed variables. Older Luas cannot parse
-- the syntax that declares one, so compile it from a string.
local compile = rawget(_G, "loadstring") or load
local closing = rawget(coroutine, "close") and compile [[
  local pcall = pcall
  return function(scope, fn, ...)
    local closing <close> = scope
    return scope:returned(pcall(fn, ...))
  end
]]
local pcall_closing = closing and closing()

-- Yields what the helper yields, and resumes it with what comes back.
local function relay(helper, ok, ...)
  if not ok or status(helper) == "dead" then return ok, ... end
  return relay(helper, resume(helper, yield(...)))
end

-- Lua 5.1: maps each helper coroutine to the coroutine it runs for.
local hosts = setmetatable({}, { __mode = "kv" })

-- Lua 5.1: runs `fn` in a helper coroutine and relays its yields.
local function relayed(fn, ...)
  local helper, co = create(fn), running()
  hosts[helper] = hosts[co] or co
  return relay(helper, resume(helper, ...))
end

--- The current coroutine, or the one that a helper runs for; nil in the main coroutine.
---@return thread|nil
function guard.running()
  local co, main = running()
  if not co or main then return nil end
  return hosts[co] or co
end

--- Like pcall(fn, ...), but `fn` may yield if the caller may. Use it in functions that call a
--- client inside `map`.
---@param fn function
---@return boolean ok
---@return any ...
function guard.pcall(fn, ...)
  if guard.yields or not running() then return pcall(fn, ...) end
  return relayed(fn, ...)
end

--- The same, but also detects when the coroutine is closed while `fn` runs.
---@param scope table has a method `returned(...)`, which must return its arguments and is called
--- when `fn` has returned, and a metamethod `__close`; if the coroutine is closed, only that runs
---@param co thread|nil the current coroutine, from `running`
---@param fn fun(a: any, b: any, c: any, d: any): any, any
---@return boolean ok
---@return any ...
function guard.call(scope, co, fn, a, b, c, d)
  if not co then return pcall(fn, a, b, c, d) end
  if pcall_closing then return pcall_closing(scope, fn, a, b, c, d) end
  return guard.pcall(fn, a, b, c, d)
end

return guard
