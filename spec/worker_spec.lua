-- The worker's functions, called where they may block; nginx_spec runs them in worker threads.
local participant = require "connectparticipant"
local worker = require "connectparticipant.worker"

describe("a worker's client", function()
  local new, made = participant.new, nil
  before_each(function()
    made = 0
    participant.new = function(options)
      made = made + 1
      return new(options)
    end
  end)
  after_each(function() participant.new = new end)

  local function call(options)
    options.endpoint, options.max_attempts = "http://127.0.0.1:1", 1
    local _, err = worker.get_transcript({ ConnectionToken = "t" }, options)
    assert.equal("COULDNT_CONNECT", err.code)
  end

  it("serves every job with the same options, tables among them", function()
    call { app_id = "a", pace = { instance = "b" } }
    call { pace = { instance = "b" }, app_id = "a" }
    assert.equal(1, made)
    call { app_id = "a", pace = { instance = "c" } }
    call { app_id = "a", pace = {} }
    assert.equal(3, made)
  end)

  it("serves them in whatever order a table has them", function()
    -- A table that was larger once has another order.
    local larger, same = {}, {}
    for number = 1, 50 do larger["key" .. number] = true end
    for number = 1, 50 do larger["key" .. number] = nil end
    for _, name in ipairs { "timeout", "connect_timeout", "stall_timeout" } do
      larger[name], same[name] = 5, 5
    end
    for _, name in ipairs { "app_id", "region" } do
      larger[name], same[name] = "ordered", "ordered"
    end
    call(same)
    call(larger)
    assert.equal(1, made)
  end)
end)

describe("a worker's function", function()
  it("returns an error as a plain table, whatever it is passed", function()
    local function refused(kind, pattern, params, options)
      local result, err = worker.upload_attachment(params, options)
      assert.is_nil(result)
      assert.is_nil(getmetatable(err))
      assert.equal(kind, err.kind)
      assert.truthy(err.message:find(pattern), err.message)
    end
    refused("validation", "needs a table, not a number", 5, {})
    refused("configuration", "must be a table, not a number", {}, 7)
    refused("configuration", "did you mean 'region'", {}, { regoin = "x" })
    refused("configuration", "must be a table", {}, { pace = 5 })
    refused("source", "cannot open", { ConnectionToken = "t", path = "/nonexistent" },
      { endpoint = "http://127.0.0.1:1" })
  end)
end)

describe("a pool's job", function()
  it("is refused where there are no worker threads", function()
    local result, err = worker.run("pool", "get_transcript", {})
    assert.is_nil(result)
    assert.equal("configuration", err.kind)
    assert.truthy(err.message:find("ngx.run_worker_thread", 1, true), err.message)
  end)
end)
