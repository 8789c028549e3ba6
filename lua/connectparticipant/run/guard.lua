-- pcall that lets the called function yield on every Lua, and that notices a coroutine which is
-- closed in the middle. Nothing else.

local create, resume = coroutine.create, coroutine.resume
local running, status, yield = coroutine.running, coroutine.status, coroutine.yield

local guard = {}

--- Whether pcall, metamethods and iterators may yield in this Lua: 5.1 cannot, LuaJIT and every
--- later Lua can. Not tried out: inside nginx a coroutine cannot run while a module loads.
guard.yields = _VERSION ~= "Lua 5.1" or rawget(_G, "jit") ~= nil

-- coroutine.close, of Lua 5.4, unwinds a coroutine by closing its variables, and only its own
-- syntax declares one.
local compile = rawget(_G, "loadstring") or load
local closing = rawget(coroutine, "close") and compile [[
  local pcall = pcall
  return function(scope, fn, ...)
    local closing <close> = scope
    return scope:returned(pcall(fn, ...))
  end
]]
local pcall_closing = closing and closing()

-- Passes what the helper yields on to whoever runs us, and what comes back to the helper.
local function relay(helper, ok, ...)
  if not ok or status(helper) == "dead" then return ok, ... end
  return relay(helper, resume(helper, yield(...)))
end

-- Lua 5.1: the coroutines made here, to the one that each stands for.
local hosts = setmetatable({}, { __mode = "kv" })

-- Lua 5.1: `fn` runs in a coroutine of its own, whose yields are handed on.
local function relayed(fn, ...)
  local helper, co = create(fn), running()
  hosts[helper] = hosts[co] or co
  return relay(helper, resume(helper, ...))
end

--- The current coroutine, or the one that it stands for; nil in a program's main coroutine.
---@return thread|nil
function guard.running()
  local co, main = running()
  if not co or main then return nil end
  return hosts[co] or co
end

--- As pcall(fn, ...), but `fn` may yield where the caller may: the `pcall` for functions that call
--- a client inside `map`.
---@param fn function
---@return boolean ok
---@return any ...
function guard.pcall(fn, ...)
  if guard.yields or not running() then return pcall(fn, ...) end
  return relayed(fn, ...)
end

--- The same, which also notices when the coroutine is closed in the middle.
---@param scope table with `returned(...)`, which gives its arguments back; and a metamethod
--- `__close`, which runs without `returned` having been called where the coroutine is closed
---@param fn function
---@return boolean ok
---@return any ...
function guard.call(scope, fn, ...)
  if not pcall_closing or not guard.running() then return guard.pcall(fn, ...) end
  return pcall_closing(scope, fn, ...)
end

return guard
