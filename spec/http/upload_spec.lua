-- Uploads through the engine: what a PUT sends, and how it is fed.
local core = require "connectparticipant.core"
local faults = require "spec.support.faults"
local transfers = require "spec.support.transfers"

local lab = transfers.new()
local transfer, reach, finish, move, failed = lab.transfer, lab.reach, lab.finish, lab.move,
  transfers.failed
local server, engine
setup(function() server = lab.open() end)
teardown(lab.close)
before_each(function() engine = lab.begin() end)
after_each(function() engine:close() end)

describe("a PUT", function()
  it("is sent again by itself when a kept connection turns out to be dead", function()
    server:script { {}, { raw = "" }, {} }
    assert(finish(assert(transfer { source = "bytes" })))
    assert(finish(assert(transfer { source = ("x"):rep(300000) })))
    local requests = server:seen().requests
    assert.equal(300000, requests[3].received)
    for _, request in ipairs(requests) do assert.equal("/store/key?secret", request.path) end
  end)

  it("without Expect follows a 417", function()
    server:script { { status = 417, early = true }, {} }
    assert(finish(assert(transfer { source = ("x"):rep(2000000) })))
    local again = server:seen().requests[2]
    assert.is_nil(again.headers.expect)
    assert.equal(2000000, again.received)
    assert.equal("/store/key?secret", again.path)
  end)

  it("has not succeeded before all its bytes were sent", function()
    server:script { { status = 200, early = true, unread = true, close = true } }
    local result, err = finish(assert(transfer { source = ("x"):rep(20000000) }))
    failed(result, err, { kind = "transport" })
    server:script { { status = 200, early = true, close = true } }
    result, err = finish(assert(transfer { source = ("x"):rep(30000000) }))
    -- libcurl 8 sends the rest, which is also right.
    if result then return assert.equal(30000000, server:seen().requests[1].received) end
    failed(result, err, { kind = "transport" })
  end)

  it("that is refused before its bytes were sent reports the reason", function()
    local refusal = faults.s3_error(403, "AccessDenied", "no")
    refusal.early, refusal.close = true, true
    server:script { refusal }
    local result, err = finish(assert(transfer { source = ("x"):rep(20000000) }))
    failed(result, err, { kind = "storage", code = "AccessDenied", status = 403 })
  end)

  it("in a crowd, with small buffers, sends all its bytes and is told the whole reason", function()
    local refusal = faults.s3_error(403, "AccessDenied", ("no!"):rep(300))
    refusal.headers[2] = { "x-amz-id-2", ("i"):rep(3000) }
    refusal.always = true
    server:script { refusal }
    local exchanges, body = {}, ("x"):rep(70000)
    for index = 1, 200 do exchanges[index] = assert(transfer { source = body }) end
    for _, exchange in ipairs(exchanges) do
      local result, err = finish(exchange)
      failed(result, err, { kind = "storage", code = "AccessDenied", status = 403 })
      assert.equal(("no!"):rep(300), err.message)
      assert.equal(("i"):rep(3000), exchange:header("x-amz-id-2"))
    end
    for _, request in ipairs(server:seen().requests) do assert.equal(70000, request.received) end
  end)

  it("that is broken off after 100 Continue has no status", function()
    server:script { { raw = "HTTP/1.1 100 Continue\r\n\r\n" } }
    local exchange = assert(transfer { source = "bytes" })
    local result, err = finish(exchange)
    failed(result, err, { kind = "transport", retryable = true })
    assert.is_nil(exchange:info().status)
  end)
end)

