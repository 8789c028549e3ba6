-- From an answer to a result or an error. No network.
local core = require "connectparticipant.core"

local function read(operation, status, headers, body)
  return core.read_response(operation, status, headers or {}, body or "")
end

local function failed(status, headers, body, operation)
  local result, err = read(operation or "GetAttachment", status, headers, body)
  assert.is_nil(result)
  return err
end

describe("a result", function()
  it("holds AWS's members and the metadata", function()
    local result = read("StartAttachmentUpload", 200, { ["x-amzn-RequestId"] = "id-1" }, [[
      {"AttachmentId":"a-1","UploadMetadata":{"Url":"https://store/",
      "UrlExpiry":"2026-01-01T00:00:00Z","HeadersToInclude":{"Content-Length":"9"}}} ]])
    assert.equal("a-1", result.AttachmentId)
    assert.equal("https://store/", result.UploadMetadata.Url)
    assert.same({ ["Content-Length"] = "9" }, result.UploadMetadata.HeadersToInclude)
    assert.same({ RequestId = "id-1", HTTPStatusCode = 200, RetryAttempts = 0 },
      result.ResponseMetadata)
  end)

  it("has members that the model does not know, and no nulls", function()
    local result = read("GetAttachment", 200, {}, [[{"Url":null,"UrlExpiry":"x",
      "AttachmentSizeInBytes":5,"Null":null,"Whole":7.0,"Half":0.5,"Flag":false,"Empty":[],
      "New":{"a":[1,null,{"b":2.0,"c":null}],"d":null}}]])
    result.ResponseMetadata = nil
    assert.same({ UrlExpiry = "x", AttachmentSizeInBytes = 5, Whole = 7, Half = 0.5, Flag = false,
      Empty = {}, New = { a = { 1, { b = 2 } } } }, result)
    assert.equal("7", tostring(result.Whole))
    assert.equal("2", tostring(result.New.a[2].b))
  end)

  it("has integers for whole numbers", function()
    local result = read("GetAttachment", 200, {}, '{"AttachmentSizeInBytes":104857600}')
    assert.equal("104857600", tostring(result.AttachmentSizeInBytes))
    result = read("GetAttachment", 200, {}, '{"AttachmentSizeInBytes":9007199254740992}')
    assert.equal("9007199254740992", ("%.0f"):format(result.AttachmentSizeInBytes))
    result = read("DescribeView", 200, {}, '{"View":{"Version":3.0}}')
    assert.equal("3", tostring(result.View.Version))
  end)

  it("has dense lists", function()
    local result = read("GetTranscript", 200, {}, [[{"Transcript":[null,{"Id":"1","Attachments":
      [{"Status":"SOMETHING_NEW","x":1}]},null,{"Id":"2"},null]}]])
    assert.equal(2, #result.Transcript)
    assert.equal("2", result.Transcript[2].Id)
    assert.same({ { Status = "SOMETHING_NEW", x = 1 } }, result.Transcript[1].Attachments)
  end)

  it("is empty if the answer is", function()
    local result = read("CompleteAttachmentUpload", 200)
    assert.equal(200, result.ResponseMetadata.HTTPStatusCode)
    result.ResponseMetadata = nil
    assert.same({}, result)
  end)

  it("is a protocol error if the answer is not one JSON object", function()
    for _, body in ipairs { "[1]", "null", "nonsense", '{"a":1', "{} {}", '"text"', "<html>",
      ("["):rep(5000), ('{"a":'):rep(5000), "{\"a\":NaN}", "{}\0", "{}\0{}", '{"a":\0}' } do
      local err = failed(200, { ["x-amzn-requestid"] = "id-2" }, body)
      assert.equal("protocol", err.kind)
      assert.equal("InvalidResponse", err.code)
      assert.equal(200, err.status)
      assert.equal("id-2", err.request_id)
      assert.is_false(err.retryable)
    end
  end)

  it("is a protocol error if a member has the wrong type", function()
    for _, body in ipairs { '{"Url":5}', '{"AttachmentSizeInBytes":"5"}',
      '{"AttachmentSizeInBytes":1.5}', '{"AttachmentSizeInBytes":1e300}', '{"Url":{}}' } do
      assert.equal("protocol", failed(200, {}, body).kind)
    end
    local err = failed(200, {}, '{"UploadMetadata":{"HeadersToInclude":{"a":1}}}',
      "StartAttachmentUpload")
    assert.truthy(err.message:find("UploadMetadata.HeadersToInclude", 1, true))
    assert.equal("protocol", failed(200, {}, '{"Transcript":{"a":1}}', "GetTranscript").kind)
    err = failed(200, {}, '{"UploadMetadata":[1]}', "StartAttachmentUpload")
    assert.equal("protocol", err.kind)
  end)
end)

describe("a service error", function()
  it("takes its code from the header, then the body, then the status", function()
    local body = '{"code":"FromCode","__type":"FromType","message":"m"}'
    assert.equal("FromHeader", failed(400, { ["x-amzn-ErrorType"] = "FromHeader" }, body).code)
    assert.equal("FromCode", failed(400, {}, body).code)
    assert.equal("FromType", failed(400, {}, '{"__type":"FromType"}').code)
    assert.equal("400", failed(400, {}, '{"message":"m"}').code)
    assert.equal("42", failed(400, {}, '{"code":42}').code)
  end)

  it("sanitises the code as restJson1 says", function()
    for _, raw in ipairs { "FooError", "FooError:http://internal.amazon.com/coral/x/",
      "aws.protocoltests.restjson#FooError",
      "aws.protocoltests.restjson#FooError:http://internal.amazon.com/coral/",
      "FooError,BarError" } do
      assert.equal("FooError", failed(400, { ["X-Amzn-Errortype"] = raw }, "{}").code)
      assert.equal("FooError", failed(400, {}, ('{"__type":"%s"}'):format(raw)).code)
    end
  end)

  it("reads both casings of the message and all forms of the request id", function()
    assert.equal("one", failed(400, {}, '{"message":"one"}').message)
    assert.equal("two", failed(400, {}, '{"Message":"two"}').message)
    assert.equal("r1", failed(400, { ["x-amzn-RequestId"] = "r1" }, "").request_id)
    assert.equal("r2", failed(400, { ["x-amz-request-id"] = "r2" }, "").request_id)
  end)

  it("understands API Gateway", function()
    local err = failed(403, { ["x-amzn-ErrorType"] = "MissingAuthenticationTokenException" },
      '{"message":"Missing Authentication Token"}')
    assert.equal("MissingAuthenticationTokenException", err.code)
    assert.truthy(err.message:find("Missing Authentication Token", 1, true))
  end)

  it("survives bodies that are empty, HTML, text, broken or too large", function()
    for _, body in ipairs { "", "<html><body>Bad Gateway", "no JSON", "{", ("x"):rep(70000) } do
      local err = failed(502, {}, body)
      assert.equal("service", err.kind)
      assert.equal("502", err.code)
      assert.equal(502, err.status)
      assert.is_true(err.retryable)
      assert.is_true(#err.message > 0 and #err.message < 2100)
    end
  end)

  it("keeps the service's own message, and adds a hint", function()
    local denied = failed(403, { ["x-amzn-errortype"] = "AccessDeniedException" },
      '{"Message":"Access denied"}')
    assert.equal("Access denied", denied.message)
    assert.truthy(denied.hint:find("ConnectionToken", 1, true))
    assert.equal("GetAttachment: AccessDeniedException: Access denied (" .. denied.hint
      .. ") [status 403]", tostring(denied))
    denied = failed(403, {}, "{}", "CreateParticipantConnection")
    assert.truthy(denied.hint:find("ParticipantToken", 1, true))
    assert.equal("the server answered 403 without a message", denied.message)
    local quota = failed(402, {}, '{"message":"Quota exceeded"}')
    assert.equal("Quota exceeded", quota.message)
    assert.truthy(quota.hint:find("attachments", 1, true))
    assert.truthy(failed(429, {}, '{"message":"Rate exceeded"}').hint:find("pace", 1, true))
    assert.truthy(failed(413, {}, "").hint:find("larger", 1, true))
    assert.is_nil(failed(400, {}, '{"message":"no"}').hint)
    assert.is_nil(failed(500, {}, '{"message":"no"}').hint)
  end)

  it("is found under code in any case, __type, and message in any case", function()
    for _, key in ipairs { "code", "Code", "CODE", "cOdE" } do
      assert.equal("Foo", failed(400, {}, ('{"%s":"Foo","__type":"Bar"}'):format(key)).code)
    end
    for _, key in ipairs { "message", "Message", "MESSAGE", "errorMessage" } do
      assert.equal("no", failed(400, {}, ('{"%s":"no"}'):format(key)).message)
    end
    assert.equal("a", failed(400, {}, '{"Code":"b","code":"a","CODE":"c"}').code)
    assert.equal("a", failed(400, {}, '{"Message":"b","message":"a","errorMessage":"c"}').message)
    assert.equal("400", failed(400, {}, '{"error":{"code":"Nested"},"x":{"__type":"y"}}').code)
    assert.equal("400", failed(400, {}, '[{"code":"Listed"}]').code)
  end)

  it("takes a numeric code as text, if it is a whole number", function()
    for json, code in pairs { ["42"] = "42", ["403"] = "403", ["-1"] = "-1", ["0"] = "0",
      ["-0"] = "0", ["1e3"] = "1000", ["9007199254740992"] = "9007199254740992",
      ["4294967296"] = "4294967296", ["1.5"] = "T", ["1e300"] = "T", ["-1e300"] = "T",
      ["true"] = "T", ["null"] = "T", ["{}"] = "T", ["[1]"] = "T", ['""'] = "T", ['","'] = "T",
      ['"a#"'] = "T" } do
      assert.equal(code, failed(400, {}, ('{"code":%s,"__type":"T"}'):format(json)).code, json)
    end
    assert.equal("400", failed(400, {}, '{"code":1e999}').code)
    assert.equal("400", failed(400, {}, '{"code":NaN}').code)
  end)

  it("says of an HTML page only that it is one", function()
    for _, body in ipairs { "<html>x", "\n <!DOCTYPE html><p>", "\239\187\191<HTML>", "<head>",
      "<!-- x -->" } do
      assert.equal("the server answered 502 with an HTML page", failed(502, {}, body).message)
    end
    assert.equal("upstream gone", failed(502, {}, "upstream gone").message)
    assert.equal("the server answered 502 without a message", failed(502, {}, "\0text").message)
  end)

  it("knows what is retryable and what is throttling", function()
    local cases = { -- status, code, retryable, throttled
      { 500, "InternalServerException", true, false }, { 502, nil, true, false },
      { 503, nil, true, false }, { 504, nil, true, false }, { 501, nil, false, false },
      { 429, "ThrottlingException", true, true }, { 429, nil, true, true },
      { 400, "ThrottlingException", true, true }, { 503, "SlowDown", true, true },
      { 400, "RequestTimeout", true, false }, { 400, "ValidationException", false, false },
      { 403, "AccessDeniedException", false, false }, { 409, "ConflictException", false, false },
      { 402, "ServiceQuotaExceededException", false, false }, { 301, nil, false, false },
      { 404, "ResourceNotFoundException", false, false },
      { 500, "ValidationException", false, false },
    }
    for _, case in ipairs(cases) do
      local err = failed(case[1], { ["x-amzn-errortype"] = case[2] }, "{}")
      assert.equal("service", err.kind)
      assert.equal(case[3], err.retryable, case[1] .. " " .. tostring(case[2]))
      assert.equal(case[4], err.throttled, case[1] .. " " .. tostring(case[2]))
    end
  end)

  it("says how long the server asks to wait", function()
    local function after(value) return failed(503, { ["Retry-After"] = value }, "").retry_after end
    local function aws(value)
      return failed(429, { ["x-amz-retry-after"] = value }, "").retry_after
    end
    assert.equal(1.5, aws "1500")
    assert.equal(0, aws "0")
    assert.equal(7, after "7")
    for _, value in ipairs { "-5", "soon", "1e9", "1.5", "0x10", "", "5 s", "+5" } do
      assert.is_nil(aws(value))
      assert.is_nil(after(value))
    end
    for _, value in ipairs { "99999999999999999999999999", "18446744073709551616", "2147483649" } do
      assert.equal(2 ^ 31, after(value))
    end
    assert.equal(2147483.649, aws "2147483649")
    assert.equal(2 ^ 31, aws "99999999999999999999999999")
    local both = failed(429, { ["x-amz-retry-after"] = "250", ["Retry-After"] = "9" }, "")
    assert.equal(0.25, both.retry_after)
    both = failed(429, { ["x-amz-retry-after"] = "-1", ["Retry-After"] = "9" }, "")
    assert.equal(9, both.retry_after)
  end)

  it("reads HTTP's three date formats, and no others", function()
    local function after(value) return failed(503, { ["Retry-After"] = value }, "").retry_after end
    for _, past in ipairs { "Wed, 21 Oct 2015 07:28:00 GMT", "Wednesday, 21-Oct-15 07:28:00 GMT",
      "Wed Oct 21 07:28:00 2015", "Sun Nov  6 08:49:37 1994" } do
      assert.equal(0, after(past), past)
    end
    local now = os.time()
    for _, form in ipairs { "!%a, %d %b %Y %H:%M:%S GMT", "!%A, %d-%b-%y %H:%M:%S GMT",
      "!%a %b %d %H:%M:%S %Y" } do
      for _, ahead in ipairs { 3600, 86400 * 200, 86400 * 365 * 4 } do
        local seconds = after(os.date(form, now + ahead))
        assert.is_true(seconds <= ahead and seconds > ahead - 60, os.date(form, now + ahead))
      end
    end
    for _, broken in ipairs { "Wed, 21 Oct 2015", "Wed, 21 Foo 2015 07:28:00 GMT",
      "Wed, 21 Oct 2015 25:28:00 GMT", "Wed, 99 Oct 2015 07:28:00 GMT", "Oct", ",",
      "Wed, 21 Oct 2015 07:28:00 PST", "Wed, 21 Oct 99999999999999999999 07:28:00 GMT",
      "Wed, 21 Oct 1815 07:28:00 GMT", "2015-10-21T07:28:00Z" } do
      assert.is_nil(after(broken), broken)
    end
  end)

  it("shows no token that a header echoes, however long", function()
    local err = failed(400, { ["x-amzn-requestid"] = "X-Amz-Bearer: abc" .. ("d"):rep(200000),
      ["x-amzn-errortype"] = ("E"):rep(200000) }, ("m"):rep(60000))
    assert.equal("X-Amz-Bearer: [redacted]", err.request_id)
    assert.is_true(#err.code <= 260 and #err.message <= 2051)
  end)

  it("never shows the query of a presigned URL", function()
    local err = failed(400, {}, '{"message":"bad https://s/k?X-Amz-Credential=AKID%2Fx&'
      .. 'X-Amz-Signature=0123abcd&X-Amz-Security-Token=secret\\r\\nnext"}')
    for _, secret in ipairs { "AKID", "0123abcd", "secret", "\r", "\n" } do
      assert.is_nil(tostring(err):find(secret, 1, true))
    end
  end)
end)
