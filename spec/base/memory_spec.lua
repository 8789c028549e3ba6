-- Memory that held a secret is wiped before it is reused, and text that cannot be searched for
-- secrets is not shown. Lua cannot see that, so a C program inspects freed blocks.
local memory = require "spec.support.memory"
local process = require "spec.support.process"
local service = require "spec.support.service"

local function compile(path, options)
  local compiled = process.run { "sh", "-c", "unset LD_PRELOAD; cc -std=c11 -D_GNU_SOURCE"
    .. " -D_FILE_OFFSET_BITS=64 -O2 -Icsrc -o " .. path .. " " .. options }
  assert.equal("", compiled.stderr)
  return path
end

describe("memory that held a secret", function()
  local path, store

  before_each(function() path = os.tmpname() end)
  after_each(function()
    os.remove(path)
    if store then store:stop() end
    store = nil
  end)

  it("is wiped when it is freed, cleared, recycled or grown; and none is shown for lack of memory",
    function()
      local program = compile(path, "-Ispec spec/base/memory.c spec/support/failing.c"
        .. " csrc/base/buffer.c csrc/base/escapes.c"
        .. " csrc/base/pieces.c csrc/base/secrets.c csrc/base/text.c"
        .. " -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=free")
      assert.equal("clean\n", process.run({ "env", "-u", "LD_PRELOAD", program }).stdout)
    end)

  it("is wiped after calls, whatever came of them", function()
    if memory.is_taken "what is given back to it" then return end
    store = service.start()
    local secret = "kG7mQ2xZr9LdT4vB"
    local url = store.endpoint .. "/objects/a?X-Amz-Signature=" .. secret
    store:script {
      { status = 400, body = '{"message":"bad token ' .. secret .. '"}' },
      { status = 403, body = "bad token " .. secret:rep(3),
        headers = { ["x-amzn-requestid"] = secret } },
      { body = '{"ConnectionCredentials":{"ConnectionToken":"' .. secret:rep(300) .. '"}}' },
      { body = '{"AttachmentId":"a","UploadMetadata":{"Url":"' .. url .. '"}}' },
      { status = 403, xml = "AccessDenied", message = "bad " .. secret:rep(40) },
    }
    local watched = process.run { process.lua, "-e", [[
      local core = require "connectparticipant.core"
      local secret, options = os.getenv "SECRET", { endpoint = os.getenv "ENDPOINT" }
      local event = { ConnectionToken = secret:rep(20),
        ContentType = "application/vnd.amazonaws.connect.event.typing" }
      print(select(2, core.send_event(event, options)))
      print(select(2, core.send_event(event, options)))
      core.send_event({ ConnectionToken = secret, ContentType = 1 }, options)
      assert(core.create_participant_connection({ ParticipantToken = secret,
        Type = { "CONNECTION_CREDENTIALS" } }, options))
      local started = core.start_attachment_upload({ ConnectionToken = secret, AttachmentName = "a",
        AttachmentSizeInBytes = 1, ContentType = "text/plain" }, options)
      local engine = core.engine()
      local exchange = engine:transfer { method = "PUT", url = started.UploadMetadata.Url,
        source = "x", settings = core.settings(options) }
      while exchange:state() ~= "done" do engine:step() engine:wait(1) end
      print(exchange:result())
      exchange:release()
      engine:close()
      print(select(2, core.send_event(event, { endpoint = "http://127.0.0.2:1",
        proxy = "http://u:" .. secret .. "@127.0.0.1:1" })))
    ]], env = { SECRET = secret, ENDPOINT = store.endpoint,
      LD_PRELOAD = compile(path, "-shared -fPIC spec/base/freed.c -ldl") } }
    assert.equal(0, watched.status, watched.stderr)
    assert.is_nil(watched.stdout:find(secret:sub(1, 8), 1, true), watched.stdout)
    assert.truthy(watched.stdout:find("AccessDenied.*COULDNT_CONNECT"), watched.stdout)
    assert.equal("looked, 0 held it\n", watched.stderr)
  end)
end)
