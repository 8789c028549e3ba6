--- An emulator in a child process: starts it, waits until it is ready, stops it.

local cjson = require "cjson.safe"
local control = require "connectparticipant.emulator.control"
local core = require "connectparticipant.core"
local shell = require "connectparticipant.emulator.shell"

local running = {}

---@class connectparticipant.emulator.Running
---@field endpoint string
---@field tls_endpoint string
---@field ca_file string
---@field participant_token string
---@field view_token string
---@field session_id string
---@field contact_id string
---@field directory string
---@field pid integer
---@field log_file string
local Running = {}
Running.__index = Running
control.extend(Running)

-- Stops the emulator when its table is collected, at the latest when the Lua state is closed:
-- otherwise closing the pipe would wait for the emulator, and the emulator for the end of this
-- process. Lua 5.1 has no __gc for tables.
local function end_with(self)
  local owner, proxy = (core.pid()), rawget(_G, "newproxy")
  local guard = proxy and proxy(true) or {}
  local metatable = proxy and getmetatable(guard) or {}
  function metatable.__gc()
    -- A forked child must not stop its parent's emulator.
    if (core.pid()) == owner then self:stop() end
  end
  return proxy and guard or setmetatable(guard, metatable)
end

--- Ends the emulator, and waits until it has ended.
function Running:stop()
  if not self.pipe then return end
  os.execute(("kill -TERM %d 2>/dev/null"):format(self.pid))
  self.pipe:read "*a"
  self.pipe:close()
  self.pipe = nil
end

-- For `local emulator <close> = ...` of Lua 5.4.
function Running.__close(self) self:stop() end

-- Finds the Lua interpreter that runs this: by /proc on Linux, elsewhere by its own arguments. In
-- another host, such as a web server, it is the `lua` in PATH.
local FIND_LUA = [[
lua=$(readlink "/proc/$PPID/exe" 2>/dev/null)
case ${lua##*/} in lua*) ;; *) lua=%s ;; esac
]]

local function named_interpreter()
  local program, index = "lua", -1
  local arguments = rawget(_G, "arg") or {}
  while arguments[index] do
    program, index = arguments[index], index - 1
  end
  return program
end

local function find_lua()
  local given = os.getenv "LUA_PROGRAM"
  if given and given ~= "" then return "lua=" .. shell.quote(given) .. "\n" end
  return FIND_LUA:format(shell.quote(named_interpreter()))
end

-- The program of the child. The options are literals in it, since Lua 5.1 and 5.2 set `arg` only
-- after they have run -e.
local CHILD = [[
package.path, package.cpath = %s, %s
local complete = require("connectparticipant.emulator.options").complete
local problem = require("connectparticipant.emulator.become")(complete(%s))
io.stdout:write(problem, "\n")
os.exit(1)
]]

--- Runs an emulator in a process of its own, and waits until it is ready.
---@param options table checked
---@return connectparticipant.emulator.Running|nil
---@return string|nil problem
function running.start(options)
  local given = { json = true, admin = true, parent = (core.pid()) }
  for name, value in pairs(options) do given[name] = value end
  local code = CHILD:format(shell.literal(package.path), shell.literal(package.cpath),
    shell.literal(given))
  local pipe = io.popen(('%sexec "$lua" -e %s 2>&1 </dev/null'):format(find_lua(),
    shell.quote(code)))
  local line = pipe:read "*l"
  local told = line and line:sub(1, 1) == "{" and cjson.decode(line)
  if not told then
    local text = (line or "it said nothing") .. "\n" .. (pipe:read "*a" or "")
    pipe:close()
    return nil, "the emulator did not start: " .. text:gsub("%s+$", "")
  end
  told.pipe = pipe
  local whole = rawget(math, "tointeger") -- cjson returns a float
  told.pid = whole and whole(told.pid) or told.pid
  setmetatable(told, Running)
  told.guard = end_with(told)
  return told
end

return running
