-- How core reads a caller's tables: raw, and every value once. What `__index` gives is fresh each
-- time, and nothing else holds it: under `make SANITIZE=1` a pointer kept into it is found here.
local core = require "connectparticipant.core"

-- A table whose __index makes each field's value anew whenever it is read.
local function fresh(values, seen)
  return setmetatable({}, { __index = function(_, name)
    seen[#seen + 1] = name
    collectgarbage "collect"
    local value = values[name]
    return type(value) == "string" and ("%s%d"):format(value, #seen) or value
  end })
end

describe("a table given to core", function()
  it("has the options that are its own", function()
    local seen = {}
    local settings, err = core.settings(fresh({ region = "us-east-", proxy = "p" }, seen))
    assert.is_nil(settings)
    assert.equal("region", err.option)
    assert.same({}, seen)
  end)

  it("has the fields of an error that are its own", function()
    local seen = {}
    assert.error_matches(function()
      core.new_error(fresh({ kind = "service", code = "Code", message = "text" }, seen))
    end, "kind, code and message are required")
    assert.same({}, seen)
    local err = core.new_error { kind = "k", code = "c", message = "m" }
    local show = getmetatable(err).__tostring
    assert.equal("unknown error", show(fresh({ message = "text" }, seen)))
    assert.same({}, seen)
  end)

  it("has the parameters that are its own", function()
    local seen = {}
    local request, err = core.build_request("GetAttachment",
      fresh({ ConnectionToken = "token", AttachmentId = "id" }, seen), { region = "us-east-1" })
    assert.is_nil(request)
    assert.truthy(err.message:find("ConnectionToken is required", 1, true))
    assert.same({}, seen)
  end)

  it("has the fields of a transfer that are its own, and no others than there are", function()
    local seen, engine = {}, core.engine()
    local settings = core.settings { endpoint = "http://127.0.0.1:1" }
    local fields = fresh({ method = "PUT", url = "http://127.0.0.1:1/", source = "bytes",
      operation = "StartAttachmentUpload", step = "put" }, seen)
    rawset(fields, "settings", settings)
    assert.error_matches(function() engine:transfer(fields) end, "method of a transfer")
    assert.same({}, seen)
    assert.error_matches(function() engine:transfer { method = "PUT" } end, "needs settings")
    assert.error_matches(function()
      engine:transfer { method = "PUT", settings = settings, header = {} }
    end, "unknown field 'header' %(did you mean 'headers'%?%)")
    assert.error_matches(function() engine:transfer { method = 1 } end, "must be a string")
    engine:close()
  end)
end)

describe("settings", function()
  -- The exchange keeps them alive: AddressSanitizer sees no read of freed memory.
  it("are freed once, however often they are finalised, and kept for exchanges", function()
    local settings = core.settings { endpoint = "http://127.0.0.1:1", proxy = "" }
    local exchange = core.request("GetAttachment",
      { ConnectionToken = "token", AttachmentId = "id" }, settings)
    local finalise = debug.getmetatable(settings).__gc
    finalise(settings)
    finalise(settings)
    assert.error_matches(function() settings:endpoint() end, "finalised")
    assert.error_matches(function() core.request("GetAttachment", {}, settings) end, "finalised")
    local engine = core.engine()
    assert(exchange:send(engine))
    while exchange:state() ~= "done" do
      engine:wait(1)
      engine:step()
    end
    local result, err = exchange:result()
    assert.is_nil(result)
    assert.equal("COULDNT_CONNECT", err.code)
    engine:close()
  end)
end)

describe("a transfer", function()
  local transfers = require "spec.support.transfers"
  local lab = transfers.new()
  setup(lab.open)
  teardown(lab.close)
  before_each(lab.begin)
  after_each(function() lab.engine:close() end)

  -- Strings that only the exchange holds; computed, so that Lua has no constants for them.
  it("keeps what it points to, whatever the collector finds", function()
    lab.server:script { {}, { status = 206, body = "789", content_range = "bytes 7-9/10",
      etag = '"etag-of-' .. 1 .. '"' } }
    local number = #tostring(lab):sub(1, 1)
    local put = assert(lab.transfer { source = ("0123456789"):rep(30000) .. number })
    local get = lab.get { sink = "drain", offset = 7, size = 10,
      etag = ('"etag-of-%d"'):format(number) }
    for _ = 1, 3 do collectgarbage "collect" end
    assert(lab.finish(put))
    assert.equal("789", lab.drain(get))
    assert(get:result())
    assert.equal(300001, put:info().bytes_sent)
  end)
end)
