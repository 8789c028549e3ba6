-- Attachments in the service, from their start to their approval.
local emulated = require "spec.support.emulated"
local http = require "spec.support.http"

local refused = emulated.refused

local service
setup(function() service = emulated.start { scan_seconds = 0.01 } end)
teardown(function() service:stop() end)

describe("an attachment", function()
  it("goes from start to approval", function()
    local token = service:connect()
    local begun = service:begin(token, 5)
    refused(service:call("attachment", token, { AttachmentId = begun.AttachmentId }), 400,
      "ValidationException")
    assert.equal(200, emulated.put(begun, "hello").status)
    local completed = service:complete(token, begun.AttachmentId)
    assert.equal(200, completed.status)
    local got = service:call("attachment", token, { AttachmentId = begun.AttachmentId }).result
    assert.equal(5, got.AttachmentSizeInBytes)
    local port, path = http.split(got.Url)
    assert.equal("hello", http.request { port = port, path = path }.body)
  end)

  it("cannot be completed before it is there", function()
    local token = service:connect()
    local begun = service:begin(token, 5)
    refused(service:complete(token, begun.AttachmentId), 400, "ValidationException")
  end)

  it("is completed once, though the same request may come twice", function()
    local token = service:connect()
    local begun = service:begin(token, 5)
    emulated.put(begun, "hello")
    assert.equal(200, service:complete(token, begun.AttachmentId, "once").status)
    assert.equal(200, service:complete(token, begun.AttachmentId, "once").status)
    refused(service:complete(token, begun.AttachmentId, "twice"), 409, "ConflictException")
  end)

  it("is the same for the same ClientToken, and refused with other parameters", function()
    local token = service:connect()
    local input = { ContentType = "text/plain", AttachmentSizeInBytes = 5, AttachmentName = "a.txt",
      ClientToken = "same" }
    local first = service:call("start-attachment-upload", token, input).result
    local second = service:call("start-attachment-upload", token, input).result
    assert.equal(first.AttachmentId, second.AttachmentId)
    input.AttachmentSizeInBytes = 6
    refused(service:call("start-attachment-upload", token, input), 400, "ValidationException")
  end)

  it("belongs to its chat", function()
    local token, stranger = service:connect(), service:connect()
    local begun = service:begin(token, 5)
    emulated.put(begun, "hello")
    service:complete(token, begun.AttachmentId)
    refused(service:call("attachment", stranger, { AttachmentId = begun.AttachmentId }), 400,
      "ValidationException")
  end)

  it("with the EICAR test string is rejected", function()
    local token = service:connect()
    local virus = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-" .. "ANTIVIRUS-TEST-FILE!$H+H*"
    local begun = service:begin(token, #virus)
    emulated.put(begun, virus)
    service:complete(token, begun.AttachmentId)
    local status
    repeat
      local page = service:call("transcript", token, {}).result
      status = page.Transcript[1].Attachments[1].Status
    until status ~= "IN_PROGRESS"
    assert.equal("REJECTED", status)
    refused(service:call("attachment", token, { AttachmentId = begun.AttachmentId }), 400,
      "ValidationException")
  end)
end)

describe("an instance", function()
  it("has a quota of attachments a chat", function()
    service:admin("POST", "settings", { quota = 2 })
    local token = service:connect()
    service:begin(token, 5)
    service:begin(token, 5)
    local answer = service:call("start-attachment-upload", token, { ContentType = "text/plain",
      AttachmentSizeInBytes = 5, AttachmentName = "a.txt", ClientToken = "third" })
    refused(answer, 402, "ServiceQuotaExceededException")
    service:admin("POST", "settings", { quota = 35 })
  end)

  it("has a size limit, and may allow some extensions only", function()
    local token = service:connect()
    local function start(name, size)
      return service:call("start-attachment-upload", token, { ContentType = "text/plain",
        AttachmentSizeInBytes = size, AttachmentName = name, ClientToken = emulated.token() })
    end
    assert.equal(200, start("a.txt", 20 * 1024 * 1024).status)
    refused(start("a.txt", 20 * 1024 * 1024 + 1), 400, "ValidationException")
    service:admin("POST", "settings", { extensions = { "pdf" } })
    refused(start("a.txt", 5), 400, "ValidationException")
    assert.equal(200, start("a.PDF", 5).status)
    service:admin("POST", "settings", { extensions = "aws" })
    assert.equal(200, start("a.heic", 5).status)
    refused(start("a.exe", 5), 400, "ValidationException")
    refused(start("pdf", 5), 400, "ValidationException")
    service:admin("POST", "settings", { extensions = "*" })
  end)
end)
