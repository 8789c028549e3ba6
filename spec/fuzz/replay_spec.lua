-- Replays the fuzzers' corpus, and runs a few thousand rounds of those in Lua.
local files = require "spec.support.files"
local process = require "spec.support.process"

local function replay(target)
  local place = files.new()
  finally(function() place:remove() end)
  local program = place:path "target"
  local made = process.run { "sh", "spec/fuzz/build.sh", target, program,
    env = { LD_PRELOAD = "" } }
  assert.equal(0, made.status, made.stderr)
  process.run { "mkdir", place:path "seeds" }
  local written = process.run { process.lua, "spec/fuzz/corpus.lua", target, place:path "seeds" }
  assert.equal(0, written.status, written.stderr)
  local played = process.run { "sh", "-c", program .. " " .. place:path "seeds" .. "/*",
    env = { LD_PRELOAD = "" } }
  assert.equal(0, played.status, played.stdout .. played.stderr)
  assert.truthy(tonumber(played.stdout:match "(%d+) inputs\n$") > 3, played.stdout)
end

-- Those in C do not depend on a Lua, so one Lua's specs replay them.
local IN_C = { "secrets", "answers", "requests", "headers", "urls", "wire" }

describe("the fuzzers' corpus", function()
  for _, target in ipairs(process.thorough and IN_C or {}) do
    it("is played again by the target " .. target, function() replay(target) end)
  end

  for _, target in ipairs { "ini", "tables", "json", "names" } do
    it("is where the target " .. target .. " begins", function()
      local run = process.run { process.lua, "spec/fuzz/" .. target .. ".lua" }
      assert.equal(0, run.status, run.stdout .. run.stderr)
      assert.truthy(run.stdout:find("Done", 1, true))
    end)
  end
end)
