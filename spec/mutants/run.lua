-- Applies each mutant of the lists beside this file to a copy of the sources, builds that, and runs
-- the specs that should notice; if none does, all of spec. A mutant that no spec notices is alive:
-- the promise that it breaks is not specified.
-- usage: run.lua [PATTERN]: only mutants whose file or promise contains it. NAMED=1: only the specs
-- that a mutant names, for writing a new one. SECONDS=n: begins no mutant after n seconds. Verdicts
-- are kept in build/mutants, and the next run goes on from there.
local LISTS = { "base", "http", "aws", "core", "calls", "fleet", "config", "cli", "nginx" }
local TREE, LOG, RESULTS = "build/mutants/tree", "build/mutants/log", "build/mutants/results"

-- Seconds, since a mutant can make a spec hang.
local LONGEST, LONGEST_WHOLE = 300, 1800

local only, is_quick = arg[1] or "", os.getenv "NAMED" ~= nil
local deadline = os.time() + (tonumber(os.getenv "SECONDS" or "") or math.huge)

local function run(...)
  local ok, _, status = os.execute(string.format(...))
  return ok == true or ok == 0, status
end

local function read(path)
  local file = io.open(path, "rb")
  if not file then return "" end
  local text = file:read "*a"
  file:close()
  return text
end

local function write(path, text, mode)
  local file = assert(io.open(path, mode or "wb"))
  assert(file:write(text))
  file:close()
end

-- Copies the files that git tracks or would add; nothing that was built.
local function copy_tree()
  assert(run("rm -rf %s && mkdir -p %s", TREE, TREE))
  assert(run([[{ git ls-files -z -co --exclude-standard 2>/dev/null ||
    find . -path ./build -prune -o -path ./.git -prune -o -type f -print0; } |
    tar --null --ignore-failed-read -T - -cf - | tar -xf - -C %s]], TREE))
end

local function specs_of(mutant)
  return (mutant[5]:gsub("%S+", function(word)
    return word:find "/$" and "spec/" .. word or "spec/" .. word .. "_spec.lua"
  end))
end

-- A hash of the mutant, the file that it changes and the specs that it names. As long as it is the
-- same, an earlier verdict holds.
local function key_of(mutant)
  local input = os.tmpname()
  write(input, ("%s\0%s\0%s\0%s"):format(mutant[2], mutant[3], mutant.lua, mutant.sanitize))
  local pipe = io.popen(("find %s %s -type f | LC_ALL=C sort | xargs cat %s | sha256sum"):format(
    mutant[1], specs_of(mutant), input))
  local key = pipe:read "*a":match "^%x+"
  pipe:close()
  os.remove(input)
  return key
end

-- The verdicts of earlier runs, by key.
local function remembered()
  local found = {}
  for key, verdict in read(RESULTS):gmatch "(%x+)\t([^\n]*)\n" do found[key] = verdict end
  return found
end

