-- What the fuzzers know already, played again; and a few thousand rounds of those in Lua.
local process = require "spec.support.process"

local function replay(target)
  local program = os.tmpname()
  local made = process.run { "sh", "spec/fuzz/build.sh", target, program,
    env = { LD_PRELOAD = "" } }
  assert.equal(0, made.status, made.stderr)
  local played = process.run { "sh", "-c", program .. " spec/fuzz/corpus/" .. target .. "/*",
    env = { LD_PRELOAD = "" } }
  os.remove(program)
  assert.equal(0, played.status, played.stdout .. played.stderr)
  assert.truthy(tonumber(played.stdout:match "(%d+) inputs\n$") > 3, played.stdout)
end

describe("the fuzzers' corpus", function()
  for _, target in ipairs { "secrets", "answers", "requests", "urls", "wire" } do
    it("is played again by the target " .. target, function() replay(target) end)
  end

  for _, target in ipairs { "ini", "tables" } do
    it("is where the target " .. target .. " begins", function()
      local run = process.run { process.lua, "spec/fuzz/" .. target .. ".lua" }
      assert.equal(0, run.status, run.stdout .. run.stderr)
      assert.truthy(run.stdout:find("Done", 1, true))
    end)
  end
end)
