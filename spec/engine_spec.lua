-- The HTTP engine by itself: what it refuses to send, what it holds, and what it lets go of.
local core = require "connectparticipant.core"
local faults = require "spec.support.faults"
local process = require "spec.support.process"

local server, engine, settings
setup(function() server = faults.start() end)
teardown(function() server:stop() end)
before_each(function()
  engine = core.engine()
  settings = assert(core.settings { endpoint = server.url })
end)
after_each(function() engine:close() end)

local function transfer(changes)
  local given = { method = "PUT", url = server.url .. "/key?X-Amz-Signature=0123abcd",
    source = "hello", settings = settings, operation = "StartAttachmentUpload", step = "put" }
  for name, value in pairs(changes or {}) do given[name] = value end
  return engine:transfer(given)
end

local function run(exchange)
  while exchange:state() ~= "done" do
    engine:step()
    engine:wait(1)
  end
  return exchange:result()
end

local function descriptors()
  return tonumber(process.run { "sh", "-c", "ls /proc/$PPID/fd | wc -l" }.stdout)
end

describe("an engine", function()
  it("sends nothing to a URL that is less safe than the endpoint", function()
    settings = assert(core.settings { endpoint = "https://127.0.0.1:1" })
    local exchange, err = transfer()
    assert.is_nil(exchange)
    assert.equal("protocol", err.kind)
    assert.truthy(err.message:find("https", 1, true))
    assert.is_nil(tostring(err):find("0123abcd", 1, true))
  end)

  it("sends nothing before the first step", function()
    server:script { faults.stored() }
    local exchange = assert(transfer())
    assert.equal("run", exchange:state())
    assert.equal(0, #server:seen().requests)
    assert(run(exchange))
    assert.equal("hello", server:seen().requests[1].body)
  end)

  it("tells who is ready, once", function()
    server:script { faults.stored() }
    local exchange = assert(transfer())
    run(exchange)
    assert.equal(exchange:id(), engine:ready())
    assert.is_nil(engine:ready())
  end)

  it("ends what is under way when it is closed, and may be closed again", function()
    server:script { { hang = "request" } }
    local exchange = assert(transfer())
    engine:step()
    engine:close()
    engine:close()
    assert.equal("done", exchange:state())
    local result, err = exchange:result()
    assert.is_nil(result)
    assert.equal("cancelled", err.kind)
  end)

  it("lets go of an exchange that nobody holds any more", function()
    server:script { { hang = "request" } }
    assert(transfer())
    engine:step()
    collectgarbage()
    collectgarbage()
    assert.equal(0, (engine:step()))
  end)

  it("keeps no descriptor but its connections", function()
    local path = os.tmpname()
    local file = assert(io.open(path, "wb"))
    file:write(("x"):rep(100000))
    file:close()
    local function upload()
      server:script { faults.stored() }
      local source = assert(core.open_source(path))
      assert(run(assert(transfer { source = source })))
      source:close()
    end
    upload()
    local before = descriptors()
    for _ = 1, 50 do upload() end
    assert.truthy(descriptors() <= before)
    os.remove(path)
  end)

  it("raises on the result of an exchange that is not done", function()
    server:script { faults.stored() }
    local exchange = assert(transfer())
    assert.error_matches(function() exchange:result() end, "not done")
    run(exchange)
  end)

  it("does not take an early answer for success", function()
    server:script { { status = 200, early = true, close = true } }
    local result, err = run(assert(transfer { source = ("x"):rep(30 * 1024 * 1024) }))
    assert.is_nil(result)
    assert.equal("transport", err.kind)
  end)

  it("keeps no more of an answer than its cap", function()
    server:script { { status = 500, size = 1000000 } }
    local result, err = run(assert(transfer()))
    assert.is_nil(result)
    assert.equal(500, err.status)
    server:script { { size = 20 * 1024 * 1024 } }
    local found
    found, err = core.get_transcript({ ConnectionToken = "t" }, { endpoint = server.url })
    assert.is_nil(found)
    assert.equal("protocol", err.kind)
    assert.equal("ResponseTooLarge", err.code)
    assert.equal(200, err.status)
  end)

  it("refuses headers without an end, and an answer that is no HTTP", function()
    local header = { "x-long", ("v"):rep(60000) }
    server:script { { headers = { header, header, header, header, header, header } } }
    local result, err = core.get_transcript({ ConnectionToken = "t" }, { endpoint = server.url })
    assert.is_nil(result)
    assert.truthy(err.kind == "protocol" or err.kind == "transport")
    server:script { { raw = "SSH-2.0-OpenSSH\r\n" } }
    result, err = core.get_transcript({ ConnectionToken = "t" }, { endpoint = server.url })
    assert.is_nil(result)
    assert.equal("protocol", err.kind)
  end)
end)

describe("a blocking call of core", function()
  it("makes one attempt", function()
    server:script { { status = 503 }, faults.ok() }
    local result, err = core.get_transcript({ ConnectionToken = "t" }, { endpoint = server.url })
    assert.is_nil(result)
    assert.equal(503, err.status)
    assert.equal(1, err.attempts)
    assert.is_true(err.retryable)
    assert.equal(1, #server:seen().requests)
  end)

  it("shares its connection with the next", function()
    server:script { faults.started(), faults.started(), faults.started() }
    for _ = 1, 3 do
      assert(core.start_attachment_upload({ ConnectionToken = "t", AttachmentName = "a",
        AttachmentSizeInBytes = 1, ContentType = "a/b" }, { endpoint = server.url }))
    end
    -- An earlier call of this process may have left the connection that all three use.
    assert.truthy(server:seen().connections <= 1)
  end)
end)
