-- A transcript page by page, and what all operations take besides AWS's members.
local Client = require "connectparticipant.client"
local clocks = require "spec.support.clock"
local services = require "spec.support.service"

local TOKEN = "token-of-the-connection"

describe("a transcript", function()
  local service, client, clock

  setup(function() service = services.start() end)
  teardown(function() service:stop() end)
  before_each(function()
    clock = clocks.new()
    client = Client.new({ endpoint = service.endpoint, driver = clock.driver }, clock)
  end)
  after_each(function() client:close() end)

  local function page(token, ...)
    local items = {}
    for index, id in ipairs { ... } do items[index] = { Id = id, Type = "MESSAGE" } end
    return { page = { Transcript = items, NextToken = token } }
  end

  -- The ids of all items, and the error that ended the iteration.
  local function read(params)
    local ids, failed = {}, nil
    params = params or {}
    params.ConnectionToken = TOKEN
    params.on_error = function(err) failed = err end
    for item in client:transcript(params) do ids[#ids + 1] = item.Id end
    return table.concat(ids, " "), failed
  end

  it("goes on from page to page, and ends when none is named", function()
    service:script { transcript = { page("t1", "a", "b"), page("t2"), page(nil, "c") } }
    assert.same({ "a b c" }, { read() })
    assert.equal(3, #service:requests "transcript")
  end)

  it("ends at a page whose NextToken is empty", function()
    service:script { transcript = { page("t1", "a"), page("", "b") } }
    assert.same({ "a b" }, { read() })
    service:script { transcript = { page("", "a") } }
    assert.same({ "a" }, { read() })
    assert.equal(1, #service:requests "transcript")
  end)

  it("that names a page again yields its items before it ends in an error", function()
    service:script { transcript = { page("t1", "a"), page("t1", "b"), page("t1", "c") } }
    local ids, err = read()
    assert.equal("a b", ids)
    assert.equal("protocol", err.kind)
    assert.truthy(err.message:find("same NextToken", 1, true))
    assert.equal(2, #service:requests "transcript")
  end)

  it("of empty pages only ends in an error", function()
    local pages = {}
    for number = 1, 120 do pages[number] = page("t" .. number) end
    service:script { transcript = pages }
    local ids, err = read()
    assert.equal("", ids)
    assert.equal("protocol", err.kind)
    assert.equal(100, #service:requests "transcript")
  end)

  it("ends when the timeout of the call is over, all pages together", function()
    local pages = {}
    for number = 1, 9 do pages[number] = page("t" .. number, tostring(number)) end
    service:script { transcript = pages }
    local began = clock.seconds
    local iterator = client:transcript { ConnectionToken = TOKEN, timeout = 10 }
    assert.equal("1", iterator().Id)
    clock.seconds = began + 9
    assert.equal("2", iterator().Id)
    clock.seconds = began + 11
    local ok, err = pcall(iterator)
    assert.is_false(ok)
    assert.equal("timeout", err.kind)
    assert.equal(2, #service:requests "transcript")
  end)

  describe("and every operation take a timeout,", function()
    it("which is not sent", function()
      service:script {}
      assert(client:get_transcript { ConnectionToken = TOKEN, timeout = 5 })
      assert.equal("{}", service:requests("transcript")[1].body)
      assert.same({ "" }, { read { timeout = 5 } })
    end)

    it("and refuse one that is not a number of seconds, with all other violations", function()
      service:script {}
      for _, wrong in ipairs { "5", 0, -1, 0 / 0, math.huge, {}, true } do
        local _, err = client:get_transcript { ConnectionToken = TOKEN, timeout = wrong }
        assert.equal("validation", err.kind)
        assert.equal("ParamValidationError", err.code)
        assert.equal("GetTranscript", err.operation)
        assert.equal("timeout must be a number of seconds above 0", err.message)
      end
      local _, err = client:send_message { timeout = 0, Contnt = "x" }
      assert.truthy(err.message:find("did you mean Content?", 1, true))
      assert.truthy(err.message:find("ConnectionToken is required", 1, true))
      assert.truthy(err.message:find("timeout must be a number", 1, true))
      _, err = read { timeout = -1 }
      assert.equal("validation", err.kind)
      assert.equal("", service:story())
    end)

    it("and no option beside it", function()
      local _, err = client:get_transcript { ConnectionToken = TOKEN, stall_timeout = 5 }
      assert.equal("validation", err.kind)
    end)
  end)
end)
