-- A build for another Lua: loading it is an error that says so, instead of a crash.
local process = require "spec.support.process"

local ABIS = { "5.1", "5.2", "5.3", "5.4", "5.5", "luajit" }

local function version(abi)
  return abi == "luajit" and "5.1" or abi
end

describe("a build for another Lua", function()
  it("is refused with a sentence", function()
    -- If only this Lua's module is there, another one is built.
    local other = process.abi == "5.4" and "5.3" or "5.4"
    local made = process.run { "make", "-s", "LUA=" .. other, "SANITIZE=", "build",
      env = { LD_PRELOAD = "" } }
    assert.equal(0, made.status, made.stderr)
    for _, abi in ipairs(ABIS) do
      local path = ("build/%s/connectparticipant/core.so"):format(abi)
      local there = process.run { "test", "-f", path }
      if there.status == 0 and version(abi) ~= version(process.abi) then
        local said = process.run { process.lua, "-e",
          'local ok, why = pcall(require, "connectparticipant.core") print(ok, why)',
          env = { LUA_CPATH = ("%s/build/%s/?.so;;"):format(process.root, abi) } }
        local name = abi == "luajit" and "LuaJIT" or "Lua " .. abi
        local sentence = ("was built for %s, but is loaded by Lua %s"):format(name,
          version(process.abi))
        assert.truthy(said.stdout:find(sentence, 1, true), abi .. ": " .. said.stdout)
        assert.equal(0, said.status)
      end
    end
  end)
end)

describe("another Lua in the process", function()
  -- Requires the module in a process that has also loaded another Lua's library.
  local function required_beside(library)
    local preload = ("%s %s"):format(os.getenv "LD_PRELOAD" or "", library)
    return process.run { process.lua, "-e", 'require "connectparticipant.core" print "up"',
      env = { LD_PRELOAD = preload } }
  end

  -- ModSecurity, for example, loads its own beside ngx_lua's. A preloaded library comes after the
  -- program in the linker's order, so none of our calls may go to it.
  it("is not mistaken for the one that runs", function()
    local loaded = 0
    for _, abi in ipairs { "5.1", "5.2", "5.3", "5.4", "5.5" } do
      local found = process.run { "sh", "-c", ("ls /usr/lib/*/liblua%s.so.0"):format(abi) }
      if found.status == 0 and abi ~= version(process.abi) then
        local said = required_beside(found.stdout:match "%S+")
        assert.equal("up\n", said.stdout, abi .. ": " .. said.stderr)
        loaded = loaded + 1
      end
    end
    assert.is_true(loaded > 0)
  end)
end)
