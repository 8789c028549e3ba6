-- The emulator's Lua methods, which specs use instead of the admin endpoint.
local cjson = require "cjson"
local emulator = require "connectparticipant.emulator"
local files = require "spec.support.files"
local participant = require "connectparticipant"
local process = require "spec.support.process"

local running, client
setup(function()
  running = assert(emulator.start())
  client = participant.new { endpoint = running.endpoint }
end)
teardown(function()
  client:close()
  running:stop()
end)

local function connect(chat)
  local connection = assert(client:create_participant_connection {
    ParticipantToken = chat.participant_token, Type = { "CONNECTION_CREDENTIALS" },
  })
  return connection.ConnectionCredentials.ConnectionToken
end

describe("an emulator in a spec", function()
  it("opens chats, and lists what arrived", function()
    local chat = running:chat { participants = { { role = "AGENT", display_name = "Ä & B" } } }
    assert.equal("Ä & B", chat.participants[1].display_name)
    local token = connect(chat)
    assert(client:send_message { ConnectionToken = token, Content = "hello",
      ContentType = "text/plain" })
    local sent = running:requests "SendMessage"
    assert.equal("hello", cjson.decode(sent[#sent].body).Content)
    assert.is_true(#running:requests() > #sent)
    assert.is_true(#running:chats() >= 2)
  end)

  it("lets calls go wrong until told otherwise", function()
    local token = connect(running:chat())
    local params = { ConnectionToken = token, Content = "x", ContentType = "text/plain" }
    running:fault { operation = "SendMessage", count = 9, status = 403,
      code = "AccessDeniedException" }
    assert.equal("AccessDeniedException", select(2, client:send_message(params)).code)
    running:fault()
    assert(client:send_message(params))
  end)

  it("judges attachments, and takes settings and their defaults", function()
    running:settings { scan_seconds = 60 }
    local token = connect(running:chat())
    local attachment = assert(client:upload_attachment { ConnectionToken = token, body = "x",
      AttachmentName = "a.txt" })
    running:attachments { AttachmentId = attachment.AttachmentId, Status = "APPROVED" }
    assert(client:wait_for_attachment { ConnectionToken = token,
      AttachmentId = attachment.AttachmentId, timeout = 5 })
    assert.equal(0.2, running:settings({ scan_seconds = cjson.null }).scan_seconds)
    assert.has_error(function() running:settings { nonsense = 1 } end)
  end)

  it("ends, and leaves nothing behind, if it cannot report that it is ready", function()
    local home = files.new()
    local said = process.run { "sh", "-c", '"$@" >/dev/full', "sh", process.lua,
      "lua/connectparticipant/command.lua", "emulator", "--json",
      env = { TMPDIR = home.directory } }
    assert.equal(137, said.status)
    assert.equal("", process.run { "ls", "-A", home.directory }.stdout)
    home:remove()
  end)

  it("has a whole number as its pid, and cannot be asked once it was stopped", function()
    local other = assert(emulator.start())
    assert.truthy(tostring(other.pid):match "^%d+$")
    getmetatable(other).__close(other)
    assert.has_error(function() other:chat() end, "the emulator has been stopped")
  end)
end)
