-- TLS: the certificate decides, before anything is said.
local emulated = require "spec.support.emulated"
local participant = require "connectparticipant"

local service
setup(function() service = emulated.start() end)
teardown(function() service:stop() end)

local function client_of(options)
  options.endpoint = options.endpoint or service.running.tls_endpoint
  return participant.new(options)
end

describe("a server with a certificate of our CA", function()
  it("is spoken to, and its URLs are https too", function()
    local client = client_of { ca_file = service.running.ca_file }
    local connection = assert(client:create_participant_connection {
      ParticipantToken = service.running.participant_token, Type = { "CONNECTION_CREDENTIALS" },
    })
    local token = connection.ConnectionCredentials.ConnectionToken
    local body = ("x"):rep(3000000)
    local attachment = assert(client:upload_attachment {
      ConnectionToken = token, body = body, AttachmentName = "a.txt",
    })
    local back = assert(client:download_attachment {
      ConnectionToken = token, AttachmentId = attachment.AttachmentId,
    })
    assert.is_true(back.body == body)
    client:close()
  end)
end)

describe("a server that cannot be verified", function()
  it("is told nothing, and not asked again", function()
    local before = #service:requests "GetTranscript"
    local attempts = 0
    local client = client_of { logger = function() attempts = attempts + 1 end }
    local result, err = client:get_transcript { ConnectionToken = "token" }
    client:close()
    assert.is_nil(result)
    assert.equal("transport", err.kind)
    assert.equal("PEER_FAILED_VERIFICATION", err.code)
    assert.is_false(err.retryable)
    assert.equal(1, attempts)
    assert.equal(before, #service:requests "GetTranscript")
  end)

  it("and a bundle that is missing, are told apart", function()
    local client = client_of { ca_file = "/nonexistent.pem" }
    local result, err = client:get_transcript { ConnectionToken = "token" }
    assert.is_nil(result)
    assert.equal("configuration", err.kind)
    assert.truthy(err.message:find("/nonexistent.pem", 1, true))
    client:close()
  end)
end)
