-- Applies each mutant of the lists beside this file to a copy of the sources, builds that, and runs
-- the specs that should find it out; where they do not, all of spec. A mutant that no spec finds
-- lives: the promise that it breaks is not specified.
-- usage: run.lua [PATTERN]: only mutants whose file or promise has it. NAMED=1: only the specs that
-- a mutant names, for whoever writes one.
local LISTS = { "base", "http", "aws", "core", "calls", "config", "cli" }
local TREE, LOG = "build/mutants/tree", "build/mutants/log"

-- A mutant may well hang what it breaks: seconds.
local LONGEST, LONGEST_WHOLE = 90, 1800

local only, is_quick = arg[1] or "", os.getenv "NAMED" ~= nil

local function run(...)
  local ok, _, status = os.execute(string.format(...))
  return ok == true or ok == 0, status
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

-- What is tracked, and what could be; nothing that was built.
local function copy_tree()
  assert(run("rm -rf %s && mkdir -p %s", TREE, TREE))
  assert(run([[{ git ls-files -z -co --exclude-standard 2>/dev/null ||
    find . -path ./build -prune -o -path ./.git -prune -o -type f -print0; } |
    tar --null --ignore-failed-read -T - -cf - | tar -xf - -C %s]], TREE))
end

local function mutants()
  local found = {}
  for _, name in ipairs(LISTS) do
    for _, mutant in ipairs(dofile("spec/mutants/" .. name .. ".lua")) do
      local path = mutant[1]
      if path:find(only, 1, true) or mutant[4]:find(only, 1, true) then
        found[#found + 1] = mutant
      end
    end
  end
  return found
end

local function specs_of(mutant)
  return (mutant[5]:gsub("%S+", function(word)
    return word:find "/$" and "spec/" .. word or "spec/" .. word .. "_spec.lua"
  end))
end

local function inside(how, command, seconds)
  return run([[cd %s && env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u LUA_PATH -u LUA_CPATH %s \
    timeout -k 9 %d %s >../log 2>&1]], TREE, how, seconds, command)
end

-- This builds what has changed.
local function test(mutant, specs, seconds)
  return inside(("SPEC='%s' %s"):format(specs, mutant.sanitize and "SANITIZE=1" or ""),
    "sh spec/support/test.sh " .. (mutant.lua or "5.4"), seconds)
end

local function is_built(mutant)
  return inside("", ("make -q LUA=%s SANITIZE=%s build"):format(mutant.lua or "5.4",
    mutant.sanitize and "1" or ""), LONGEST)
end

-- A spec that fails anyway would kill every mutant.
local function check_specs(list)
  local wanted, seen = {}, {}
  for _, mutant in ipairs(list) do
    local how = (mutant.lua or "5.4") .. tostring(mutant.sanitize)
    wanted[how] = wanted[how] or { mutant = mutant, specs = {} }
    for spec in specs_of(mutant):gmatch "%S+" do
      if not seen[how .. spec] then table.insert(wanted[how].specs, spec) end
      seen[how .. spec] = true
    end
  end
  for _, one in pairs(wanted) do
    if not test(one.mutant, table.concat(one.specs, " "), LONGEST_WHOLE) then
      io.write(read(LOG), "these specs fail without any mutant\n")
      os.exit(1)
    end
  end
end

-- The text with the mutant's change, which must fit exactly one place.
local function changed(mutant, text)
  local from, to = mutant[2], mutant[3]
  local first, last = text:find(from, 1, true)
  if not first or text:find(from, last + 1, true) then return nil end
  return text:sub(1, first - 1) .. to .. text:sub(last + 1)
end

local function verdict(mutant)
  if not test(mutant, specs_of(mutant), LONGEST) then
    return is_built(mutant) and "killed" or "does not build"
  end
  if is_quick then return "LIVES" end
  return test({}, "spec", LONGEST_WHOLE) and "LIVES" or "killed by others"
end

local function try(mutant)
  local path = TREE .. "/" .. mutant[1]
  local text = read(path)
  local mutated = changed(mutant, text)
  if not mutated then return "does not fit" end
  write(path, mutated)
  local found = verdict(mutant)
  write(path, text)
  return found
end

copy_tree()
local list, count = mutants(), {}
check_specs(list)
for _, mutant in ipairs(list) do
  local found = try(mutant)
  count[found] = (count[found] or 0) + 1
  print(("%-16s %s: %s"):format(found, mutant[1], mutant[4]))
  io.stdout:flush()
end
run("rm -rf %s", TREE)
local killed, others = count.killed or 0, count["killed by others"] or 0
print(("%d mutants: %d killed by the specs named, %d by others, %d live, %d do not fit or build")
  :format(#list, killed, others, count.LIVES or 0,
    (count["does not fit"] or 0) + (count["does not build"] or 0)))
os.exit(killed + others == #list and 0 or 1)
