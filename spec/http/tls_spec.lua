-- TLS: the certificate is checked before anything is sent.
local emulated = require "spec.support.emulated"
local files = require "spec.support.files"
local participant = require "connectparticipant"
local services = require "spec.support.service"

local service
setup(function() service = emulated.start() end)
teardown(function() service:stop() end)

local function client_of(options)
  options.endpoint = options.endpoint or service.running.tls_endpoint
  return participant.new(options)
end

describe("a server with a certificate of our CA", function()
  it("is trusted, and its URLs are https too", function()
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
  it("gets nothing, and is not asked again", function()
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

  it("is distinguished from a missing CA bundle", function()
    local client = client_of { ca_file = "/nonexistent.pem" }
    local result, err = client:get_transcript { ConnectionToken = "token" }
    assert.is_nil(result)
    assert.equal("configuration", err.kind)
    assert.truthy(err.message:find("/nonexistent.pem", 1, true))
    client:close()
  end)
end)

describe("a certificate", function()
  local directory, server, ca_file
  setup(function()
    directory, server = files.new(), services.start()
    ca_file = directory:write("ca.pem", server:ca())
  end)
  teardown(function()
    server:stop()
    directory:remove()
  end)

  it("is accepted if it is valid, for this host, and signed by our CA", function()
    local client = client_of { endpoint = server:tls "good", ca_file = ca_file }
    assert(client:get_transcript { ConnectionToken = "token" })
    client:close()
  end)

  for _, kind in ipairs { "other", "expired", "stranger" } do
    it("is refused, and nothing sent, if it is not: " .. kind, function()
      server:script {}
      local client = client_of { endpoint = server:tls(kind), ca_file = ca_file }
      local result, err = client:get_transcript { ConnectionToken = "token" }
      client:close()
      assert.is_nil(result)
      assert.equal("PEER_FAILED_VERIFICATION", err.code)
      assert.equal(1, err.attempts)
      assert.same({}, server:requests())
    end)
  end

  it("that is none at all may be asked for again", function()
    local attempts = 0
    local client = client_of { endpoint = (service.endpoint:gsub("^http:", "https:")),
      logger = function() attempts = attempts + 1 end }
    local result, err = client:get_transcript { ConnectionToken = "token" }
    client:close()
    assert.is_nil(result)
    assert.equal("SSL_CONNECT_ERROR", err.code)
    assert.is_true(err.retryable)
    assert.equal(3, attempts)
  end)

  it("must be the service's own, and a proxy on the way sees no header of the request", function()
    server:script { connect = { { tunnel = false } } }
    local client = client_of { endpoint = "https://service.invalid", proxy = server.url,
      max_attempts = 1 }
    assert.is_nil((client:get_transcript { ConnectionToken = "the-secret-token" }))
    client:close()
    local request = server:requests()[1]
    assert.equal("CONNECT", request.method)
    for name, value in pairs(request.headers) do
      assert.is_nil(value:find("secret", 1, true), name)
      assert.is_nil(name:find "^x%-amz", name)
    end
  end)
end)