describe("a PUT that is fed", function()
  local function feed_all(exchange, pieces)
    for _, piece in ipairs(pieces) do
      reach(exchange, "need_data")
      assert(exchange:feed(piece))
    end
  end

  it("sends what it is given, with its length", function()
    server:script { {} }
    local exchange = assert(transfer { size = 10 })
    feed_all(exchange, { "012", "3456", "789" })
    reach(exchange, "need_data")
    assert(exchange:feed(nil))
    assert(finish(exchange))
    local put = server:seen().requests[1]
    assert.equal("0123456789", put.body)
    assert.equal("10", put.headers["content-length"])
    assert.is_nil(put.headers["transfer-encoding"])
  end)

  it("keeps its last byte until the end is confirmed", function()
    server:script { {} }
    local exchange = assert(transfer { size = 10 })
    feed_all(exchange, { "0123456789" })
    reach(exchange, "need_data")
    assert.equal(9, (exchange:progress()))
    assert(exchange:feed(nil))
    assert(finish(exchange))
    assert.equal(10, (exchange:progress()))
  end)

  it("fails if there are more bytes, or fewer, than announced", function()
    server:script { {}, {} }
    local exchange = assert(transfer { size = 10 })
    feed_all(exchange, { "0123456789" })
    local fed, err = exchange:feed("x")
    failed(fed, err, { kind = "source", code = "SourceTooLong", step = "put" })
    assert.equal("done", exchange:state())
    failed(nil, select(2, exchange:result()), { kind = "source", code = "SourceTooLong" })

    exchange = assert(transfer { size = 10 })
    feed_all(exchange, { "012345678" })
    fed, err = exchange:feed(nil)
    failed(fed, err, { kind = "source", code = "SourceTooShort" })
    failed(nil, select(2, exchange:result()), { kind = "source", code = "SourceTooShort" })
    assert.equal(0, (engine:step()))
    for _, request in ipairs(server:seen().requests) do assert.is_nil(request.complete) end
  end)

  it("notices a refusal while it waits for data, and drops what it is fed after that", function()
    local refusal = faults.s3_error(403, "AccessDenied", "no")
    refusal.early, refusal.close = true, true
    server:script { refusal }
    local exchange = assert(transfer { size = 100 })
    reach(exchange, "done")
    assert.is_true(exchange:feed("late"))
    assert.is_true(exchange:feed(nil))
    failed(nil, select(2, exchange:result()), { kind = "storage", code = "AccessDenied" })
  end)

  it("takes a connection of its own, and cannot be repeated", function()
    server:script { {}, { reset = "body", after = 5 } }
    assert(finish(assert(transfer { source = "bytes" })))
    local exchange = assert(transfer { size = 100000 })
    feed_all(exchange, { ("x"):rep(50000) })
    while exchange:state() ~= "done" do
      if reach(exchange, "need_data", "done") == "need_data" then exchange:feed("x") end
    end
    failed(nil, select(2, exchange:result()), { kind = "transport", retryable = false })
    assert.equal(2, server:seen().connections)
  end)

  it("takes no connection that was kept, which may be dead", function()
    server:script { {}, {} }
    assert(finish(assert(transfer { source = "bytes" })))
    local exchange = assert(transfer { size = 5 })
    assert(exchange:feed "bytes")
    assert(exchange:feed(nil))
    assert(finish(exchange))
    assert.is_false(exchange:info().reused)
  end)

  it("is stalled when its caller feeds nothing for too long", function()
    server:script { {} }
    local strict = core.settings { endpoint = server.url, stall_timeout = 0.1 }
    local exchange = assert(transfer { size = 2, settings = strict })
    reach(exchange, "need_data")
    local result, err = finish(exchange)
    failed(result, err, { kind = "timeout", code = "OPERATION_TIMEDOUT", retryable = true })
    assert.truthy(err.message:find("caller", 1, true), err.message)
  end)

  it("is not stalled as long as its caller feeds something", function()
    server:script { {} }
    local strict = core.settings { endpoint = server.url, stall_timeout = 0.3 }
    local exchange = assert(transfer { size = 10, settings = strict })
    for _ = 1, 10 do
      reach(exchange, "need_data")
      move(0.06)
      assert(exchange:feed "x")
    end
    assert(exchange:feed(nil))
    assert(finish(exchange))
  end)

  it("is not stalled by time in which nobody moves the engine", function()
    server:script { {} }
    local strict = core.settings { endpoint = server.url, stall_timeout = 0.1 }
    local exchange = assert(transfer { size = 2, settings = strict })
    reach(exchange, "need_data")
    core.sleep(0.3)
    engine:step()
    assert.equal("need_data", exchange:state())
    assert(exchange:feed "ok")
    assert(exchange:feed(nil))
    assert(finish(exchange))
  end)

  it("may be fed everything before the first step", function()
    server:script { {} }
    local exchange = assert(transfer { size = 10 })
    assert(exchange:feed "0123456789")
    assert(exchange:feed(nil))
    assert(finish(exchange))
    assert.equal("0123456789", server:seen().requests[1].body)
  end)

  it("is the only transfer that can be fed", function()
    server:script { {} }
    local exchange = assert(transfer { source = "bytes" })
    assert.has_error(function() exchange:feed("x") end, "the exchange is not fed")
  end)
end)
