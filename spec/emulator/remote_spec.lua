-- The emulator with an external object store: it signs URLs for the store, and asks it what was
-- uploaded.
local files = require "spec.support.files"
local process = require "spec.support.process"
local services = require "spec.support.service"

-- Uploads one file after another, and prints how each ended. The keys come from the environment.
local CHILD = [[
  local emulator = require "connectparticipant.emulator"
  local participant = require "connectparticipant"
  local running = assert(emulator.start { s3_endpoint = arg[1], s3_bucket = "bucket" })
  local client = participant.new { endpoint = running.endpoint, max_attempts = 1,
    allow_insecure = true }
  local connection = assert(client:create_participant_connection {
    ParticipantToken = running.participant_token, Type = { "CONNECTION_CREDENTIALS" } })
  for _ = 1, tonumber(arg[2]) do
    local sent, err = client:upload_attachment { body = "hello", AttachmentName = "a.txt",
      ConnectionToken = connection.ConnectionCredentials.ConnectionToken }
    print(sent and "sent" or ("%s %s"):format(err.code, err.message))
  end
  client:close()
  running:stop()
]]

local server, place
setup(function() server, place = services.start(), files.new() end)
teardown(function()
  server:stop()
  place:remove()
end)

-- How uploads end for which the store gives these answers when it is asked.
local function upload(...)
  local steps = {}
  for _, step in ipairs { ... } do
    steps[#steps + 1] = {} -- the PUT
    steps[#steps + 1] = step
  end
  server:script(steps)
  local ran = process.run { process.lua, place:write("child.lua", CHILD), server.endpoint,
    select("#", ...), env = { AWS_ACCESS_KEY_ID = "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY = "secret",
      TMPDIR = place.directory } }
  assert.equal(0, ran.status, ran.stderr)
  local lines = {}
  for line in ran.stdout:gmatch "[^\n]+" do lines[#lines + 1] = line end
  return lines
end

local function part(total)
  return { status = 206, body = "hello",
    headers = { ["Content-Range"] = "bytes 0-4/" .. total } }
end

describe("the emulator with a store of another's", function()
  it("has the bytes put there, and looks at them before it completes", function()
    assert.same({ "sent", "sent" }, upload(part(5), { body = "hello" }))
    local put, get = server:requests()[1], server:requests()[2]
    assert.equal("PUT", put.method)
    assert.truthy(put.path:find "^/bucket/attachments/[%w-]+%?.*X%-Amz%-Signature=%x+")
    assert.equal("GET", get.method)
    assert.equal(put.path:match "^[^?]*", get.path:match "^[^?]*")
    assert.equal("bytes=0-4095", get.headers.range)
  end)

  it("completes nothing that is not there, or not whole", function()
    assert.same({
      "ValidationException The attachment has not been uploaded",
      "ValidationException The attachment has not been uploaded whole",
    }, upload({ status = 404 }, part(4)))
  end)

  it("takes the blame for a store that refuses or is silent", function()
    assert.same({ "InternalServerException The object store refuses",
      "InternalServerException The object store does not answer" },
      upload({ status = 403, body = "<Error/>" }, { answer = false }))
  end)
end)
