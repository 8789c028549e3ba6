-- upload_attachment with stores and services that misbehave; asserts on what went over the wire.
local clocks = require "spec.support.clock"
local faults = require "spec.support.faults"
local flows = require "spec.support.flows"

local lab = flows.new()
setup(lab.open)
teardown(lab.close)
before_each(function() lab.begin() end)
after_each(lab.finish)

local failed, flow = flows.failed, flows.flow
local upload, paths = lab.upload, lab.paths
local EXPIRED = faults.s3_error(403, "AccessDenied", "Request has expired")
local START, PUT, COMPLETE = flows.START, flows.PUT, flows.COMPLETE

describe("an upload", function()
  it("logs no secret, even if the store uses it as a request id", function()
    local seen = {}
    lab.begin { logger = function(event)
      seen[#seen + 1] = event.step .. " " .. tostring(event.request_id)
    end }
    lab.server:script { faults.started(),
      { headers = { { "x-amz-request-id", "0123abcd" } } }, faults.ok() }
    assert(upload { ConnectionToken = "token" })
    assert.same({ "start nil", "put [redacted]", "complete nil" }, seen)
  end)

  it("keeps the token that it began with", function()
    lab.server:script { faults.started(), faults.stored(), faults.ok() }
    local params = { ConnectionToken = "first", body = "hello", AttachmentName = "a.txt" }
    params.on_progress = function() params.ConnectionToken = "second" end
    assert(lab.client:upload_attachment(params))
    local requests = lab.server:seen().requests
    assert.equal("first", requests[1].headers["x-amz-bearer"])
    assert.equal("first", requests[3].headers["x-amz-bearer"])
  end)

  it("starts, puts, completes, and returns the attachment", function()
    lab.server:script { faults.started(), faults.stored(), faults.ok() }
    local attachment, err = upload()
    assert.is_nil(err)
    assert.same({ AttachmentId = "attachment-1", AttachmentName = "a.txt",
      ContentType = "text/plain", AttachmentSizeInBytes = 5 }, attachment)
    assert.equal(flow(START, PUT, COMPLETE), paths())
    local put = lab.server:seen().requests[2]
    assert.equal("hello", put.body)
    assert.equal("42", put.headers["x-amz-meta-contact_id"])
    assert.equal("5", put.headers["content-length"])
    for _, name in ipairs { "x-amz-bearer", "amz-sdk-request", "amz-sdk-invocation-id", "expect",
      "transfer-encoding", "authorization" } do
      assert.is_nil(put.headers[name], name)
    end
  end)

  it("sends every header of the map as it is, whatever its name", function()
    local headers = {}
    for index = 1, 200 do headers["x-amz-meta-" .. index] = ("v"):rep(index) end
    headers["Content-Disposition"] = 'attachment; filename="é ü.txt"'
    headers["x-amz-server-side-encryption-context"] = "e30="
    headers["x-empty"] = ""
    headers["Content-Length"] = "5"
    lab.server:script { faults.started { HeadersToInclude = headers }, faults.stored(),
      faults.ok() }
    assert(upload())
    local put = lab.server:seen().requests[2]
    for name, value in pairs(headers) do assert.equal(value, put.headers[name:lower()]) end
  end)

  it("uses one connection for all three requests", function()
    lab.server:script { faults.started(), faults.stored(), faults.ok() }
    assert(upload())
    assert.equal(1, lab.server:seen().connections)
  end)
end)

describe("a PUT that the store refuses", function()
  it("is never followed by a Complete", function()
    lab.server:script { faults.started(), faults.s3_error(403, "SignatureDoesNotMatch", "no") }
    local result, err = upload()
    failed(result, err, { kind = "storage", code = "SignatureDoesNotMatch", status = 403,
      step = "put", operation = "StartAttachmentUpload", attachment_id = "attachment-1",
      request_id = "R1", attempts = 1, retryable = false })
    assert.equal(flow(START, PUT), paths())
  end)

  it("is repeated from the first byte if S3's table of errors says so", function()
    lab.server:script { faults.started(), faults.s3_error(500, "InternalError", "oops"),
      faults.s3_error(400, "RequestTimeout", "idle"), faults.stored(), faults.ok() }
    assert(upload())
    assert.equal(flow(START, PUT, PUT, PUT, COMPLETE), paths())
    assert.equal("hello", lab.server:seen().requests[4].body)
  end)

  it("is repeated up to max_attempts, and no more", function()
    lab.server:script { faults.started(), { status = 503 }, { status = 503 }, { status = 503 } }
    local result, err = upload()
    failed(result, err, { kind = "storage", code = "503", step = "put", attempts = 3,
      retryable = true })
    assert.equal(flow(START, PUT, PUT, PUT), paths())
  end)

  it("by a redirect is not followed", function()
    lab.server:script { faults.started(),
      { status = 301, headers = { { "Location", "${origin}/evil" } } } }
    local result, err = upload()
    failed(result, err, { kind = "storage", status = 301, step = "put" })
    assert.equal(flow(START, PUT), paths())
  end)

  it("with an expired URL starts over with another ClientToken", function()
    lab.server:script { faults.started(), EXPIRED,
      faults.started(), faults.stored(), faults.ok() }
    assert(upload())
    assert.equal(flow(START, PUT, START, PUT, COMPLETE), paths())
    local requests = lab.server:seen().requests
    local first = requests[1].body:match('"ClientToken":"(.-)"')
    assert.not_equal(first, requests[3].body:match('"ClientToken":"(.-)"'))
  end)

  it("after its UrlExpiry starts over, unless the clock was wrong from the beginning", function()
    for seconds, story in pairs {
      [60] = flow(START, PUT, PUT, START, PUT, COMPLETE),
      [-60] = flow(START, PUT, PUT, PUT, COMPLETE),
      [3600] = flow(START, PUT, PUT, PUT, COMPLETE),
    } do
      local clock = clocks.new()
      lab.begin({ logger = function(event)
        if event.step == "put" then clock.seconds = clock.seconds + 100 end
      end }, clock)
      local started = faults.started {
        UrlExpiry = os.date("!%Y-%m-%dT%H:%M:%S.000Z", clock.wall + seconds) }
      local again = seconds == 60 and started or faults.stored()
      lab.server:script { started, { status = 503 }, { status = 503 }, again,
        seconds == 60 and faults.stored() or faults.ok(), faults.ok() }
      assert(upload())
      assert.equal(story, paths())
    end
  end)

  it("with an expired URL has three starts at most", function()
    local expired = EXPIRED
    lab.server:script { faults.started(), expired, faults.started(), expired, faults.started(),
      expired }
    local result, err = upload()
    failed(result, err, { kind = "storage", code = "AccessDenied", step = "put" })
    assert.equal(flow(START, PUT, START, PUT, START, PUT), paths())
  end)

  it("with an expired URL is an error if the caller gave the ClientToken", function()
    lab.server:script { faults.started(), EXPIRED }
    local result, err = upload { ClientToken = "mine" }
    failed(result, err, { kind = "storage", code = "AccessDenied" })
    assert.equal(flow(START, PUT), paths())
  end)

  it("before it has read the body is believed", function()
    lab.server:script { faults.started(), { status = 403, early = true, close = true,
      body = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>" } }
    local result, err = upload { body = ("x"):rep(300000) }
    failed(result, err, { kind = "storage", code = "AccessDenied" })
  end)
end)

describe("a connection that breaks", function()
  it("before, in or after the body repeats the PUT from the first byte", function()
    local body = ("0123456789"):rep(50000)
    for _, fault in ipairs { { reset = "request" }, { reset = "body", after = 1000 },
      { reset = "headers", size = 9 }, { status = 200, length = 5, close = true } } do
      lab.server:script { faults.started(), fault, faults.stored(), faults.ok() }
      local result, err = upload { body = body }
      assert.is_nil(err)
      assert.equal(#body, result.AttachmentSizeInBytes)
      assert.equal(#body, lab.server:seen().requests[3].received)
    end
  end)

  it("is an error if the source cannot be read again", function()
    lab.server:script { faults.started(), { reset = "body", after = 1000 } }
    local left = 100
    local function read()
      left = left - 1
      return left >= 0 and ("x"):rep(10000) or nil
    end
    local result, err = upload { body = false, AttachmentSizeInBytes = 1000000, read = read }
    err = failed(result, err, { step = "put", retryable = false })
    assert.truthy(err.kind == "transport")
    assert.equal(flow(START, PUT), paths())
  end)
end)

describe("a server that says nothing", function()
  it("is given up after stall_timeout", function()
    lab.begin { stall_timeout = 0.2, max_attempts = 1 }
    lab.server:script { { hang = "request" } }
    local result, err = upload()
    failed(result, err, { kind = "timeout", code = "OPERATION_TIMEDOUT", step = "start" })
    assert.truthy(err.message:find("stall_timeout", 1, true))
  end)

  it("is given up at the deadline, over all attempts: the client's, or the call's own", function()
    for _, seconds in ipairs { { 0.3 }, { 100, 0.3 } } do
      lab.begin { timeout = seconds[1] }
      lab.server:script { faults.started(), { hang = "request" } }
      local result, err = upload { timeout = seconds[2] }
      failed(result, err, { kind = "timeout", code = "OPERATION_TIMEDOUT", step = "put",
        attachment_id = "attachment-1" })
    end
  end)

  it("about 100 Continue gets the body all the same", function()
    lab.server:script { faults.started(), { status = 200, continue = false }, faults.ok() }
    local body = ("x"):rep(1024 * 1024 + 1)
    assert(upload { body = body })
    local put = lab.server:seen().requests[2]
    assert.equal("100-continue", put.headers.expect)
    assert.equal(#body, put.received)
  end)
end)

describe("an answer of the service", function()
  it("that is not JSON is a protocol error, and nothing is sent", function()
    lab.server:script { { status = 200, body = "<html>" } }
    local result, err = upload()
    failed(result, err, { kind = "protocol", code = "InvalidResponse", step = "start" })
    assert.equal(START, paths())
  end)

  it("without a URL is a protocol error", function()
    lab.server:script { { status = 200, body = '{"AttachmentId":"a"}' } }
    local result, err = upload()
    failed(result, err, { kind = "protocol", step = "start" })
  end)

  it("with an unsafe URL has nothing sent to it", function()
    for _, url in ipairs { "http://example.com/x?y", "file:///etc/passwd", "ftp://127.0.0.1/",
      "http://user:pw@127.0.0.1/", "${origin}/" .. ("x"):rep(5000), "nonsense",
      "http://127.0.0.1.example.com/" } do
      lab.server:script { faults.started { Url = url } }
      local result, err = upload()
      failed(result, err, { kind = "protocol", step = "put", attachment_id = "attachment-1" })
      assert.equal(START, paths())
    end
  end)

  it("with headers that cannot be sent has nothing sent", function()
    for name, value in pairs { ["x-a"] = "b\r\nX-Evil: 1", ["x-b\r\nX-Evil"] = "1",
      ["x-c"] = "nul\0", ["bad name"] = "1", ["Content-Length"] = "6", ["content-length"] = "five",
      ["Transfer-Encoding"] = "chunked", ["Host"] = "evil" } do
      lab.server:script { faults.started { HeadersToInclude = { [name] = value } } }
      local result, err = upload()
      failed(result, err, { kind = "protocol", step = "put" })
      assert.equal(START, paths())
    end
  end)

  it("of an error keeps its words, its id, and its secrets", function()
    lab.server:script { { status = 402, body = '{"Message":"full: secret-connection-token"}',
      headers = { { "x-amzn-ErrorType", "ServiceQuotaExceededException" },
        { "x-amzn-RequestId", "id-7" } } } }
    local result, err = upload()
    failed(result, err, { kind = "service", code = "ServiceQuotaExceededException", status = 402,
      request_id = "id-7", step = "start", retryable = false })
  end)
end)