local function mutants()
  local found, known = {}, remembered()
  for _, name in ipairs(LISTS) do
    for _, mutant in ipairs(dofile("spec/mutants/" .. name .. ".lua")) do
      local path = mutant[1]
      if path:find(only, 1, true) or mutant[4]:find(only, 1, true) then
        mutant.key = key_of(mutant)
        mutant.verdict = known[mutant.key]
        found[#found + 1] = mutant
      end
    end
  end
  return found
end

local function inside(how, command, seconds)
  return run([[cd %s && env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u LUA_PATH -u LUA_CPATH %s \
    timeout -k 9 %d %s >../log 2>&1]], TREE, how, seconds, command)
end

-- Builds what has changed, and runs the specs.
local function test(mutant, specs, seconds)
  return inside(("SPEC='%s' %s"):format(specs, mutant.sanitize and "SANITIZE=1" or ""),
    "sh spec/support/test.sh " .. (mutant.lua or "5.4"), seconds)
end

local function is_built(mutant)
  return inside("", ("make -q LUA=%s SANITIZE=%s build"):format(mutant.lua or "5.4",
    mutant.sanitize and "1" or ""), LONGEST)
end

-- The text with the mutant's change, which must fit exactly one place.
local function changed(mutant, text)
  local from, to = mutant[2], mutant[3]
  local first, last = text:find(from, 1, true)
  if not first or text:find(from, last + 1, true) then return nil end
  return text:sub(1, first - 1) .. to .. text:sub(last + 1)
end

-- File and line of the first spec that failed; a crash or a timeout has none.
local function killer()
  return read(LOG):match "\n(spec/[%w_/]+_spec%.lua:%d+): " or "no spec came to its end"
end

-- A spec that fails without a mutant would kill every mutant, so each spec that kills one is run
-- once without any, too. On a busy machine it may time out, but hardly twice in a row.
local sound = {}
local function check_alone(mutant, specs, by)
  local path = by:match "^(.*):%d+$" or specs
  local key = path .. (mutant.lua or "") .. tostring(mutant.sanitize)
  if sound[key] then return end
  sound[key] = test(mutant, path, LONGEST) or test(mutant, path, LONGEST_WHOLE)
  if sound[key] then return end
  io.write(read(LOG), path, " fails without any mutant\n")
  os.exit(1)
end

-- Runs `specs` on the mutated sources: "killed by ...", "does not build", or `otherwise`.
local function try(mutant, specs, seconds, otherwise)
  local path = TREE .. "/" .. mutant[1]
  local text = read(path)
  write(path, changed(mutant, text))
  local found = otherwise
  local killed = not test(mutant, specs, seconds)
  local by = killed and killer()
  if killed then found = is_built(mutant) and "killed by " .. by or "does not build" end
  write(path, text)
  if killed then check_alone(mutant, specs, by) end
  return found
end

local function tell(mutant)
  print(("%-12s %s: %s (%s)"):format(mutant.verdict:match "^killed" or "ALIVE", mutant[1],
    mutant[4], mutant.verdict))
  io.stdout:flush()
end

local function settle(mutant, verdict)
  mutant.verdict = verdict
  -- A build that a busy machine did not finish in time may do so the next time.
  if verdict ~= "does not build" then
    write(RESULTS, mutant.key .. "\t" .. verdict .. "\n", "ab")
  end
  if verdict ~= "escapes" or is_quick then tell(mutant) end
end

-- Calls `action` for each mutant that has this verdict (nil: none yet), until the time is over.
local function each(list, verdict, action)
  for _, mutant in ipairs(list) do
    if mutant.verdict == verdict and os.time() < deadline then action(mutant) end
  end
end

local function try_all(list)
  local pending = {}
  each(list, nil, function(mutant)
    if changed(mutant, read(mutant[1])) then
      pending[#pending + 1] = mutant
    else
      mutant.verdict = "does not fit"
      tell(mutant)
    end
  end)
  each(pending, nil, function(mutant)
    settle(mutant, try(mutant, specs_of(mutant), LONGEST, "escapes"))
  end)
  if is_quick then return end
  each(list, "escapes", function(mutant)
    settle(mutant, try(mutant, "spec", LONGEST_WHOLE, "lives"))
  end)
end

local function count(list)
  local killed, left = 0, 0
  for _, mutant in ipairs(list) do
    local verdict = mutant.verdict
    if not verdict or verdict == "escapes" and not is_quick then
      left = left + 1
    elseif verdict:find "^killed" then
      killed = killed + 1
    end
  end
  return killed, left
end

copy_tree()
local list = mutants()
local _, new = count(list)
if new < #list then print(("%d were tried before"):format(#list - new)) end
try_all(list)
run("rm -rf %s", TREE)
local killed, left = count(list)
print(("%d mutants, %d killed, %d alive%s"):format(#list, killed, #list - killed - left,
  left > 0 and (", %d not tried yet"):format(left) or ""))
os.exit(killed == #list and 0 or 1)
