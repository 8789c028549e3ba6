-- A build for another Lua: it says so, where calling into it would crash.
local process = require "spec.support.process"

local ABIS = { "5.1", "5.2", "5.3", "5.4", "luajit" }

local function version(abi)
  return abi == "luajit" and "5.1" or abi
end

local function is_built(abi)
  local file = io.open(("build/%s/connectparticipant/core.so"):format(abi), "rb")
  if file then file:close() end
  return file ~= nil
end

describe("a build for another Lua", function()
  it("is refused with a sentence", function()
    local tried = 0
    for _, abi in ipairs(ABIS) do
      if is_built(abi) and version(abi) ~= version(process.abi) then
        tried = tried + 1
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
    -- Built alone, there is no other build to try; its own must load in either case.
    assert.truthy(require("connectparticipant.core")._VERSION)
    assert.truthy(tried >= 0)
  end)
end)
