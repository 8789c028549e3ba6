-- A client: how it is made and closed, and what its operations do when the service misbehaves:
-- retries, delays, deadlines, log events.
local Client = require "connectparticipant.client"
local clocks = require "spec.support.clock"
local participant = require "connectparticipant"
local process = require "spec.support.process"
local services = require "spec.support.service"

local TOKEN = "token-of-the-connection"

describe("a client", function()
  local service, clock, events

  setup(function() service = services.start() end)
  teardown(function() service:stop() end)
  before_each(function()
    service:script {}
    clock, events = clocks.new(), {}
  end)

  local function new(options)
    local all = {
      endpoint = service.endpoint, driver = clock.driver,
      logger = function(event) events[#events + 1] = event end,
    }
    for name, value in pairs(options or {}) do all[name] = value end
    return Client.new(all, clock)
  end

  it("is loaded with what an upload needs, and no more", function()
    local loaded = process.run { process.lua, "-e", [[
      require "connectparticipant"
      for name in pairs(package.loaded) do print(name) end]] }
    assert.equal(0, loaded.status, loaded.stderr)
    assert.truthy(loaded.stdout:find("connectparticipant.attachment.upload\n", 1, true))
    for _, other in ipairs { "attachment.download", "attachment.wait", "service.transcript",
      "run.map", "run.started", "driver.ngx", "config.ini", "pace.rate", "worker", "nginx.gateway",
      "emulator", "cli" } do
      assert.is_nil(loaded.stdout:find("connectparticipant." .. other .. "\n", 1, true), other)
    end
  end)

  local function message(client)
    return client:send_message {
      ConnectionToken = TOKEN, ContentType = "text/plain", Content = "hello",
    }
  end

  local function delays()
    local list = {}
    for _, event in ipairs(events) do list[#list + 1] = event.delay end
    return list
  end

  describe("made by new", function()
    it("does no I/O and reads no environment", function()
      local getenv, open = os.getenv, io.open
      os.getenv = function() error "read the environment" end -- luacheck: ignore
      io.open = function() error "opened a file" end -- luacheck: ignore
      local ok, client = pcall(participant.new, {})
      os.getenv, io.open = getenv, open -- luacheck: ignore
      assert.is_true(ok, client)
    end)

    it("reports at the first call what its configuration lacks", function()
      local client = participant.new { endpoint = "http://not-loopback.example" }
      local result, err = message(client)
      assert.is_nil(result)
      assert.equal("configuration", err.kind)
    end)

    it("closes once, and then raises at its caller", function()
      local client = new()
      assert.equal("connectparticipant.client", tostring(client))
      client:close()
      client:close()
      assert.equal("connectparticipant.client (closed)", tostring(client))
      local _, problem = pcall(function() return (message(client)) end)
      assert.truthy(problem:match("the client is closed$"), problem)
    end)

    it("raises when it is called with a dot, or without a table", function()
      local client = new()
      local _, dot = pcall(function() return (client.get_attachment({})) end)
      assert.truthy(dot:match("client_spec.lua:%d+: call it as client:get_attachment"), dot)
      local _, none = pcall(function() return (client:get_attachment()) end)
      assert.truthy(none:find("get_attachment needs a table, not a nil", 1, true), none)
    end)

    it("is closed when its variable with <close> ends", function()
      local source = [[local client = ... do local closing <close> = client end]]
      local chunk = _VERSION == "Lua 5.4" and load(source)
      local client = new()
      if chunk then chunk(client) else getmetatable(client).__close(client) end
      assert.equal("connectparticipant.client (closed)", tostring(client))
    end)

    it("has the eleven operations, as the module has", function()
      for _, method in ipairs { "start_attachment_upload", "complete_attachment_upload",
        "get_attachment", "create_participant_connection", "disconnect_participant",
        "send_message", "send_event", "get_transcript", "describe_view",
        "get_authentication_url", "cancel_participant_authentication" } do
        assert.is_function(new()[method], method)
        assert.is_function(participant[method], method)
      end
    end)
  end)

  describe("that succeeds", function()
    it("returns AWS's members and the metadata", function()
      local result = assert(message(new()))
      assert.equal("message-1", result.Id)
      assert.same({ RequestId = "request-1", HTTPStatusCode = 200, RetryAttempts = 0 },
        result.ResponseMetadata)
    end)

    it("logs the attempt, without secrets", function()
      assert(message(new()))
      local event = events[1]
      assert.equal(1, #events)
      assert.equal("SendMessage", event.operation)
      assert.equal(1, event.attempt)
      assert.equal(200, event.status)
      assert.equal("request-1", event.request_id)
      assert.is_false(event.reused)
      assert.is_true(event.seconds > 0 and event.bytes_sent > 0 and event.bytes_received > 0)
      for _, value in pairs(event) do
        assert.is_nil(tostring(value):find(TOKEN, 1, true))
      end
    end)

    it("keeps its connection for the next call, which the log shows", function()
      local client = new()
      message(client)
      message(client)
      assert.is_true(events[2].reused)
    end)
  end)

  describe("whose attempts fail", function()
    it("repeats what is transient with the same tokens, counting the attempts", function()
      service:script { message = { { status = 500 }, { status = 503 } } }
      local result = assert(message(new()))
      assert.equal(2, result.ResponseMetadata.RetryAttempts)
      local seen = service:requests "message"
      assert.equal(3, #seen)
      for number, request in ipairs(seen) do
        assert.equal(seen[1].body, request.body)
        assert.equal(seen[1].headers["amz-sdk-invocation-id"],
          request.headers["amz-sdk-invocation-id"])
        assert.equal(("attempt=%d; max=3"):format(number), request.headers["amz-sdk-request"])
      end
    end)

    it("waits AWS's jittered delays between transient failures", function()
      service:script { message = { { status = 500 }, { status = 500 }, { status = 500 } } }
      local _, err = message(new())
      assert.equal("500", err.code)
      assert.equal(3, err.attempts)
      assert.same({ 0.5 * 0.05, 0.5 * 0.1 }, delays())
      assert.equal(3, #service:requests "message")
    end)

    it("waits longer when it is throttled, whatever the status", function()
      service:script { message = { { status = 400, error = "ThrottlingException" } } }
      assert(message(new()))
      assert.same({ 0.5 }, delays())
      assert.equal("ThrottlingException", events[1].code)
      assert.equal("service", events[1].kind)
    end)

    it("waits as long as the server asks, but no more than 5 s longer", function()
      service:script { message = {
        { status = 503, headers = { ["x-amz-retry-after"] = "1500" } },
        { status = 503, headers = { ["Retry-After"] = "3600" } },
      } }
      assert(message(new()))
      assert.same({ 1.5, 0.5 * 0.1 + 5 }, delays())
    end)

    it("repeats when the connection ends without an answer", function()
      service:script { message = { { answer = false } } }
      assert(message(new()))
      assert.equal("transport", events[1].kind)
      assert.equal("GOT_NOTHING", events[1].code)
    end)

    it("does not repeat what cannot succeed", function()
      for _, code in ipairs { "ValidationException", "AccessDeniedException",
        "ResourceNotFoundException", "ConflictException", "ServiceQuotaExceededException" } do
        service:script { message = { { status = 400, error = code } } }
        local _, err = message(new())
        assert.equal(code, err.code)
        assert.equal(1, err.attempts)
        assert.is_false(err.retryable)
        assert.equal(1, #service:requests "message", code)
      end
    end)

    it("makes max_attempts attempts", function()
      service:script { message = { { status = 500, always = true } } }
      local _, err = message(new { max_attempts = 1 })
      assert.equal(1, err.attempts)
      _, err = message(new { max_attempts = 5 })
      assert.equal(5, err.attempts)
      assert.equal(6, #service:requests "message")
    end)

    it("keeps a pace after throttling in the adaptive mode alone", function()
      for mode, keeps in pairs { standard = false, adaptive = true } do
        service:script { message = { { status = 429 } } }
        events = {}
        local client = new { retry_mode = mode }
        for _ = 1, 30 do assert(message(client)) end
        local waited = false
        for _, event in ipairs(events) do waited = waited or event.waited ~= nil end
        assert.equal(keeps, waited, mode)
      end
    end)

    it("stops when the quota that all its calls share is used up", function()
      service:script { message = { { status = 500, always = true } } }
      local client = new { max_attempts = 30 }
      local _, first = message(client)
      local _, second = message(client)
      assert.equal(30, first.attempts)
      assert.equal(1 + math.floor(500 / 14) - 29, second.attempts)
    end)

    it("refuses what the model forbids before anything is sent", function()
      local _, err = new():send_message { ConnectionToken = TOKEN, Contnt = "x" }
      assert.equal("validation", err.kind)
      assert.truthy(err.message:find("did you mean Content?", 1, true))
      assert.truthy(err.message:find("ContentType is required", 1, true))
      assert.is_nil(err.attempts)
      assert.equal("", service:story())
    end)
  end)

  describe("with a deadline", function()
    it("returns the last error at once when the next delay would pass it", function()
      service:script { message = { { status = 429 }, {} } }
      local _, err = message(new { timeout = 0.4 })
      assert.equal("429", err.code)
      assert.same({}, clock.slept)
    end)

    it("ends an attempt that hangs", function()
      service:script { message = { { hang = true } } }
      local _, err = message(new { timeout = 0.1, max_attempts = 1 })
      assert.equal("timeout", err.kind)
      assert.equal("OPERATION_TIMEDOUT", err.code)
    end)

    it("ends an attempt in which nothing moves", function()
      service:script { message = { { hang = true } } }
      local _, err = message(new { stall_timeout = 0.1, max_attempts = 1 })
      assert.equal("timeout", err.kind)
      assert.truthy(err.message:find("stall_timeout", 1, true))
    end)
  end)

  describe("whose logger raises", function()
    it("passes the error on, and stays usable", function()
      local armed = true
      local client = new { logger = function() if armed then error({ "mine" }) end end }
      local ok, raised = pcall(message, client)
      assert.is_false(ok)
      assert.same({ "mine" }, raised)
      armed = false
      assert(message(client))
    end)
  end)

  describe("and its driver", function()
    it("is the host's, if given", function()
      service:script { message = { { hang = true } } }
      local waits = 0
      local client = Client.new({ endpoint = service.endpoint, timeout = 0.1, driver = {
        wait = function(engine, seconds)
          waits = waits + 1
          engine:wait(seconds)
        end,
        sleep = function() end,
      } })
      assert.equal("timeout", select(2, message(client)).kind)
      assert.is_true(waits > 0)
    end)

    it("may suspend the coroutine of the call, while others go on", function()
      local client = Client.new { endpoint = service.endpoint, driver = {
        wait = function(engine) coroutine.yield() engine:wait(0.01) end,
        sleep = function() coroutine.yield() end,
      } }
      local done = 0
      local function run()
        assert(message(client))
        done = done + 1
      end
      local routines = { coroutine.create(run), coroutine.create(run), coroutine.create(run) }
      while done < 3 do
        for _, routine in ipairs(routines) do
          if coroutine.status(routine) == "suspended" then
            assert(coroutine.resume(routine))
          end
        end
      end
      assert.equal(3, #service:requests "message")
    end)

    it("is refused if it cannot wait", function()
      local _, err = message(new { driver = "ngx" })
      assert.equal("configuration", err.kind)
      assert.truthy(err.message:find("inside an nginx worker", 1, true))
    end)
  end)

  it("ends calls that wait when it is closed", function()
    service:script { message = { { status = 500 }, {} } }
    local client
    client = new { logger = function() client:close() end }
    local result, err = message(client)
    assert.is_nil(result)
    assert.equal("cancelled", err.kind)
    assert.equal(1, #service:requests "message")
  end)
end)
