-- upload_attachment against stores and services that misbehave; looks at what went over the wire.
local faults = require "spec.support.faults"
local files = require "spec.support.files"
local participant = require "connectparticipant"
local process = require "spec.support.process"

local server, client
setup(function() server = faults.start() end)
teardown(function() server:stop() end)
before_each(function()
  client = participant.new { endpoint = server.url, connect_timeout = 5, stall_timeout = 5 }
end)
after_each(function() client:close() end)

local function upload(changes)
  local params = { ConnectionToken = "secret-connection-token", body = "hello",
    AttachmentName = "a.txt" }
  for name, value in pairs(changes or {}) do params[name] = value or nil end
  return client:upload_attachment(params)
end

local function paths()
  local list = {}
  for index, request in ipairs(server:seen().requests) do
    list[index] = request.method .. " " .. (request.path:match("^/participant/([%w-]+)")
      or request.path:match("^[^?]*"))
  end
  return table.concat(list, ", ")
end

local START, PUT, COMPLETE = "POST start-attachment-upload", "PUT /store/key",
  "POST complete-attachment-upload"

local function flow(...)
  return table.concat({ ... }, ", ")
end

local function failed(result, err, expected)
  assert.is_nil(result)
  for name, value in pairs(expected) do
    assert.equal(value, err[name], name .. ": " .. tostring(err))
  end
  assert.is_nil(tostring(err):find("0123abcd", 1, true))
  assert.is_nil(tostring(err):find("secret-connection-token", 1, true))
  return err
end

