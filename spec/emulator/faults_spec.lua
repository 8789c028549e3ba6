-- Faults on demand, and what clients do to a server.
local emulated = require "spec.support.emulated"
local http = require "spec.support.http"
local socket = require "socket"

local service
setup(function() service = emulated.start { scan_seconds = 0.01 } end)
teardown(function() service:stop() end)

describe("faults", function()
  it("happen as often as asked, in the way that was asked", function()
    local token = service:connect()
    service:fault { operation = "GetTranscript", count = 2, status = 503, code = "Busy" }
    assert.equal(503, service:call("transcript", token, {}).status)
    local second = service:call("transcript", token, {})
    assert.equal("Busy", second.headers["x-amzn-errortype"])
    assert.equal(200, service:call("transcript", token, {}).status)
  end)

  it("are refused if they could never happen", function()
    for _, fault in ipairs { { operation = "Bogus" }, { operation = "PutObject", action = "x" },
      {} } do
      assert.has_error(function() service:fault(fault) end)
    end
    service:fault { operation = "PutObject", count = 0 }
    service:admin("DELETE", "faults")
  end)

  it("are repeatable if they are random", function()
    local token = service:connect()
    local function run()
      service:fault { operation = "GetTranscript", probability = 0.5, seed = 42 }
      local seen = {}
      for index = 1, 20 do seen[index] = service:call("transcript", token, {}).status end
      service:admin("DELETE", "faults")
      return table.concat(seen, " ")
    end
    local first = run()
    assert.truthy(first:find("200") and first:find("500"))
    assert.equal(first, run())
  end)

  it("may spoil the answer of a call that was carried out", function()
    local token = service:connect()
    local body = '{"ContentType":"text/plain","Content":"done"}'
    local request = ("POST /participant/message HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
      .. "X-Amz-Bearer: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s")
      :format(token, #body, body)
    for index, action in ipairs { "reset", "reset_after_headers", "truncate", "error" } do
      service:fault { operation = "SendMessage", action = action, after = true }
      local answer = http.raw(service.port, request)
      assert.is_nil(answer:find('"AbsoluteTime":"%d+.*"}'))
      assert.equal(action == "reset", answer == "")
      assert.equal(index + 1, #service:call("transcript", token, {}).result.Transcript)
    end
  end)

  it("reset and truncate", function()
    service:fault { operation = "GetTranscript", action = "reset" }
    local request = "POST /participant/transcript HTTP/1.1\r\nHost: x\r\n"
      .. "Content-Length: 2\r\n\r\n{}"
    assert.equal("", http.raw(service.port, request))
    service:fault { operation = "GetTranscript", action = "truncate" }
    assert.truthy(http.raw(service.port, request):match('"AttachmentId":"$'))
  end)
end)

describe("a fault that hangs", function()
  it("does so as long as its delay says, and no longer", function()
    service:fault { operation = "GetTranscript", action = "hang", delay = 0.01 }
    -- It ends long before this client's own timeout, which would raise.
    assert.equal("", http.raw(service.port, "POST /participant/transcript HTTP/1.1\r\nHost: x\r\n"
      .. "Content-Length: 2\r\n\r\n{}"))
    local log = service:requests "GetTranscript"
    assert.equal("GetTranscript", log[#log].operation)
    service:fault { operation = "SendMessage", action = "hang", delay = 0.01, after = true }
    local token = service:connect()
    local body = '{"ContentType":"text/plain","Content":"done"}'
    assert.equal("", http.raw(service.port, ("POST /participant/message HTTP/1.1\r\nHost: x\r\n"
      .. "X-Amz-Bearer: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s")
      :format(token, #body, body)))
    assert.equal("done", service:call("transcript", token, {}).result.Transcript[1].Content)
  end)
end)

describe("connections", function()
  it("may be opened and dropped by the thousand", function()
    local token = service:connect()
    local begun = "POST /participant/transcript HTTP/1.1\r\nHost: x\r\nContent-Len"
    for _ = 1, 20 do
      local open = {}
      for index = 1, 500 do
        open[index] = assert(socket.connect("127.0.0.1", service.port))
        if index % 2 == 0 then open[index]:send(begun) end
      end
      for _, connection in ipairs(open) do connection:close() end
    end
    assert.equal(200, service:call("transcript", token, {}).status)
  end)
end)
