-- Many calls at once: `map` and `upload_attachments`.
local Client = require "connectparticipant.client"
local clocks = require "spec.support.clock"
local services = require "spec.support.service"

local TOKEN = "token-of-the-connection"

describe("map", function()
  local service, client

  setup(function() service = services.start() end)
  teardown(function() service:stop() end)
  before_each(function()
    service:script {}
    client = Client.new { endpoint = service.endpoint }
  end)
  after_each(function() client:close() end)

  local function message(text)
    return client:send_message {
      ConnectionToken = TOKEN, ContentType = "text/plain", Content = text,
    }
  end

  local function numbers(count)
    local list = {}
    for index = 1, count do list[index] = index end
    return list
  end

  it("returns what the function returns, with the list's indices", function()
    local results, errors = client:map({ "a", "b", "c" }, function(item, index)
      assert(message(item))
      return item .. index
    end, { concurrency = 2 })
    assert.same({ "a1", "b2", "c3" }, results)
    assert.is_nil(errors)
    assert.equal(3, #service:requests "message")
  end)

  it("keeps the errors apart, and goes on with the others", function()
    service:script { message = { { status = 400 }, {}, {} } }
    local results, errors = client:map({ "a", "b", "c" }, message, { concurrency = 1 })
    assert.is_nil(results[1])
    assert.equal(400, errors[1].status)
    assert.truthy(results[2].Id and results[3].Id)
    assert.is_nil(errors[2] or errors[3])
  end)

  it("takes an empty list, and functions that call nothing", function()
    assert.same({ {} }, { client:map({}, error) })
    assert.same({ { false, 4 } }, { client:map({ 1, 2 }, function(item)
      return item == 2 and item * 2
    end) })
  end)

  it("takes anything that can be called", function()
    local callable = setmetatable({}, { __call = function(_, item) return -item end })
    assert.same({ -1, -2 }, (client:map({ 1, 2 }, callable)))
  end)

  it("runs `concurrency` at once, 8 unless told otherwise", function()
    local function most_of(options)
      local active, most = 0, 0
      client:map(numbers(30), function()
        active = active + 1
        most = math.max(most, active)
        assert(message "x")
        active = active - 1
      end, options)
      return most
    end
    assert.equal(8, most_of())
    assert.equal(3, most_of { concurrency = 3 })
    assert.equal(30, most_of { concurrency = 99 })
  end)

  it("gives each function a coroutine of its own until it returns", function()
    local owner = {}
    client:map(numbers(20), function(item)
      local co = coroutine.running()
      assert.is_nil(owner[co])
      owner[co] = item
      assert(message "x")
      assert.equal(co, coroutine.running())
      assert.equal(item, owner[co])
      owner[co] = nil
    end, { concurrency = 5 })
    assert.is_nil(next(owner))
  end)

  it("makes what a function raises that item's error, and goes on with the others", function()
    local results, errors = client:map(numbers(10), function(item)
      assert(message "x")
      if item == 2 then error({ "mine" }) end
      if item == 7 then error "in words" end
      return item
    end, { concurrency = 3 })
    assert.same({ 1, nil, 3, 4, 5, 6, nil, 8, 9, 10 }, results)
    assert.equal("raised", errors[2].kind)
    assert.same({ "mine" }, errors[2].cause)
    assert.truthy(errors[7].message:find("in words", 1, true))
    assert.truthy(errors[7].traceback:find("map_spec.lua", 1, true))
    assert.is_nil(errors[1])
  end)

  it("calls on_result as each item is finished", function()
    service:script { message = { {}, { status = 400 }, {} } }
    local told = {}
    client:map({ "a", "b", "c", "d" }, function(item)
      if item == "d" then error "mine" end
      return message(item)
    end, { concurrency = 1, on_result = function(index, result, err)
      told[index] = result and result.Id or err.kind
    end })
    assert.same({ "message-1", "service", "message-1", "raised" }, told)
  end)

  it("loses nothing when on_result raises", function()
    local results, errors = client:map({ "a", "b" }, function(item) return item end,
      { on_result = function() error "mine" end })
    assert.same({ "a", "b" }, results)
    assert.same({ "raised", "raised" }, { errors[1].kind, errors[2].kind })
  end)

  it("returns what was finished when the client is closed in the meantime", function()
    local results, errors = client:map(numbers(5), function(item)
      if item == 3 then client:close() end
      return message "x"
    end, { concurrency = 1 })
    assert.equal(2, #results)
    assert.same({ "cancelled", "cancelled", "cancelled" },
      { errors[3].kind, errors[4].kind, errors[5].kind })
  end)

  it("refuses what is not a list", function()
    for _, list in ipairs { { ConnectionToken = TOKEN, path = "a" }, { [2] = {} }, { {}, x = 1 },
      { [1.5] = {} } } do
      local ok, problem = pcall(client.upload_attachments, client, list)
      assert.is_false(ok)
      assert.truthy(problem:find("needs a list", 1, true), problem)
      assert.is_false((pcall(client.map, client, list, message)))
    end
  end)

  it("has a pcall whose function may call the client on every Lua", function()
    local pcall = require("connectparticipant").pcall
    local results, errors = client:map(numbers(4), function(item)
      local ok, problem = pcall(function()
        assert(message "x")
        assert(message "y")
        error(item, 0)
      end)
      assert.is_false(ok)
      return problem
    end, { concurrency = 2 })
    assert.is_nil(errors)
    assert.same({ 1, 2, 3, 4 }, results)
  end)

  it("is not held up by a task that could not wait", function()
    -- On Lua 5.1 nothing can yield across the language's own pcall.
    local results = client:map(numbers(3), function(item)
      local ok, result = pcall(message, "x")
      assert(message "y")
      return ok and result.Id or item
    end)
    assert.equal(3, #results)
    assert.truthy(message "z")
  end)

  it("may be called inside itself", function()
    local results = client:map(numbers(4), function(outer)
      local inner = client:map(numbers(3), function(item)
        assert(message "x")
        return outer * 10 + item
      end, { concurrency = 2 })
      return table.concat(inner, " ")
    end, { concurrency = 2 })
    assert.same({ "11 12 13", "21 22 23", "31 32 33", "41 42 43" }, results)
    assert.equal(12, #service:requests "message")
  end)

  it("passes what its functions yield to the host, and the answer back", function()
    local heard = {}
    local host = coroutine.wrap(function()
      return client:map({ "a", "b" }, function(item)
        local answer = coroutine.yield(item)
        assert(message(item))
        return answer
      end)
    end)
    local what = host()
    while type(what) == "string" do
      heard[#heard + 1] = what
      what = host(what:upper())
    end
    assert.same({ "a", "b" }, heard)
    assert.same({ "A", "B" }, what)
  end)

  it("is cancelled as a whole when the client is closed in the meantime", function()
    service:script { message = { { hang = true, always = true } } }
    local results, errors = client:map(numbers(3), function(item)
      if item == 3 then
        client:close()
        return "closed"
      end
      return message "x"
    end, { concurrency = 3 })
    assert.same({ [3] = "closed" }, results)
    assert.equal("cancelled", errors[1].kind)
    assert.equal("cancelled", errors[2].kind)
  end)

  describe("that is throttled", function()
    local function throttled(times)
      local steps = {}
      for index = 1, times do steps[index] = { status = 429, error = "ThrottlingException" } end
      steps[times + 1] = {}
      return steps
    end

    it("goes on beyond max_attempts, and finishes", function()
      local clock = clocks.new()
      client:close()
      client = Client.new({ endpoint = service.endpoint, driver = clock.driver }, clock)
      service:script { message = throttled(7) }
      local results, errors = client:map({ "a" }, message)
      assert.is_nil(errors)
      assert.equal(7, results[1].ResponseMetadata.RetryAttempts)
      assert.truthy(#clock.slept > 0)
    end)

    it("gives up when its time is over", function()
      local clock = clocks.new()
      client:close()
      client = Client.new({ endpoint = service.endpoint, driver = clock.driver, timeout = 20 },
        clock)
      service:script { message = throttled(1000) }
      local _, errors = client:map({ "a" }, message)
      assert.equal("ThrottlingException", errors[1].code)
      assert.truthy(clock.seconds - 1000 <= 20)
    end)
  end)

  it("uploads attachments, each with an error of its own", function()
    local list = {}
    for index = 1, 12 do
      list[index] = { ConnectionToken = TOKEN, body = ("x"):rep(index), AttachmentName = "a.txt" }
    end
    list[5].body = ""
    local results, errors = client:upload_attachments(list, { concurrency = 4 })
    assert.equal("validation", errors[5].kind)
    assert.is_nil(results[5])
    for index = 1, 12 do
      if index ~= 5 then
        assert.equal(index, results[index].AttachmentSizeInBytes)
        assert.equal(("x"):rep(index), service:object(results[index].AttachmentId))
      end
    end
    assert.equal(11, #service:requests "complete")
  end)
end)
