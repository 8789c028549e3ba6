-- What `make lint` demands of the structure: lower layers never know higher ones, in C and in Lua;
-- no cycles; files and functions that a reader can hold in the head. Prints what is wrong.
local LONGEST_FILE, LONGEST_FUNCTION = 400, 50

local problems = 0
local function problem(...)
  problems = problems + 1
  print(string.format(...))
end

local function lines_of(path)
  local lines = {}
  for line in io.lines(path) do lines[#lines + 1] = line end
  return lines
end

local function files(command)
  local list, pipe = {}, io.popen(command)
  for path in pipe:lines() do list[#list + 1] = path end
  pipe:close()
  return list
end

-- C: a folder includes its own headers and those of the folders before it.
local C_ORDER = { "base", "http", "aws", "lua" }
local C_RANK = {}
for rank, name in ipairs(C_ORDER) do C_RANK[name] = rank end

-- Headers of libraries that only some folders may know.
local FOREIGN = { lua = "^l[au][aux]", curl = "^curl/" }
local MAY_KNOW = { lua = { lua = true }, curl = { http = true, lua = true } }

local function check_include(path, folder, number, line)
  local own = line:match('^#include "([^"]+)"')
  if own then
    local other = own:match "^(%w+)/"
    if not C_RANK[other] or C_RANK[other] > C_RANK[folder] then
      problem("%s:%d: csrc/%s must not include %s", path, number, folder, own)
    end
  end
  local foreign = line:match "^#include <([^>]+)>"
  for library, pattern in pairs(FOREIGN) do
    if foreign and foreign:find(pattern) and not MAY_KNOW[library][folder] then
      problem("%s:%d: csrc/%s must not know %s", path, number, folder, foreign)
    end
  end
end

-- A function begins at a line's start, and ends at the next line that is only its end.
local function check_functions(path, lines, is_start, last)
  local from
  for number, line in ipairs(lines) do
    if not from and is_start(line) then
      from = number
    elseif from and line == last then
      if number - from + 1 > LONGEST_FUNCTION then
        problem("%s:%d: a function of %d lines", path, from, number - from + 1)
      end
      from = nil
    end
  end
end

local DATA = { ["csrc/aws/model.c"] = true, ["lua/connectparticipant/types.lua"] = true }

local function check_file(path, lines)
  if #lines > LONGEST_FILE and not DATA[path] then
    problem("%s: %d lines", path, #lines)
  end
end

local function is_c_function(line)
  return line:find "^[%a_].*%)%s*{$" ~= nil or line:find "^ .*%) {$" ~= nil
end

for _, path in ipairs(files "find csrc -name '*.[ch]' | sort") do
  local lines, folder = lines_of(path), path:match "^csrc/(%w+)/"
  check_file(path, lines)
  for number, line in ipairs(lines) do check_include(path, folder, number, line) end
  check_functions(path, lines, is_c_function, "}")
end

-- Lua: the same, from the lowest on. What is at the top of lua/connectparticipant has a rank, too.
local LUA_RANK = {}
for rank, names in ipairs { "core", "types error", "config", "driver", "run", "pace", "service",
  "attachment", "client", "init", "worker", "nginx", "emulator", "cli", "command" } do
  for name in names:gmatch "%w+" do LUA_RANK[name] = rank end
end

local requires = {}

local function check_requires(path, lines, module)
  local place = path:match "^lua/connectparticipant/(%w+)"
  requires[module] = {}
  for number, line in ipairs(lines) do
    local other = line:match 'require%s*%(?%s*"connectparticipant%.?([%w_.]*)"'
    if other then
      local above = other == "" and "init" or other:match "^%w+"
      if not LUA_RANK[above] then
        problem("%s:%d: %s has no place in the order of layers", path, number, above)
      elseif LUA_RANK[above] > LUA_RANK[place] then
        problem("%s:%d: %s must not require connectparticipant.%s", path, number, place, other)
      end
      -- What is required inside a function is not needed to load the module, but no less a tie.
      requires[module][other] = number
    end
  end
end

local function is_lua_function(line)
  return line:find "^local function " ~= nil or line:find "^function " ~= nil
end

for _, path in ipairs(files "find lua -name '*.lua' | sort") do
  local lines = lines_of(path)
  local module = path:match "^lua/connectparticipant/(.*)%.lua$":gsub("/", ".")
  module = module:gsub("^init$", ""):gsub("%.init$", "")
  check_file(path, lines)
  check_functions(path, lines, is_lua_function, "end")
  check_requires(path, lines, module)
end

local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

-- The benchmarks and the soak run seldom: a module that has moved would be noticed late.
local function check_spec(path, lines)
  for number, line in ipairs(lines) do
    for name in line:gmatch 'require%s*%(?%s*"([%w_.]+)"' do
      local place = name:gsub("^connectparticipant", "lua/%0"):gsub("%.", "/")
      local is_ours = name:find "^connectparticipant" or name:find "^spec%."
      if is_ours and name ~= "connectparticipant.core" and not exists(place .. ".lua")
        and not exists(place .. "/init.lua") then
        problem("%s:%d: there is no module %s", path, number, name)
      end
    end
  end
end

for _, path in ipairs(files "find spec -name '*.lua' | sort") do
  local lines = lines_of(path)
  check_file(path, lines)
  check_spec(path, lines)
end

local state = {}
local function visit(module, trail)
  if state[module] == "done" then return end
  if state[module] == "open" then
    problem("modules that require each other: %s -> %s", table.concat(trail, " -> "), module)
    return
  end
  state[module], trail[#trail + 1] = "open", module
  for other in pairs(requires[module] or {}) do visit(other, trail) end
  state[module], trail[#trail] = "done", nil
end
for module in pairs(requires) do visit(module, {}) end

os.exit(problems == 0 and 0 or 1)
