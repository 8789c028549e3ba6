-- Errors of local files name the step of the call: "put" for sources, "get" for sinks.
local files = require "spec.support.files"
local participant = require "connectparticipant"
local process = require "spec.support.process"
local services = require "spec.support.service"

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

-- The collector is stopped, so nothing here can depend on it.
describe("what ends early leaves no descriptor:", function()
  local server, own
  setup(function()
    server = services.start()
    directory:write("source", ("x"):rep(100000))
  end)
  teardown(function() server:stop() end)
  before_each(function()
    collectgarbage "collect"
    collectgarbage "stop"
    own = participant.new { endpoint = server.endpoint, stall_timeout = 5 }
  end)
  after_each(function()
    collectgarbage "restart"
    own:close()
  end)

  local function wait_for(job, route, count)
    for _ = 1, 500 do
      if #server:requests(route) >= count then return end
      job:wait(0.01)
    end
    error "no request has come within 5 s"
  end

  -- A client may keep one or two connections.
  local function few_more(before)
    local list = process.descriptors()
    assert.truthy(#list <= #before + 2, table.concat(list, "\n"))
  end

  it("an upload that is cancelled, refused, or abandoned", function()
    server:script { put = { { hang = true, always = true } } }
    local before
    for round = 1, 6 do
      local job = own:start("upload_attachment", { ConnectionToken = "token",
        path = directory:path "source" })
      wait_for(job, "put", round)
      job:cancel()
      assert.equal("cancelled", select(3, job:wait(5)).kind)
      if round == 1 then before = process.descriptors() end
    end
    few_more(before)
    server:script { start = { { status = 403, always = true } } }
    for _ = 1, 6 do
      assert.is_nil((own:upload_attachment { ConnectionToken = "token",
        path = directory:path "source" }))
      assert.is_nil((own:upload_attachment { ConnectionToken = "token", Nonsense = 1,
        path = directory:path "source" }))
    end
    few_more(before)
  end)

  it("a download that is cancelled", function()
    server:script { object = { { hang = "middle", after = 10, always = true } } }
    server:put("a", ("x"):rep(100))
    local before
    for round = 1, 6 do
      local job = own:start("download_attachment", { ConnectionToken = "token",
        AttachmentId = "a", path = directory:path "sink" })
      wait_for(job, "object", round)
      job:cancel()
      assert.equal("cancelled", select(3, job:wait(5)).kind)
      if round == 1 then before = process.descriptors() end
    end
    few_more(before)
  end)
end)
