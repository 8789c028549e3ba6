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

  it("drops unknown members and nulls", function()
    local result = read("GetAttachment", 200, {},
      '{"Url":null,"New":{"a":[1]},"UrlExpiry":"x","AttachmentSizeInBytes":5}')
    result.ResponseMetadata = nil
    assert.same({ UrlExpiry = "x", AttachmentSizeInBytes = 5 }, result)
  end)

  it("has whole numbers that are whole", function()
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
    assert.same({ { Status = "SOMETHING_NEW" } }, result.Transcript[1].Attachments)
  end)

  it("is empty where the answer is", function()
    local result = read("CompleteAttachmentUpload", 200)
    assert.equal(200, result.ResponseMetadata.HTTPStatusCode)
    result.ResponseMetadata = nil
    assert.same({}, result)
  end)

  it("is a protocol error where the answer is not one JSON object", function()
    for _, body in ipairs { "[1]", "null", "nonsense", '{"a":1', "{} {}", '"text"', "<html>",
      ("["):rep(5000), ('{"a":'):rep(5000), "{\"a\":NaN}" } do
      local err = failed(200, { ["x-amzn-requestid"] = "id-2" }, body)
      assert.equal("protocol", err.kind)
      assert.equal("InvalidResponse", err.code)
      assert.equal(200, err.status)
      assert.equal("id-2", err.request_id)
      assert.is_false(err.retryable)
    end
  end)

  it("is a protocol error where a member has the wrong type", function()
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

  it("says what helps where users always stumble", function()
    local denied = failed(403, { ["x-amzn-errortype"] = "AccessDeniedException" }, "{}")
    assert.truthy(denied.message:find("ConnectionToken", 1, true))
    denied = failed(403, {}, "{}", "CreateParticipantConnection")
    assert.truthy(denied.message:find("ParticipantToken", 1, true))
    local quota = failed(402, { ["x-amzn-errortype"] = "ServiceQuotaExceededException" }, "{}")
    assert.truthy(quota.message:find("attachments", 1, true))
  end)

  it("knows what may be repeated and what throttles", function()
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
    assert.equal(1.5, failed(429, { ["x-amz-retry-after"] = "1500" }, "").retry_after)
    assert.equal(7, failed(503, { ["Retry-After"] = "7" }, "").retry_after)
    local past = "Wed, 21 Oct 2015 07:28:00 GMT"
    assert.equal(0, failed(503, { ["Retry-After"] = past }, "").retry_after)
    assert.is_nil(failed(503, { ["x-amz-retry-after"] = "-5" }, "").retry_after)
    assert.is_nil(failed(503, { ["x-amz-retry-after"] = "soon" }, "").retry_after)
    assert.is_nil(failed(503, { ["Retry-After"] = "soon" }, "").retry_after)
  end)

  it("never shows the query of a presigned URL", function()
    local err = failed(400, {}, '{"message":"bad https://s/k?X-Amz-Credential=AKID%2Fx&'
      .. 'X-Amz-Signature=0123abcd&X-Amz-Security-Token=secret\\r\\nnext"}')
    for _, secret in ipairs { "AKID", "0123abcd", "secret", "\r", "\n" } do
      assert.is_nil(tostring(err):find(secret, 1, true))
    end
  end)
end)
