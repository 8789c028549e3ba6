-- The gateway's file names: whatever a header or a form holds, a name that is accepted is UTF-8,
-- without folders and control characters, and survives the round trip through the header we write.
local corpus = require "spec.fuzz.corpus"
local name = require "connectparticipant.nginx.name"
local random = require "spec.fuzz.random"
local text = require "connectparticipant.emulator.text"

local NAMES = { "quoted", "token", "extended", "latin", "folders", "form", "override" }

local accepted = 0

local function check(given)
  if not given then return end
  assert(text.characters(given), "not UTF-8")
  local clean, problem = name.clean(given)
  if not clean then
    assert(problem and problem ~= "", "no reason")
    return
  end
  accepted = accepted + 1
  assert(text.characters(clean) and not clean:find "[%z\1-\31\127/\\]", "not clean")
  assert(not clean:find "^%s*$" and clean ~= "." and clean ~= "..", "no name")
  assert(name.clean(clean) == clean, "not clean at once")
  local header = name.disposition(clean, "attachment")
  assert(not header:find "[%z\1-\31\127-\255]", "cannot be sent")
  assert(name.of_disposition(header) == clean, "another name comes back: " .. header)
end

local function try(header)
  check(name.of_disposition(header))
  local parameters = name.parameters(header)
  if parameters then check(name.of_part(parameters)) end
  check(name.decode(header))
end

local seeds = {}
for index, seed in ipairs(NAMES) do
  seeds[index] = corpus.read("names", seed)
  try(seeds[index])
end

random.run("names", 3000, function(own)
  try(random.mutate(own, seeds[own:pick(#seeds)], 6))
end)
assert(accepted > 100, "hardly any name is accepted")
