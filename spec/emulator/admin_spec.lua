-- The admin endpoint, limits, and what is kept between runs.
local cjson = require "cjson"
local emulated = require "spec.support.emulated"
local emulator = require "connectparticipant.emulator"
local http = require "spec.support.http"
local process = require "spec.support.process"

local refused = emulated.refused

local service
setup(function() service = emulated.start { scan_seconds = 0.01 } end)
teardown(function() service:stop() end)

describe("a directory", function()
  local directory
  setup(function() directory = process.run { "mktemp", "-d" }.stdout:gsub("\n", "") end)
  teardown(function() process.run { "rm", "-rf", directory } end)

  it("keeps chats, tokens and objects, and serves one emulator at a time", function()
    local first = emulated.start { dir = directory }
    local token = first:connect()
    local begun = first:begin(token, 5)
    emulated.put(begun, "hello")
    first:complete(token, begun.AttachmentId)
    local second, problem = emulator.start { dir = directory }
    assert.is_nil(second)
    assert.truthy(problem:find("keeps its state there", 1, true))
    first:stop()
    local again = emulated.start { dir = directory }
    assert.equal(first.running.participant_token, again.running.participant_token)
    local got = again:call("attachment", token, { AttachmentId = begun.AttachmentId }).result
    local port, path = http.split(got.Url)
    assert.equal("hello", http.request { port = port, path = path }.body)
    again:stop()
    assert.equal("", process.run { "find", directory, "-name", "*.journal", "-perm", "/077",
      "-newer", directory .. "/nginx.conf" }.stdout)
  end)

  it("keeps no secret of a request in its log", function()
    local service_here = emulated.start { dir = directory }
    local token = service_here:connect(service_here.running.participant_token)
    emulated.put(service_here:begin(token, 5), "hello")
    service_here:call("views/" .. service_here.running.view_token, token)
    service_here:stop()
    local log = process.run { "cat", directory .. "/access.log" }.stdout
    assert.truthy(log:find("PUT /object/attachments/[%x-]+ 200 "))
    assert.truthy(log:find("GET /participant/views/... 200 ", 1, true))
    assert.is_nil(log:find("X-Amz-", 1, true))
    assert.is_nil(log:find(service_here.running.view_token, 1, true))
  end)

  it("that holds something else is left untouched", function()
    local file = assert(io.open(directory .. "/state.journal", "w"))
    file:write "{broken"
    file:close()
    local service_of_none, problem = emulator.start { dir = directory }
    assert.is_nil(service_of_none)
    assert.truthy(problem:find("is not the emulator's state", 1, true))
  end)
end)

describe("the admin endpoint", function()
  it("lists what arrived", function()
    local token = service:connect()
    service:call("event", token, { ContentType =
      "application/vnd.amazonaws.connect.event.typing" })
    local events = service:requests "SendEvent"
    assert.equal(token, events[#events].headers["x-amz-bearer"])
    assert.equal(200, events[#events].status)
  end)

  it("names the operation of every request, whatever becomes of it", function()
    local token = service:connect()
    local begun = service:begin(token, 5)
    service:admin("DELETE", "requests")
    local port, path = http.split(begun.UploadMetadata.Url)
    local function object(method, headers)
      http.request { port = port, path = path, method = method, headers = headers }
    end
    object("PUT", { ["Content-Length"] = "5368709121" })
    object("DELETE")
    object("HEAD")
    emulated.put(begun, "hello")
    service:complete(token, begun.AttachmentId)
    port, path = http.split(service:call("attachment", token,
      { AttachmentId = begun.AttachmentId }).result.Url)
    object("GET")
    object("GET", { Range = "bytes=99-" })
    service:call("transcript", token, (" "):rep(300 * 1024) .. "{}")
    service:call("views/x", token)
    service:call("nothing", token, {})
    local names = {}
    for index, request in ipairs(service:admin("GET", "requests").requests) do
      names[index] = request.operation
    end
    assert.same({ "PutObject", "DeleteObject", "HeadObject", "PutObject",
      "CompleteAttachmentUpload", "GetAttachment", "GetObject", "GetObject", "GetTranscript",
      "DescribeView", "UnknownOperation" }, names)
  end)

  it("writes an empty list as a list", function()
    service:admin("DELETE", "requests")
    local function body(what)
      return http.request { port = service.port, path = "/admin/" .. what }.body
    end
    assert.truthy(body("requests"):find('"requests":[]', 1, true))
    assert.equal('{"faults":[]}', body "faults")
    assert.truthy(body("settings"):find('"rates":null', 1, true))
  end)

  it("changes settings all or none, and has defaults for each", function()
    local settings = service:admin("GET", "settings")
    assert.equal(0.01, settings.scan_seconds)
    local changed = service:admin("POST", "settings", { quota = 3, extensions = { "pdf", "png" },
      rates = "aws" })
    assert.same({ 3, "pdf,png", "aws" }, { changed.quota, changed.extensions, changed.rates })
    for name, value in pairs { quota = -1, rates = "gcp", nonsense = 1, clock_skew = "1",
      extensions = {}, scan_seconds = "x" } do
      local answer = http.request { port = service.port, method = "POST", path = "/admin/settings",
        body = cjson.encode { [name] = value, max_size = 7 } }
      assert.equal(400, answer.status, answer.body)
      assert.truthy(cjson.decode(answer.body).message:find(name, 1, true))
    end
    assert.same(changed, service:admin("GET", "settings"))
    changed = service:admin("DELETE", "settings")
    assert.same({ 35, cjson.null, cjson.null, 0.2 }, { changed.quota, changed.extensions,
      changed.rates, changed.scan_seconds })
    service:admin("POST", "settings", settings)
    assert.same(settings, service:admin("GET", "settings"))
  end)

  it("says which methods a path has", function()
    local function ask(method, path)
      return http.request { port = service.port, method = method, path = "/admin/" .. path }
    end
    for path, methods in pairs { chats = "GET, POST", faults = "GET, POST, DELETE",
      requests = "GET, DELETE", settings = "GET, POST, DELETE", attachments = "GET, POST" } do
      local answer = ask("PUT", path)
      assert.equal(405, answer.status)
      assert.equal(methods, answer.headers.allow)
      for method in methods:gmatch "%u+" do
        assert.truthy(ask(method, path).status < 404)
      end
    end
    assert.equal(404, ask("GET", "nothing").status)
  end)

  it("is off unless asked for", function()
    local closed = emulated.start { admin = false }
    finally(function() closed:stop() end)
    assert.equal(404, http.request { port = closed.port, path = "/admin/requests" }.status)
  end)
end)

describe("the rates of AWS", function()
  it("throttle what comes too fast", function()
    local slow = emulated.start { rates = "aws" }
    finally(function() slow:stop() end)
    local token = slow:connect()
    local throttled = 0
    for _ = 1, 8 do
      local answer = slow:call("start-attachment-upload", token, { ContentType = "text/plain",
        AttachmentSizeInBytes = 5, AttachmentName = "a.txt", ClientToken = emulated.token() })
      if answer.status == 429 then
        throttled = throttled + 1
        refused(answer, 429, "ThrottlingException")
      end
    end
    assert.truthy(throttled >= 1 and throttled <= 3)
  end)
end)
