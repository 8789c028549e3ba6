-- Runs other programs to their end. Every word is quoted, so that none is taken for a command.
local core = require "connectparticipant.core"

local process = {}

function process.quote(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

-- run { words..., env = { NAME = value }, stdin = text, cwd = directory } ->
-- { status, stdout, stderr }
function process.run(command)
  local words = { "env" }
  for name, value in pairs(command.env or {}) do
    words[#words + 1] = process.quote(name .. "=" .. value)
  end
  for _, word in ipairs(command) do words[#words + 1] = process.quote(word) end
  local out, err, input = os.tmpname(), os.tmpname(), os.tmpname()
  local file = assert(io.open(input, "wb"))
  file:write(command.stdin or "")
  file:close()
  local line = ("cd %s && %s <%s >%s 2>%s; echo $?"):format(process.quote(command.cwd or "."),
    table.concat(words, " "), input, out, err)
  local pipe = io.popen(line)
  local status = tonumber(pipe:read "*l")
  pipe:close()
  local result = { status = status, stdout = read(out), stderr = read(err) }
  os.remove(out)
  os.remove(err)
  os.remove(input)
  return result
end

-- The open descriptors of this process, as a list of "NUMBER -> what".
function process.descriptors()
  local listed = process.run { "find", ("/proc/%d/fd"):format((core.pid())), "-type", "l",
    "-printf", "%f -> %l\\n" }
  local list = {}
  for line in listed.stdout:gmatch "[^\n]+" do list[#list + 1] = line end
  table.sort(list)
  return list
end

-- An object that calls a function when it is collected, which is at the end of this process at the
-- latest, but not in a child that was forked. Tables of Lua 5.1 have no __gc.
function process.guard(action)
  local owner, proxy = (core.pid()), rawget(_G, "newproxy")
  local guard = proxy and proxy(true) or {}
  local metatable = proxy and getmetatable(guard) or {}
  function metatable.__gc()
    if (core.pid()) == owner then action() end
  end
  return proxy and guard or setmetatable(guard, metatable)
end

-- The interpreter that runs these specs, and the path of this checkout.
process.lua = os.getenv "LUA_PROGRAM" or "lua"
process.abi = os.getenv "LUA_ABI" or "5.4"
-- Whether to ask what takes long and hardly depends on a Lua: where several Luas run the specs, one
-- of them asks.
process.thorough = os.getenv "THOROUGH" ~= "no"
-- Whether the module was built without what only Linux has (make POLL=1).
process.portable = (os.getenv "POLL" or "") ~= ""
process.root = (function()
  local pipe = io.popen "pwd"
  local line = pipe:read "*l"
  pipe:close()
  return line
end)()

return process
