-- Errors of local files say where in the call they are: sources in "put", sinks in "get".
local files = require "spec.support.files"
local participant = require "connectparticipant"

local directory, client
setup(function()
  directory = files.new()
  client = participant.new { endpoint = "http://127.0.0.1:1" }
end)
teardown(function()
  client:close()
  directory:remove()
end)

local function located(result, err, kind, operation, step)
  assert.is_nil(result)
  assert.equal(kind, err.kind, tostring(err))
  assert.equal(operation, err.operation)
  assert.equal(step, err.step)
end

describe("a source that cannot be read", function()
  it("is an error of the step put", function()
    for _, params in ipairs {
      { path = directory:path "none" }, { path = directory.directory }, { path = "/dev/null" },
      { path = directory:write("short", "x"), AttachmentSizeInBytes = 2 },
      { file = assert(io.open("/dev/null", "rb")) },
    } do
      params.ConnectionToken, params.AttachmentName = "token", "name.txt"
      local result, err = client:upload_attachment(params)
      located(result, err, "source", "StartAttachmentUpload", "put")
    end
  end)
end)

describe("a sink that cannot be written", function()
  it("is an error of the step get", function()
    local file = assert(io.open(directory:write("read", "x"), "rb"))
    for _, params in ipairs {
      { path = directory:path "none/file" }, { path = directory.directory }, { file = file },
    } do
      params.ConnectionToken, params.AttachmentId = "token", "attachment-1"
      local result, err = client:download_attachment(params)
      located(result, err, "sink", "GetAttachment", "get")
    end
    file:close()
  end)
end)
