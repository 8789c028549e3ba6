-- Notes each line of lua/connectparticipant that runs. `make coverage` has every file of a copy of
-- the sources load this first, in whatever process and Lua: the specs', the command's, nginx's.
-- Called with the directory of the sources and the one for what is noted.
local root, out = ...

-- So many are written at once: a process that is killed loses the last ones.
local BATCH = 32

if rawget(_G, "connectparticipant_coverage") then return end
rawset(_G, "connectparticipant_coverage", true)

local getinfo, sethook, open = debug.getinfo, debug.sethook, io.open
local prefix = "^@" .. root:gsub("%p", "%%%0") .. "/lua/"
local pending, count = {}, 0
-- By function: the lines of its file that have run; false for what is no file of ours.
local known, files = setmetatable({}, { __mode = "k" }), {}

local function flush()
  if count == 0 then return end
  local file = open(("%s/%s"):format(out, tostring(known):match "0x(%x+)"), "a")
  if not file then return end -- there may be no descriptor left
  file:write(table.concat(pending, "", 1, count))
  file:close()
  count = 0
end

-- The file of a function, below lua/; nil for what is none of ours.
local function file_of(fn)
  local source = getinfo(fn, "S").source
  return source:find(prefix) and source:gsub(prefix, "") or source:match "^@lua/(.*)$"
    or source:match "^@%./lua/(.*)$"
end

local function lines_of(fn)
  local name = file_of(fn)
  if not name then return false end
  files[name] = files[name] or { name = name }
  return files[name]
end

local function on_line(_, line)
  local fn = getinfo(2, "f").func
  local lines = known[fn]
  if lines == nil then
    lines = lines_of(fn)
    known[fn] = lines
  end
  if not lines or lines[line] then return end
  lines[line] = true
  count = count + 1
  pending[count] = ("%s:%d\n"):format(lines.name, line)
  if count >= BATCH then flush() end
end

local jit = rawget(_G, "jit")
if jit then jit.off() end -- compiled code calls no hook
-- Coroutines have their maker's hook, except in LuaJIT, where there is one for all.
sethook(on_line, "l")
local main = debug.getregistry()[1]
if type(main) == "thread" then sethook(main, on_line, "l") end

-- When the state is closed, however long it has lived.
local exit = os.exit
function os.exit(...) -- luacheck: ignore
  flush()
  return exit(...)
end
local proxy = rawget(_G, "newproxy")
local guard = proxy and proxy(true) or setmetatable({}, { __gc = flush })
if proxy then getmetatable(guard).__gc = flush end
rawset(_G, "connectparticipant_coverage", guard)
