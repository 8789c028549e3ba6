-- doc/examples/bridge.lua
local emulated = require "spec.support.emulated"
local example = require "spec.support.example"
local faults = require "spec.support.faults"

local service, token, web
setup(function()
  service = emulated.start()
  token = service:connect()
  web = faults.start()
end)
teardown(function()
  service:stop()
  web:stop()
end)

local MEDIA = ("media "):rep(50000)

local function bridge(step, path)
  web:script(step)
  return example.run(service, {
    CONNECT_CONNECTION_TOKEN = token, MEDIA_URL = web.url .. (path or "/media/a%20photo.jpg?key=1"),
  }, "bridge")
end

local function arrived(said)
  assert.equal(0, said.status, said.stderr)
  local id, name, size = said.stdout:match "^(%S+)\t([^\t]+)\t(%d+)\n$"
  assert.equal(#MEDIA, tonumber(size))
  assert.is_true(service:fetch(token, id).body == MEDIA)
  local attachments = service:admin("GET", "attachments").attachments
  for _, attachment in ipairs(attachments) do
    if attachment.AttachmentId == id then assert.equal(name, attachment.AttachmentName) end
  end
  return name
end

describe("the bridge", function()
  it("streams what is at a URL, after redirects", function()
    assert.equal("a photo.jpg", arrived(bridge {
      { status = 302, headers = { Location = "/media/moved" } },
      { body = MEDIA, headers = { ["Content-Type"] = "image/jpeg; x=y" } },
    }))
    local begun = service:requests "StartAttachmentUpload"
    assert.truthy(begun[#begun].body:find('"ContentType":"image\\?/jpeg"'))
  end)

  it("downloads first what has no length", function()
    arrived(bridge { { body = MEDIA, chunked = true, close = true },
      { body = MEDIA, chunked = true, close = true } })
  end)

  it("completes nothing that is incomplete", function()
    local before = #service:requests "CompleteAttachmentUpload"
    local said = bridge { { body = MEDIA, cut = 100000 } }
    assert.equal(1, said.status)
    assert.truthy(said.stderr:find("source", 1, true), said.stderr)
    said = bridge { { body = MEDIA, chunked = true, cut = 100000 },
      { body = MEDIA, chunked = true, cut = 100000 } }
    assert.equal(1, said.status)
    assert.truthy(said.stderr:find("cannot be fetched", 1, true), said.stderr)
    assert.equal(before, #service:requests "CompleteAttachmentUpload")
  end)

  it("says what is wrong with a URL", function()
    local said = bridge({ { status = 404 } }, "/missing.png")
    assert.equal(1, said.status)
    -- An old curl keeps such an answer's headers to itself, and says its status.
    assert.truthy(said.stderr:find("404", 1, true), said.stderr)
    said = bridge({}, '/"\noutput = x')
    assert.equal(1, said.status)
    assert.truthy(said.stderr:find("MEDIA_URL is not a URL", 1, true))
  end)
end)
