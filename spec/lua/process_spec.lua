-- core.exec: the environment of the program that it starts, and of this one if that fails.
local core = require "connectparticipant.core"
local process = require "spec.support.process"

local function run(code, env)
  return process.run { process.lua, "-e", 'core = require "connectparticipant.core" ' .. code,
    env = env }
end

describe("core.exec", function()
  it("adds to the environment, and replaces what was there", function()
    local said = run([[core.exec("sh", { "-c", "echo $SPEC_OLD $SPEC_NEW $SPEC_KEPT" },
      { "SPEC_OLD=replaced", "SPEC_NEW=a=b" })]], { SPEC_OLD = "old", SPEC_KEPT = "kept" })
    assert.equal("replaced a=b kept\n", said.stdout)
    assert.equal(0, said.status)
  end)

  it("leaves one value of what it replaces, the new one", function()
    local said = run([[core.exec("env", {}, { "SPEC_OLD=replaced" })]], { SPEC_OLD = "old" })
    assert.truthy(said.stdout:find("SPEC_OLD=replaced", 1, true))
    assert.is_nil(said.stdout:find("SPEC_OLD=old", 1, true))
  end)

  it("leaves the environment alone when there is no such program", function()
    local said = run([[
      local name, value = "SPEC_" .. os.time(), ("x"):rep(100)
      print(core.exec("/nonexistent/program", {}, { name .. "=" .. value, "SPEC_OLD=new" }))
      name, value = name, nil
      collectgarbage()
      collectgarbage()
      print(os.getenv(name), os.getenv "SPEC_OLD")]], { SPEC_OLD = "old" })
    assert.truthy(said.stdout:find("/nonexistent/program: No such file", 1, true), said.stdout)
    assert.truthy(said.stdout:find("nil\told\n", 1, true), said.stdout)
  end)

  it("refuses strings that no program can receive", function()
    for _, wrong in ipairs { "novalue", "=value", "A=b\0c", 5 } do
      assert.error_matches(function()
        core.exec("/nonexistent/program", {}, { wrong })
      end, "bad argument #3")
    end
    assert.error_matches(function()
      core.exec("/nonexistent/program", { "a\0b" }, {})
    end, "bad argument #2")
  end)
end)
