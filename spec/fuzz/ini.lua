-- Config files: whatever they hold, reading raises no error, the kind of line ends changes nothing,
-- and what is reported does not quote them.
local corpus = require "spec.fuzz.corpus"
local ini = require "connectparticipant.config.ini"
local random = require "spec.fuzz.random"

local NAMES = { "broken", "bytes", "further", "profiles", "quotes" }
local WANTED = { region = true, ["connectparticipant.endpoint_url"] = true, ["nested.x"] = true }
local PROBLEMS = "^line %d+: [%a ,'=%-%[%]]+$"

local function shown(file)
  local lines = { tostring(file.problem) }
  for kind, group in pairs { profile = file.profiles, services = file.services } do
    for name, section in pairs(group) do
      for key, value in pairs(section.values) do
        assert(WANTED[key], "an unwanted key")
        assert(type(value) == "string" and type(section.lines[key]) == "number", "a value")
        lines[#lines + 1] = ("%s %q %s %q %d"):format(kind, name, key, value, section.lines[key])
      end
    end
  end
  table.sort(lines)
  return table.concat(lines, "\n")
end

local function check(text, kind)
  local file = ini.parse(text, kind, WANTED)
  assert(not file.problem or file.problem:find(PROBLEMS), file.problem)
  local seen = shown(file)
  assert(seen == shown(ini.parse(text, kind, WANTED)), "twice the same")
  local plain = text:gsub("\r\n?", "\n")
  assert(seen == shown(ini.parse(plain, kind, WANTED)), "other ends of lines")
  assert(seen == shown(ini.parse((plain:gsub("\n", "\r\n")), kind, WANTED)), "CRLF")
end

local seeds = {}
for index, name in ipairs(NAMES) do
  seeds[index] = corpus.read("ini", name)
  for _, kind in ipairs { "config", "credentials" } do check(seeds[index], kind) end
end

random.run("ini", 2000, function(own)
  local text = random.mutate(own, seeds[own:pick(#seeds)], 6)
  check(text, own:pick(3) == 1 and "credentials" or "config")
end)
