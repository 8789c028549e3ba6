-- doc/examples/cqueues.lua and doc/examples/scheduler.lua: several files at once in one thread.
local emulated = require "spec.support.emulated"
local example = require "spec.support.example"
local files = require "spec.support.files"

local service, token, place
setup(function()
  service = emulated.start()
  token = service:connect()
  place = files.new()
end)
teardown(function()
  service:stop()
  place:remove()
end)

local function paths()
  local list = {}
  for index = 1, 6 do list[index] = place:write(index .. ".txt", ("x"):rep(index * 30000)) end
  return list
end

local function has_all(said, list)
  assert.equal(0, said.status, said.stderr)
  local found = {}
  for id, path in said.stdout:gmatch "(%S+)\t(%S+)\n" do
    found[path] = #service:fetch(token, id).body
  end
  for index, path in ipairs(list) do assert.equal(index * 30000, found[path]) end
end

local unpack = rawget(table, "unpack") or rawget(_G, "unpack")

-- Debian has no cqueues for Lua 5.5.
local names = { "scheduler", (pcall(require, "cqueues")) and "cqueues" or nil }
for _, name in ipairs(names) do
  describe("the example of " .. name, function()
    it("uploads all files at once", function()
      local list = paths()
      -- If none waits for another, all have begun before the first is stored.
      service:fault { operation = "PutObject", delay = 1, count = #list }
      local before = #service:requests()
      has_all(example.run(service, { CONNECT_CONNECTION_TOKEN = token }, name, unpack(list)), list)
      local requests = service:requests()
      for index = before + 1, before + #list do
        assert.equal("StartAttachmentUpload", requests[index].operation)
      end
    end)

    it("ends with status 1 if one failed", function()
      local said = example.run(service, { CONNECT_CONNECTION_TOKEN = token }, name,
        paths()[1], place:path "missing.txt")
      assert.equal(1, said.status)
      assert.truthy(said.stdout:find("1.txt", 1, true))
      assert.truthy((said.stdout .. said.stderr):find("No such file or directory", 1, true))
    end)
  end)
end
