-- doc/examples/gateway: its nginx.conf with an emulator behind it. spec/browser tries its page in a
-- browser.
local cjson = require "cjson"
local http = require "spec.support.http"
local process = require "spec.support.process"

-- These specs test LuaJIT inside nginx, whichever Lua runs busted, so one Lua runs them.
if process.abi ~= "luajit" then return end

describe("the gateway's example", function()
  local gateway
  setup(function()
    gateway = require("doc.examples.gateway.serve").start()
    local said = process.run { "sh", "-c", gateway.command }
    assert(said.status == 0, said.stderr)
  end)
  teardown(function() gateway.stop() end)

  local function ask(request)
    request.port = gateway.port
    request.headers = request.headers or {}
    request.headers["X-Connection-Token"] = gateway.token
    return http.request(request)
  end

  it("takes a file and gives it back", function()
    local up = ask { method = "POST", path = "/attachments", body = "hello",
      headers = { ["X-File-Name"] = "a.txt" } }
    assert.equal(201, up.status, up.body)
    local attachment = cjson.decode(up.body)
    assert.equal("APPROVED", attachment.Status)
    local down = ask { path = "/attachment?id=" .. attachment.AttachmentId }
    assert.equal("hello", down.body)
  end)

  it("has a page, and refuses in JSON what is over nginx's limit", function()
    assert.truthy(ask({ path = "/" }).body:find("<html", 1, true))
    local refused = ask { method = "POST", path = "/attachments", framing = false,
      headers = { ["Content-Length"] = "200000000" } }
    assert.equal(413, refused.status)
    assert.equal("TooLarge", cjson.decode(refused.body).code)
  end)
end)