describe("an upload", function()
  it("logs no secret, even if the store calls the request by it", function()
    local seen = {}
    local own = participant.new { endpoint = server.url, logger = function(event)
      seen[#seen + 1] = event.step .. " " .. tostring(event.request_id)
    end }
    server:script { faults.started(),
      { headers = { { "x-amz-request-id", "0123abcd" } } }, faults.ok() }
    assert(own:upload_attachment { ConnectionToken = "token", body = "x", AttachmentName = "a" })
    own:close()
    assert.same({ "start nil", "put [redacted]", "complete nil" }, seen)
  end)

  it("keeps the token that it began with", function()
    server:script { faults.started(), faults.stored(), faults.ok() }
    local params = { ConnectionToken = "first", body = "hello", AttachmentName = "a.txt" }
    params.on_progress = function() params.ConnectionToken = "second" end
    assert(client:upload_attachment(params))
    local requests = server:seen().requests
    assert.equal("first", requests[1].headers["x-amz-bearer"])
    assert.equal("first", requests[3].headers["x-amz-bearer"])
  end)

  it("starts, puts, completes, and says what it made", function()
    server:script { faults.started(), faults.stored(), faults.ok() }
    local attachment, err = upload()
    assert.is_nil(err)
    assert.same({ AttachmentId = "attachment-1", AttachmentName = "a.txt",
      ContentType = "text/plain", AttachmentSizeInBytes = 5 }, attachment)
    assert.equal(flow(START, PUT, COMPLETE), paths())
    local put = server:seen().requests[2]
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
    server:script { faults.started { HeadersToInclude = headers }, faults.stored(), faults.ok() }
    assert(upload())
    local put = server:seen().requests[2]
    for name, value in pairs(headers) do assert.equal(value, put.headers[name:lower()]) end
  end)

  it("uses one connection for all three requests", function()
    server:script { faults.started(), faults.stored(), faults.ok() }
    assert(upload())
    assert.equal(1, server:seen().connections)
  end)
end)

describe("a PUT that the store refuses", function()
  it("is never followed by a Complete", function()
    server:script { faults.started(), faults.s3_error(403, "SignatureDoesNotMatch", "no") }
    local result, err = upload()
    failed(result, err, { kind = "storage", code = "SignatureDoesNotMatch", status = 403,
      step = "put", operation = "StartAttachmentUpload", attachment_id = "attachment-1",
      request_id = "R1", attempts = 1, retryable = false })
    assert.equal(flow(START, PUT), paths())
  end)

  it("is repeated where S3's table says so, from the first byte", function()
    server:script { faults.started(), faults.s3_error(500, "InternalError", "oops"),
      faults.s3_error(400, "RequestTimeout", "idle"), faults.stored(), faults.ok() }
    assert(upload())
    assert.equal(flow(START, PUT, PUT, PUT, COMPLETE), paths())
    assert.equal("hello", server:seen().requests[4].body)
  end)

  it("is repeated so often, and no more", function()
    server:script { faults.started(), { status = 503 }, { status = 503 }, { status = 503 } }
    local result, err = upload()
    failed(result, err, { kind = "storage", code = "503", step = "put", attempts = 3,
      retryable = true })
    assert.equal(flow(START, PUT, PUT, PUT), paths())
  end)

  it("by a redirect is not followed", function()
    server:script { faults.started(),
      { status = 301, headers = { { "Location", "${origin}/evil" } } } }
    local result, err = upload()
    failed(result, err, { kind = "storage", status = 301, step = "put" })
    assert.equal(flow(START, PUT), paths())
  end)

  it("because its URL has expired begins anew, with another ClientToken", function()
    server:script { faults.started(), faults.s3_error(403, "AccessDenied", "Request has expired"),
      faults.started(), faults.stored(), faults.ok() }
    assert(upload())
    assert.equal(flow(START, PUT, START, PUT, COMPLETE), paths())
    local requests = server:seen().requests
    local first = requests[1].body:match('"ClientToken":"(.-)"')
    assert.not_equal(first, requests[3].body:match('"ClientToken":"(.-)"'))
  end)

  it("because its URL has expired begins anew three times at most", function()
    local expired = faults.s3_error(403, "AccessDenied", "Request has expired")
    server:script { faults.started(), expired, faults.started(), expired, faults.started(),
      expired }
    local result, err = upload()
    failed(result, err, { kind = "storage", code = "AccessDenied", step = "put" })
    assert.equal(flow(START, PUT, START, PUT, START, PUT), paths())
  end)

  it("because its URL has expired ends where the caller gave the ClientToken", function()
    server:script { faults.started(), faults.s3_error(403, "AccessDenied", "Request has expired") }
    local result, err = upload { ClientToken = "mine" }
    failed(result, err, { kind = "storage", code = "AccessDenied" })
    assert.equal(flow(START, PUT), paths())
  end)

  it("early, before it has read the body, is believed", function()
    server:script { faults.started(), { status = 403, early = true, close = true,
      body = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>" } }
    local result, err = upload { body = ("x"):rep(300000) }
    failed(result, err, { kind = "storage", code = "AccessDenied" })
  end)
end)

describe("a connection that breaks", function()
  it("before, in or after the body has the PUT repeated from the first byte", function()
    local body = ("0123456789"):rep(50000)
    for _, fault in ipairs { { reset = "request" }, { reset = "body", after = 1000 },
      { reset = "headers", size = 9 }, { status = 200, length = 5, close = true } } do
      server:script { faults.started(), fault, faults.stored(), faults.ok() }
      local result, err = upload { body = body }
      assert.is_nil(err)
      assert.equal(#body, result.AttachmentSizeInBytes)
      assert.equal(#body, server:seen().requests[3].received)
    end
  end)

  it("tells a source that cannot be read again", function()
    server:script { faults.started(), { reset = "body", after = 1000 } }
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

  it("at Complete has it repeated with the same ClientToken", function()
    local broken = { reset = "headers", size = 9 }
    server:script { faults.started(), faults.stored(), broken, faults.ok() }
    assert(upload())
    local requests = server:seen().requests
    assert.equal(requests[3].body, requests[4].body)
    assert.equal(requests[3].headers["amz-sdk-invocation-id"],
      requests[4].headers["amz-sdk-invocation-id"])
    assert.equal("attempt=1; max=3", requests[3].headers["amz-sdk-request"])
    assert.equal("attempt=2; max=3", requests[4].headers["amz-sdk-request"])
  end)

  it("at Complete, and then a conflict, is a success", function()
    local conflict = { status = 409, headers = { { "x-amzn-ErrorType", "ConflictException" } },
      body = '{"Message":"already"}' }
    server:script { faults.started(), faults.stored(), { reset = "headers", size = 9 }, conflict }
    assert(upload())
    server:script { faults.started(), faults.stored(), conflict }
    local result, err = upload()
    failed(result, err, { kind = "service", code = "ConflictException", step = "complete",
      attachment_id = "attachment-1" })
  end)
end)

describe("a server that says nothing", function()
  it("is given up after stall_timeout", function()
    client:close()
    client = participant.new { endpoint = server.url, stall_timeout = 0.2, max_attempts = 1 }
    server:script { { hang = "request" } }
    local result, err = upload()
    failed(result, err, { kind = "timeout", code = "OPERATION_TIMEDOUT", step = "start" })
    assert.truthy(err.message:find("stall_timeout", 1, true))
  end)

  it("is given up at the deadline, over all attempts", function()
    client:close()
    client = participant.new { endpoint = server.url, timeout = 0.3 }
    server:script { faults.started(), { hang = "request" } }
    local result, err = upload()
    failed(result, err, { kind = "timeout", code = "OPERATION_TIMEDOUT", step = "put",
      attachment_id = "attachment-1" })
  end)

  it("about 100 Continue gets the body all the same", function()
    server:script { faults.started(), { status = 200, continue = false }, faults.ok() }
    local body = ("x"):rep(1024 * 1024)
    assert(upload { body = body })
    local put = server:seen().requests[2]
    assert.equal("100-continue", put.headers.expect)
    assert.equal(#body, put.received)
  end)
end)

describe("an answer of the service", function()
  it("that is not JSON is a protocol error, and nothing is sent", function()
    server:script { { status = 200, body = "<html>" } }
    local result, err = upload()
    failed(result, err, { kind = "protocol", code = "InvalidResponse", step = "start" })
    assert.equal(START, paths())
  end)

  it("that names no URL is a protocol error", function()
    server:script { { status = 200, body = '{"AttachmentId":"a"}' } }
    local result, err = upload()
    failed(result, err, { kind = "protocol", step = "start" })
  end)

  it("with an unsafe URL has nothing sent to it", function()
    for _, url in ipairs { "http://example.com/x?y", "file:///etc/passwd", "ftp://127.0.0.1/",
      "http://user:pw@127.0.0.1/", "${origin}/" .. ("x"):rep(5000), "nonsense",
      "http://127.0.0.1.example.com/" } do
      server:script { faults.started { Url = url } }
      local result, err = upload()
      failed(result, err, { kind = "protocol", step = "put", attachment_id = "attachment-1" })
      assert.equal(START, paths())
    end
  end)

  it("with headers that cannot be sent has nothing sent", function()
    for name, value in pairs { ["x-a"] = "b\r\nX-Evil: 1", ["x-b\r\nX-Evil"] = "1",
      ["x-c"] = "nul\0", ["bad name"] = "1", ["Content-Length"] = "6", ["content-length"] = "five",
      ["Transfer-Encoding"] = "chunked", ["Host"] = "evil" } do
      server:script { faults.started { HeadersToInclude = { [name] = value } } }
      local result, err = upload()
      failed(result, err, { kind = "protocol", step = "put" })
      assert.equal(START, paths())
    end
  end)

  it("of an error keeps its words, its id, and its secrets", function()
    server:script { { status = 402, body = '{"Message":"full: secret-connection-token"}',
      headers = { { "x-amzn-ErrorType", "ServiceQuotaExceededException" },
        { "x-amzn-RequestId", "id-7" } } } }
    local result, err = upload()
    failed(result, err, { kind = "service", code = "ServiceQuotaExceededException", status = 402,
      request_id = "id-7", step = "start", retryable = false })
  end)
end)

describe("a source", function()
  local place, directory
  setup(function()
    place = files.new()
    directory = place.directory
  end)
  teardown(function() place:remove() end)

  it("that is a path gives name, type and size", function()
    server:script { faults.started(), faults.stored(), faults.ok() }
    local path = place:write("Ünï côde.pdf", "%PDF")
    local attachment = assert(upload { body = false, AttachmentName = false, path = path })
    assert.equal("Ünï côde.pdf", attachment.AttachmentName)
    assert.equal("application/pdf", attachment.ContentType)
    assert.equal(4, attachment.AttachmentSizeInBytes)
  end)

  it("that is a handle is read from where it stands, and left open", function()
    server:script { faults.started(), faults.stored(), faults.ok() }
    local file = assert(io.open(place:write("handle.txt", "0123456789")))
    file:read(4)
    assert(upload { body = false, file = file })
    assert.equal("456789", server:seen().requests[2].body)
    assert.equal("file", io.type(file))
    file:close()
  end)

  it("that is a function may be slow", function()
    server:script { faults.started(), faults.stored(), faults.ok() }
    local chunks = { "he", "", "", "ll", "o" }
    local index = 0
    assert(upload { body = false, AttachmentSizeInBytes = 5, read = function()
      index = index + 1
      return chunks[index]
    end })
    assert.equal("hello", server:seen().requests[2].body)
  end)

  it("that is wrong has nothing completed", function()
    local function read_of(...)
      local chunks, index = { ... }, 0
      return function()
        index = index + 1
        return chunks[index]
      end
    end
    for code, read in pairs { SourceTooShort = read_of "hell",
      SourceTooLong = read_of("hel", "lo!"), NotAString = read_of(42) } do
      server:script { faults.started(), faults.stored(), faults.ok() }
      local result, err = upload { body = false, AttachmentSizeInBytes = 5, read = read }
      failed(result, err, { kind = "source", step = "put", attachment_id = "attachment-1" })
      assert.is_nil(paths():find(COMPLETE, 1, true), code)
    end
  end)

  it("that raises has its error passed on, and the client stays usable", function()
    server:script { faults.started(), faults.stored(), faults.ok() }
    local ok, raised = pcall(upload, { body = false, AttachmentSizeInBytes = 5, read = function()
      error("out of paper", 0)
    end })
    assert.is_false(ok)
    assert.equal("out of paper", raised)
    server:seen() -- by now the PUT that was broken off has had its answer
    server:script { faults.started(), faults.stored(), faults.ok() }
    assert(upload())
  end)

  it("that is no file is refused before anything is sent", function()
    server:script {}
    process.run { "mkfifo", directory .. "/fifo" }
    for path, kind in pairs { [directory .. "/none"] = "source", [directory] = "source",
      ["/dev/null"] = "source", [directory .. "/fifo"] = "source",
      [place:write("empty", "")] = "validation" } do
      local result, err = upload { body = false, path = path }
      failed(result, err, { kind = kind })
    end
    assert.equal("", paths())
  end)

  it("that changes while it is read is never completed", function()
    local path = place:write("growing.txt", ("x"):rep(600000))
    server:script { faults.started(), faults.stored(), faults.ok() }
    local grown = false
    local result, err = upload { body = false, path = path, on_progress = function()
      grown = true
    end }
    -- The file grows between Start and PUT, by the log's event of the first.
    client:close()
    client = participant.new { endpoint = server.url, logger = function(event)
      if event.step ~= "start" then return end
      local file = assert(io.open(path, "ab"))
      file:write "more"
      file:close()
    end }
    assert.is_nil(err)
    assert.truthy(result and grown)
    server:script { faults.started(), faults.stored(), faults.ok() }
    result, err = upload { body = false, path = path }
    failed(result, err, { kind = "source", step = "put" })
    assert.is_nil(paths():find(COMPLETE, 1, true))
  end)

  it("must be one, and of the size announced", function()
    server:script {}
    failed(client:upload_attachment { ConnectionToken = "t", AttachmentName = "a" }, nil, {})
    for _, params in ipairs { { ConnectionToken = "t" }, { path = "a", body = "b" },
      { pth = "a" }, { path = 5 }, { file = "a" }, { read = "a", AttachmentSizeInBytes = 1 } } do
      local result, err = client:upload_attachment(params)
      failed(result, err, { kind = "validation", code = "ParamValidationError" })
    end
    local result, err = upload { AttachmentSizeInBytes = 6 }
    failed(result, err, { kind = "source" })
    assert.equal("", paths())
  end)
end)

describe("progress", function()
  it("rises to everything, and ends there", function()
    server:script { faults.started(), faults.stored(), faults.ok() }
    local told = {}
    assert(upload { body = ("x"):rep(2000000), on_progress = function(sent, total)
      assert.equal(2000000, total)
      told[#told + 1] = sent
    end })
    assert.equal(2000000, told[#told])
    for index = 2, #told do assert.truthy(told[index] >= told[index - 1]) end
  end)

  it("cancels with false", function()
    server:script { faults.started(), faults.stored(), faults.ok() }
    local result, err = upload { on_progress = function() return false end }
    failed(result, err, { kind = "cancelled", attachment_id = "attachment-1" })
    assert.is_nil(paths():find(COMPLETE, 1, true))
  end)

  it("that raises has its error passed on", function()
    server:script { faults.started(), faults.stored(), faults.ok() }
    local ok, raised = pcall(upload, { on_progress = function() error({ mine = true }) end })
    assert.is_false(ok)
    assert.same({ mine = true }, raised)
  end)
end)
