-- core's own calls, which block: one attempt, over kept connections.
local core = require "connectparticipant.core"
local faults = require "spec.support.faults"
local transfers = require "spec.support.transfers"

local lab = transfers.new()
local failed = transfers.failed
local server, engine
setup(function() server = lab.open() end)
teardown(lab.close)
before_each(function() engine = lab.begin() end)
after_each(function() engine:close() end)

describe("a blocking call of core", function()
  local function transcript()
    return core.get_transcript({ ConnectionToken = "secret" }, { endpoint = server.url })
  end

  it("makes one attempt", function()
    server:script { { status = 503 }, faults.ok() }
    local result, err = transcript()
    failed(result, err, { status = 503, attempts = 1, retryable = true })
    assert.equal(1, #server:seen().requests)
  end)

  it("shares its connection with the next", function()
    server:script { {}, {}, {} }
    for _ = 1, 3 do assert(transcript()) end
    -- An earlier call of this process may have left the connection that all three use.
    assert.truthy(server:seen().connections <= 1)
  end)

  it("goes to its own URL, whichever another call had before it", function()
    local function view(token)
      return core.describe_view({ ConnectionToken = "secret", ViewToken = token },
        { endpoint = server.url })
    end
    server:script { {}, {}, {}, {}, {} }
    assert(view "one")
    assert(transcript())
    assert(view "two")
    assert(view "one")
    assert(transcript())
    local paths = {}
    for index, request in ipairs(server:seen().requests) do
      paths[index] = request.method .. " " .. request.path
    end
    assert.same({ "GET /participant/views/one", "POST /participant/transcript",
      "GET /participant/views/two", "GET /participant/views/one", "POST /participant/transcript",
    }, paths)
  end)

  it("keeps no more of an answer than its cap, and an error's status", function()
    server:script { { size = 20 * 1024 * 1024 } }
    local result, err = transcript()
    failed(result, err, { kind = "protocol", code = "ResponseTooLarge", status = 200 })
    server:script { { status = 500, size = 1000000 } }
    result, err = transcript()
    failed(result, err, { status = 500, retryable = true })
  end)
end)
