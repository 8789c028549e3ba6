-- What a client counts, and how it reports it.
local metrics = require "connectparticipant.service.metrics"
local participant = require "connectparticipant"
local service = require "spec.support.service"

-- The part of nginx's dictionaries that is needed here.
local function dictionary()
  local stored = {}
  return {
    incr = function(_, key, count, first) stored[key] = (stored[key] or first) + count end,
    get = function(_, key) return stored[key] end,
    get_keys = function(_, most)
      assert(most == 0)
      local list = {}
      for key in pairs(stored) do list[#list + 1] = key end
      return list
    end,
  }
end

describe("a client's metrics", function()
  local store, client
  setup(function() store = service.start() end)
  teardown(function() store:stop() end)
  before_each(function() client = participant.new { endpoint = store.endpoint or store.url } end)
  after_each(function() client:close() end)

  local function send()
    return client:send_message { ConnectionToken = "t", ContentType = "text/plain",
      Content = "hello" }
  end

  it("count calls by operation and outcome, retries and throttles", function()
    store:script { message = { {}, { status = 429, error = "ThrottlingException" }, {},
      { status = 400, error = "ValidationException" } } }
    assert.truthy(send())
    assert.truthy(send())
    assert.is_nil((send()))
    local counted = client:metrics()
    assert.same({ SendMessage = { success = 2, service = 1 } }, counted.calls)
    assert.same({ SendMessage = 1 }, counted.retries)
    assert.same({ SendMessage = 1 }, counted.throttles)
    assert.same({}, counted.bytes)
    local count = 0
    for name, value in pairs(counted.call_seconds.SendMessage) do
      if name ~= "sum" then count = count + value end
    end
    assert.equal(3, count)
    assert.truthy(counted.call_seconds.SendMessage.sum > 0)
  end)

  it("count the bytes of attachments", function()
    store:script {}
    local file = assert(client:upload_attachment { ConnectionToken = "t", AttachmentName = "a.txt",
      body = ("x"):rep(1000) })
    assert(client:download_attachment { ConnectionToken = "t", AttachmentId = file.AttachmentId })
    local counted = client:metrics()
    assert.same({ PUT = 1000, GET = 1000 }, counted.bytes)
    assert.equal(1, counted.calls.PUT.success)
    assert.equal(1, counted.calls.CompleteAttachmentUpload.success)
  end)

  it("are none before the first call, and refuse another format", function()
    assert.same({}, client:metrics().calls)
    assert.error_matches(function() client:metrics "xml" end, "format must be")
    assert.error_matches(function() participant.new { metrics = 5 } end, "option 'metrics'")
  end)

  it("come in Prometheus' text format", function()
    store:script { message = { {}, { status = 400, error = "ValidationException" } } }
    send()
    send()
    client.counters:request("upload", 201, 0.2)
    local text = client:metrics "prometheus"
    for _, line in ipairs {
      "# TYPE connectparticipant_calls_total counter",
      'connectparticipant_calls_total{operation="SendMessage",outcome="service"} 1',
      'connectparticipant_calls_total{operation="SendMessage",outcome="success"} 1',
      "# TYPE connectparticipant_call_seconds histogram",
      'connectparticipant_call_seconds_bucket{operation="SendMessage",le="+Inf"} 2',
      'connectparticipant_call_seconds_count{operation="SendMessage"} 2',
      'connectparticipant_gateway_requests_total{what="upload",status="201"} 1',
      'connectparticipant_gateway_request_seconds_bucket{what="upload",le="0.1"} 0',
      'connectparticipant_gateway_request_seconds_bucket{what="upload",le="0.25"} 1',
      'connectparticipant_gateway_request_seconds_sum{what="upload"} 0.200000',
    } do
      assert.truthy(("\n" .. text):find("\n" .. line .. "\n", 1, true), line .. "\n" .. text)
    end
    for line in text:gmatch "[^\n]+" do
      assert.truthy(line:find "^# [HT][EY][LP][PE] [a-z_]+ "
        or line:find '^[a-z_]+{[a-z]+="[%w+.]*"[^}]*} [%d.]+$', line)
    end
  end)
end)

describe("counters in a shared dictionary", function()
  local timers
  before_each(function()
    timers = {}
    _G.ngx = { shared = { counts = dictionary() }, timer = { at = function(_, fn)
      timers[#timers + 1] = fn
      return true
    end } }
  end)
  after_each(function() _G.ngx = nil end)

  it("are of all workers, and each adds its own once a second", function()
    local one, other = metrics.new "counts", metrics.new "counts"
    for _ = 1, 3 do one:request("upload", 201, 0.01) end
    other:request("upload", 201, 70)
    assert.equal(2, #timers)
    timers[2]()
    assert.equal(4, one:read().requests.upload["201"])
    assert.equal(4, other:read().requests.upload["201"])
    assert.equal(1, other:read().request_seconds.upload["+Inf"])
    assert.equal(70.03, other:read().request_seconds.upload.sum)
  end)

  it("are added at once where no timer can be made", function()
    function _G.ngx.timer.at() return nil, "no" end
    local one, other = metrics.new "counts", metrics.new "counts"
    one:request("upload", 201, 0.01)
    assert.equal(1, other:read().requests.upload["201"])
    function _G.ngx.timer.at() error "not here" end
    one:request("upload", 201, 0.01)
    assert.equal(2, other:read().requests.upload["201"])
  end)

  it("need a dictionary that nginx has", function()
    assert.is_nil(metrics.problem "counts")
    assert.is_nil(metrics.problem(nil))
    assert.truthy(metrics.problem("other"):find 'metrics = "other": nginx has no lua_shared_dict')
  end)
end)
