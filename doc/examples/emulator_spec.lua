-- Specs of a program of yours, against the emulator instead of Amazon Connect.
--
--   $ busted doc/examples/emulator_spec.lua
--
-- The emulator needs nginx with ngx_lua: on Debian, nginx-light and libnginx-mod-http-lua.
local emulator = require "connectparticipant.emulator"
local participant = require "connectparticipant"

-- The program under test: sends a customer's documents, and says so in the chat.
local function send_documents(client, token, paths)
  for _, path in ipairs(paths) do
    local attachment, err = client:upload_attachment { ConnectionToken = token, path = path }
    if not attachment then return nil, err end
  end
  return client:send_message {
    ConnectionToken = token, ContentType = "text/plain", Content = #paths .. " documents sent",
  }
end

describe("sending documents", function()
  local service, client, token, path

  -- One emulator for all specs of a file, and a chat for each.
  setup(function()
    service = assert(emulator.start())
    client = participant.new { endpoint = service.endpoint }
    path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write "an invoice"
    file:close()
  end)
  teardown(function()
    client:close()
    service:stop()
    os.remove(path)
  end)
  before_each(function()
    token = client:create_participant_connection({
      ParticipantToken = service:chat().participant_token, Type = { "CONNECTION_CREDENTIALS" },
    }).ConnectionCredentials.ConnectionToken
  end)
  after_each(function() service:fault() end)

  it("puts the bytes into the store, and tells the customer", function()
    local before = #service:attachments()
    assert(send_documents(client, token, { path }))
    assert.equal(before + 1, #service:attachments())
    local sent = service:requests "SendMessage"
    assert.truthy(sent[#sent].body:find("1 documents sent", 1, true))
  end)

  it("survives a store that fails once", function()
    service:fault { operation = "PutObject", status = 503, code = "SlowDown" }
    assert(send_documents(client, token, { path }))
  end)

  it("does not announce what the service refused", function()
    local before = #service:requests "SendMessage"
    service:fault { operation = "StartAttachmentUpload", status = 402,
      code = "ServiceQuotaExceededException" }
    local sent, err = send_documents(client, token, { path })
    assert.is_nil(sent)
    assert.equal("ServiceQuotaExceededException", err.code)
    assert.equal(before, #service:requests "SendMessage")
  end)

  it("notices that a scan has found something", function()
    service:settings { scan_seconds = 60 }
    local attachment = client:upload_attachment { ConnectionToken = token, path = path }
    service:attachments { AttachmentId = attachment.AttachmentId, Status = "REJECTED" }
    local approved, err = client:wait_for_attachment { ConnectionToken = token,
      AttachmentId = attachment.AttachmentId, timeout = 5 }
    assert.is_nil(approved)
    assert.equal("AttachmentRejected", err.code)
  end)
end)
