-- Who may call, and what a request must look like: tokens, JSON, headers and paths.
local emulated = require "spec.support.emulated"

local refused = emulated.refused

local service
setup(function() service = emulated.start { scan_seconds = 0.01 } end)
teardown(function() service:stop() end)

describe("tokens", function()
  it("are required", function()
    refused(service:call("transcript", nil, {}), 401, "UnauthorizedException")
  end)

  it("must be known, and of the right kind", function()
    refused(service:call("transcript", "stranger", {}), 403, "AccessDeniedException")
    local connection, participant = service:connect()
    refused(service:call("transcript", participant, {}), 403, "AccessDeniedException")
    refused(service:call("connection", connection, {}), 403, "AccessDeniedException")
    assert.equal(200, service:call("transcript", connection, {}).status)
  end)

  it("end when the participant leaves", function()
    local connection = service:connect()
    assert.equal(200, service:call("disconnect", connection, {}).status)
    refused(service:call("transcript", connection, {}), 403, "AccessDeniedException")
  end)
end)

describe("a request", function()
  it("for no operation is API Gateway's to refuse", function()
    refused(service:call("nothing", "t", {}), 403, "MissingAuthenticationTokenException")
    refused(service:call("transcript", "t"), 403, "MissingAuthenticationTokenException")
  end)

  it("must be JSON", function()
    local token = service:connect()
    for _, body in ipairs { "nonsense", "[1]", '"x"', "{", "{} {}" } do
      refused(service:call("transcript", token, body), 400, "ValidationException")
    end
  end)
end)

describe("JSON", function()
  local token
  setup(function() token = service:connect() end)

  it("is read strictly by RFC 8259", function()
    for _, body in ipairs { '{"MaxResults":0x10}', '{"MaxResults":05}', '{"MaxResults":NaN}',
      '{"MaxResults":5,"MaxResults":6}', '{"MaxResults":5.0}', '{"MaxResults":5e0}',
      '{"NextToken":"\\ud800"}', '{"NextToken":"\\x"}', '{"NextToken":"\n"}', '{"x":"\255"}',
      '{"x":"\226\130\195\169\172"}', '{"MaxResults":5,}', '{"x":[1,]}', '{"x" 1}',
      '{"x":' .. ("["):rep(100) .. ("]"):rep(100) .. "}" } do
      refused(service:call("transcript", token, body), 400, "ValidationException")
    end
    for _, body in ipairs { "", " {} ", '{"MaxResults":null,"other":[{"a":[1.5,-2e3,true]}]}',
      '{"ContactId":null,"\\u00e9\\ud83d\\ude00":"\\"\\/"}' } do
      assert.equal(200, service:call("transcript", token, body).status)
    end
  end)

  it("is what a request must say it is", function()
    local answer = service:call("transcript", token, "{}", { ["Content-Type"] = "text/plain" })
    refused(answer, 415, "UnsupportedMediaTypeException")
  end)

  it("may have 256 KiB", function()
    local answer = service:call("transcript", token, (" "):rep(300 * 1024) .. "{}")
    refused(answer, 413, "RequestEntityTooLargeException")
  end)
end)

describe("what goes over the edge of a header or path", function()
  it("is a token or a view token of more than 1000 characters", function()
    refused(service:call("transcript", ("x"):rep(1001), {}), 400, "ValidationException")
    refused(service:call("transcript", ("x"):rep(1000), {}), 403, "AccessDeniedException")
    local token = service:connect()
    refused(service:call("views/" .. ("x"):rep(1001), token), 400, "ValidationException")
    refused(service:call("views/" .. ("%C3%A9"):rep(1000), token), 404,
      "ResourceNotFoundException")
    refused(service:call("views/%FF", token), 400, "ValidationException")
    refused(service:call("views/a/b", token), 403, "MissingAuthenticationTokenException")
  end)

  it("is never the name of an attachment", function()
    local token = service:connect()
    for _, name in ipairs { 'Zoë \226\128\175"q".txt', "a\r\nb: c.txt", ("é"):rep(256) } do
      local begun = service:begin(token, 5, name)
      local value = begun.UploadMetadata.HeadersToInclude["Content-Disposition"]
      assert.truthy(#value <= 256 and value:match '^attachment; filename="[%w%%. ]+"$', value)
      assert.equal(200, emulated.put(begun, "hello").status)
    end
  end)
end)
