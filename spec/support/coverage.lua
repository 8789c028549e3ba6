-- Runs the specs on Lua 5.4, and nginx's on LuaJIT, in a copy of the sources that counts. Tells
-- which lines and branches of C, and which lines of Lua, nothing has run; fails below the least
-- that is asked for. `make coverage` runs it. SPEC: only some of the specs; AGAIN: added to what
-- earlier ones have run; REPORT: only tells.
local cjson = require "cjson"

local LEAST = { { "C lines", 95 }, { "C branches", 85 }, { "Lua lines", 95 } }
local PLACE = "build/coverage"
local TREE, NOTED, EXTRA = PLACE .. "/tree", PLACE .. "/lines", PLACE .. "/extra"

local function run(...)
  local ok, _, status = os.execute(string.format(...))
  return ok == true or ok == 0, status
end

local function output(...)
  local pipe = io.popen(string.format(...))
  local text = pipe:read "*a"
  pipe:close()
  return text
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  file:close()
end

local root = output("pwd"):match "[^\n]+"

-- A compiler whose programs count, too: specs compile some that lack memory. The notes of what is
-- not in the build's own folder go to one of ours.
local COMPILER = [[
#!/bin/sh
case "$*" in
*" -c "*) exec /usr/bin/cc "$@" ;;
*-fsanitize=*) exec /usr/bin/cc "$@" ;;
*csrc/*.c*) mkdir -p %s/$$ && exec /usr/bin/cc "$@" -O0 --coverage -dumpdir %s/$$/ ;;
*) exec /usr/bin/cc "$@" --coverage ;;
esac
]]

local FLAGS = "-O0 -g --coverage -fprofile-update=atomic -U_FORTIFY_SOURCE"

-- Each file of Lua loads the hook in its first line, whose number stays.
local function make_tree()
  assert(run("rm -rf %s && mkdir -p %s %s %s %s/bin", PLACE, TREE, NOTED, EXTRA, PLACE))
  assert(run("{ git ls-files -z -co --exclude-standard 2>/dev/null || find . -path ./build -prune "
    .. "-o -path ./.git -prune -o -type f -print0; } | tar --null --ignore-failed-read -T - -cf - "
    .. "| tar -xf - -C %s", TREE))
  local hook = ("assert(loadfile(%q))(%q, %q) "):format(root .. "/spec/support/line_hook.lua",
    root .. "/" .. TREE, root .. "/" .. NOTED)
  for path in output("find %s/lua -name '*.lua'", TREE):gmatch "[^\n]+" do
    local first, rest = read(path):match "^([^\n]*)(.*)$"
    -- A first line is a comment, and that of the command for the shell.
    write(path, (first:find "^#!" and first .. "\n" .. hook or hook .. first)
      .. (first:find "^#!" and rest:gsub("^\n[^\n]*", "") or rest))
  end
  local compiler = PLACE .. "/bin/cc"
  write(compiler, COMPILER:format(root .. "/" .. EXTRA, root .. "/" .. EXTRA))
  assert(run("chmod 755 %s", compiler))
end

local function test(lua, specs)
  return run("cd %s && env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u LUA_PATH -u LUA_CPATH -u CC "
    .. "PATH='%s/%s/bin':\"$PATH\" CFLAGS='%s' LDFLAGS=--coverage SPEC='%s' "
    .. "sh spec/support/test.sh %s", TREE, root, PLACE, FLAGS, specs, lua)
end

-- What one of gcov's notes tells, added to what others have told.
local function add_notes(found, name)
  for document in output("cd %s && gcov -b -j -t '%s' 2>/dev/null", TREE, name):gmatch "[^\n]+" do
    for _, file in ipairs(cjson.decode(document).files) do
      local path = file.file:match "csrc/.*$"
      local lines = path and (found[path] or {}) or {}
      if path then found[path] = lines end
      for _, line in ipairs(file.lines) do
        local known = lines[line.line_number] or { count = 0, branches = {} }
        lines[line.line_number] = known
        known.count = known.count + line.count
        for index, branch in ipairs(line.branches) do
          known.branches[index] = (known.branches[index] or 0) + branch.count
        end
      end
    end
  end
end

local function lines_of_c()
  local found = {}
  for name in output("find %s/%s/build %s/%s -name '*.gcda'", root, TREE, root, EXTRA)
    :gmatch "[^\n]+" do
    add_notes(found, name)
  end
  return found
end

-- Lines with instructions that only end what others began are none of their own.
local function is_code(text)
  return text:gsub("%-%-.*", ""):gsub("end", ""):gsub("else", ""):find "[^%s(){},;%]]" ~= nil
end

local function lines_of_lua()
  local found, ran = {}, {}
  for line in output("cat %s/* | sort -u", NOTED):gmatch "[^\n]+" do ran[line] = true end
  for path in output("cd %s && find lua -name '*.lua'", TREE):gmatch "[^\n]+" do
    local lines, texts, number = {}, {}, 0
    local place = TREE .. "/" .. path
    for text in (read(place) .. "\n"):gmatch "([^\n]*)\n" do
      number = number + 1
      texts[number] = text
    end
    for active in output("luac5.4 -p -l -l %s", place):gmatch "\n\t%d+\t%[(%d+)%]" do
      active = tonumber(active)
      if is_code(texts[active]) and not texts[active]:find("line_hook.lua", 1, true) then
        local key = ("%s:%d"):format(path:gsub("^lua/", ""), active)
        lines[active] = { count = ran[key] and 1 or 0, branches = {} }
      end
    end
    found[path] = lines
  end
  return found
end

-- Prints what has not run, file by file, and gives the sums.
local function tell(found)
  local paths, sum = {}, { lines = 0, run = 0, branches = 0, taken = 0 }
  for path in pairs(found) do paths[#paths + 1] = path end
  table.sort(paths)
  for _, path in ipairs(paths) do
    local numbers, missed = {}, {}
    for number in pairs(found[path]) do numbers[#numbers + 1] = number end
    table.sort(numbers)
    for _, number in ipairs(numbers) do
      local line, taken = found[path][number], 0
      for _, count in ipairs(line.branches) do if count > 0 then taken = taken + 1 end end
      sum.lines, sum.branches = sum.lines + 1, sum.branches + #line.branches
      sum.run, sum.taken = sum.run + (line.count > 0 and 1 or 0), sum.taken + taken
      if line.count == 0 then
        missed[#missed + 1] = ("%d"):format(number)
      elseif taken < #line.branches then
        missed[#missed + 1] = ("(%d)"):format(number)
      end
    end
    if #missed > 0 then print(("%s: %s"):format(path, table.concat(missed, " "))) end
  end
  return sum
end

if not os.getenv "REPORT" then
  if not os.getenv "AGAIN" then make_tree() end
  local specs = os.getenv "SPEC"
  if not specs then
    test("5.4", "spec")
    -- What is for nginx, and what forks, is run by LuaJIT.
    test("luajit", "spec/nginx spec/driver spec/worker_spec.lua spec/http/fork_spec.lua")
  else
    test((specs:find "nginx" or specs:find "fork") and "luajit" or "5.4", specs)
  end
end
print "Not run (a line in parentheses: not each way out of it):"
local c, lua = tell(lines_of_c()), tell(lines_of_lua())
local figures = { c.run / c.lines * 100, c.taken / c.branches * 100, lua.run / lua.lines * 100 }
local told, good = {}, true
for index, wanted in ipairs(LEAST) do
  told[index] = ("%s %.1f %% (at least %d)"):format(wanted[1], figures[index], wanted[2])
  good = good and figures[index] >= wanted[2]
end
print(table.concat(told, ", "))
os.exit(good and 0 or 1)
