-- Exchanges that are sent more than once, and handles of exchanges that were released.
local core = require "connectparticipant.core"
local faults = require "spec.support.faults"
local transfers = require "spec.support.transfers"

describe("an exchange of an operation", function()
  local server, settings, engine
  setup(function()
    server = faults.start()
    settings = core.settings { endpoint = server.url, connect_timeout = 5, stall_timeout = 5 }
  end)
  teardown(function() server:stop() end)
  before_each(function() engine = core.engine() end)
  after_each(function() engine:close() end)

  local TYPING = "application/vnd.amazonaws.connect.event.typing"

  local function event(token, fields)
    local params = { ConnectionToken = token, ContentType = TYPING }
    for name, value in pairs(fields or {}) do params[name] = value end
    return assert(core.request("SendEvent", params, settings))
  end

  local function finish(exchange)
    while exchange:state() ~= "done" do
      engine:wait(1)
      engine:step()
    end
    return exchange:result()
  end

  it("is sent as often as needed, the same but for the number of the attempt", function()
    server:script { { status = 503 }, { body = '{"Id":"i"}' } }
    local exchange = event("token-one", { Content = "x" })
    assert.equal(exchange, exchange:send(engine, nil, 1, 3))
    local _, err = finish(exchange)
    assert.equal(503, err.status)
    assert.equal(exchange, exchange:send(engine, nil, 2, 3))
    assert.equal("i", assert(finish(exchange)).Id)
    local requests = server:seen().requests
    local first, second = requests[1], requests[2]
    assert.equal("attempt=1; max=3", first.headers["amz-sdk-request"])
    assert.equal("attempt=2; max=3", second.headers["amz-sdk-request"])
    for _, name in ipairs { "x-amz-bearer", "amz-sdk-invocation-id", "content-length" } do
      assert.equal(first.headers[name], second.headers[name])
    end
    assert.equal(first.body, second.body)
  end)

  it("is not sent while it is in flight", function()
    server:script { { hang = "request" } }
    local exchange = assert(event("token-one"):send(engine))
    assert.has_error(function() exchange:send(engine) end, "the exchange is under way")
    exchange:cancel()
  end)

  it("leaves nothing behind for the next one", function()
    server:script { { body = '{"Id":"first"}' }, { status = 400, body = '{"message":"no"}' } }
    local first = event("token-one", { Content = "secret words" })
    local token = assert(first:client_token())
    assert.equal("first", assert(finish(first:send(engine))).Id)
    first:release()
    local again = event("token-two", { ClientToken = "mine" })
    assert.not_equal(first, again)
    assert.equal("mine", again:client_token())
    local _, err = finish(again:send(engine))
    assert.equal(400, err.status)
    assert.equal("no", err.message)
    local sent = server:seen().requests[2]
    assert.equal("token-two", sent.headers["x-amz-bearer"])
    for _, old in ipairs { "secret words", "token-one", token } do
      assert.is_nil(sent.body:find(old, 1, true), old)
    end
  end)

  it("cannot be used once it is released", function()
    server:script { {} }
    local exchange = event("token-one")
    assert(finish(exchange:send(engine)))
    exchange:release()
    assert.equal("connectparticipant.exchange (released)", tostring(exchange))
    for _, method in ipairs { "send", "state", "result", "info", "release", "client_token" } do
      assert.has_error(function() exchange[method](exchange, engine) end,
        "the exchange was released")
    end
    exchange:cancel()
  end)

  it("that was released cannot end its successor", function()
    server:script { {} }
    local first = event("token-one")
    assert(finish(first:send(engine)))
    first:release()
    server:script { { hang = "request" } }
    local second = assert(event("token-two"):send(engine))
    transfers.arrive(server, engine)
    first:cancel()
    assert.has_error(function() first:release() end, "the exchange was released")
    collectgarbage()
    assert.equal("run", second:state())
    second:cancel()
  end)

  it("may be finalised more than once, and used after that, and so may its engine", function()
    server:script { { hang = "request" } }
    local exchange = assert(event("token-one"):send(engine))
    transfers.arrive(server, engine)
    local finalise = debug.getmetatable(exchange).__gc
    finalise(exchange)
    finalise(exchange)
    assert.has_error(function() exchange:state() end, "the exchange was released")
    assert.equal(0, (engine:step()))
    local own = core.engine()
    local left = assert(event("token-two"):send(own))
    finalise = debug.getmetatable(own).__gc
    finalise(own)
    finalise(own)
    assert.equal(0, (own:step()))
    assert.is_nil(own:ready())
    own:close()
    assert.has_error(function() event("token-three"):send(own) end, "the engine is closed")
    left:cancel()
    assert.equal("done", left:state())
  end)

  it("returns its result once, and then releases it", function()
    server:script { { body = '{"Id":"i"}' }, { status = 400, body = '{"message":"no"}' } }
    for _ = 1, 2 do
      local exchange = event("token-one"):send(engine)
      finish(exchange)
      assert.has_error(function() exchange:result() end, "the exchange's result was taken already")
    end
  end)

  it("releases what it kept alive when it is released", function()
    server:script { {} }
    local kept = setmetatable({}, { __mode = "k" })
    local own = assert(core.settings { endpoint = server.url })
    kept[own] = true
    local exchange = core.request("SendEvent", { ConnectionToken = "t", ContentType = TYPING }, own)
    assert(finish(exchange:send(engine)))
    exchange:release()
    own = nil
    collectgarbage()
    collectgarbage()
    assert.is_nil(own)
    assert.is_nil(next(kept))
  end)
end)
