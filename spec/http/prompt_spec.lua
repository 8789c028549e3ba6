-- Peers that answer before libcurl has begun to wait for them.
local files = require "spec.support.files"
local flows = require "spec.support.flows"
local faults = require "spec.support.faults"
local process = require "spec.support.process"

local lab = flows.new()
setup(lab.open)
teardown(lab.close)

-- Runs Lua code in a process of its own, in which each answer has arrived when send() returns.
local function run(code)
  local place = files.new()
  finally(function() place:remove() end)
  local library = place:path "prompt.so"
  local built = process.run { "cc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", library,
    process.root .. "/spec/http/prompt.c", "-ldl" }
  assert.equal("", built.stderr)
  local done = process.run { process.lua, "-e", code, env = { URL = lab.server.url,
    PORT = lab.server.port, LD_PRELOAD = library } }
  assert.equal("", done.stderr)
  return done.stdout
end

describe("a kept connection whose next answer is there at once", function()
  it("is not taken for idle while that answer waits for room", function()
    lab.server:script { faults.got(500000), { size = 500000 } }
    assert.equal("true\n", run [[
      local client = require("connectparticipant").new { endpoint = os.getenv "URL",
        max_attempts = 1 }
      local got = 0
      local result, err = client:download_attachment { ConnectionToken = "t", AttachmentId = "a",
        write = function(piece)
          got = got + #piece
          return true
        end }
      print(err or got == 500000)
    ]])
    assert.equal(2, #lab.server:seen().requests)
  end)
end)

describe("a connection whose first answer is there at once", function()
  it("is watched while it is idle: what it says unasked is taken for no answer", function()
    lab.server:script { { body = "one" }, { body = "two" } }
    assert.equal("one\nfalse\ntwo\tfalse\n", run [[
      local cjson = require "cjson"
      local core = require "connectparticipant.core"
      local http = require "spec.support.http"
      local engine, url = core.engine(), os.getenv "URL"
      local settings = core.settings { endpoint = url }
      local function get()
        local exchange = assert(engine:transfer { method = "GET", url = url .. "/x",
          settings = settings, operation = "GetAttachment", step = "get" })
        while exchange:state() ~= "done" do
          engine:step()
          engine:wait(1)
        end
        return assert(exchange:result()).body, exchange:info().reused
      end
      print((get()))
      local function control(name, body)
        return http.request { port = os.getenv "PORT", method = "POST", path = "/control/" .. name,
          body = body }.body
      end
      local function first()
        return cjson.decode(control("seen", "")).each[1]
      end
      control("push", cjson.encode { number = first().number,
        bytes = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\njunk" })
      engine:step()
      for _ = 1, 1000 do
        if not first().open then break end
      end
      print(first().open)
      print(get())
    ]])
  end)
end)
