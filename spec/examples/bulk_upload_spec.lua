-- doc/examples/bulk_upload.lua
local emulated = require "spec.support.emulated"
local example = require "spec.support.example"
local files = require "spec.support.files"
local process = require "spec.support.process"

local service, token, place
setup(function()
  service = emulated.start { quota = 1000 }
  token = service:connect()
  place = files.new()
end)
teardown(function()
  service:stop()
  place:remove()
end)

-- A folder with 40 files at two depths, with names that a shell would split or expand.
local function folder()
  local path = place:path "it's; a folder"
  process.run { "mkdir", "-p", path .. "/deeper" }
  for index = 1, 38 do place:write(("it's; a folder/%02d.txt"):format(index), ("x"):rep(index)) end
  place:write("it's; a folder/new\nline.txt", "one")
  place:write("it's; a folder/deeper/$(touch x) `y`.txt", "two")
  return path
end

describe("the bulk uploader", function()
  it("uploads every file of a folder, whatever its name", function()
    local path = folder()
    local said = example.run(service, { CONNECT_CONNECTION_TOKEN = token }, "bulk_upload", path)
    -- The service refuses a name with a line break.
    assert.equal("39 of 40 files uploaded, 744 bytes\n", said.stderr:match "[^\n]*\n$")
    assert.equal(1, said.status)
    local names = {}
    for id, file in said.stdout:gmatch "([^\t\n]+)\t([^\n]+)\n" do
      names[file] = service:fetch(token, id).body
    end
    assert.equal("two", names[path .. "/deeper/$(touch x) `y`.txt"])
    assert.equal(("x"):rep(38), names[path .. "/38.txt"])
  end)

  it("reports what fails beside what does not", function()
    process.run { "mkdir", place:path "some" }
    place:write("some/empty.txt", "")
    place:write("some/full.txt", "full")
    local said = example.run(service, { CONNECT_CONNECTION_TOKEN = token }, "bulk_upload",
      place:path "some")
    assert.equal(1, said.status)
    assert.truthy(said.stdout:find "^[^\t]+\t[^\n]*full%.txt\n$")
    assert.truthy(said.stderr:find "^[^\n]*empty%.txt: [^\n]+\n1 of 2 files uploaded, 4 bytes\n$")
  end)

  it("ends with status 0 if all succeeded, and asks for a folder", function()
    place:write("some/empty.txt", "no more")
    local env = { CONNECT_CONNECTION_TOKEN = token }
    assert.equal(0, example.run(service, env, "bulk_upload", place:path "some").status)
    local said = example.run(service, env, "bulk_upload")
    assert.equal(1, said.status)
    assert.truthy(said.stderr:find("which folder?", 1, true))
  end)
end)
