-- From parameters to a request: what is refused, and what would go over the wire. No network.
local core = require "connectparticipant.core"
local cjson = require "cjson"

local REGION = { region = "us-west-2" }
local TOKEN = "a-connection-token"

local function upload(changes)
  local params = {
    ConnectionToken = TOKEN,
    AttachmentName = "invoice.pdf",
    AttachmentSizeInBytes = 48213,
    ContentType = "application/pdf",
  }
  for name, value in pairs(changes or {}) do params[name] = value end
  return params
end

local function without(params, name)
  params[name] = nil
  return params
end

local function refused(operation, params, ...)
  local request, err = core.build_request(operation, params, REGION)
  assert.is_nil(request)
  assert.equal("validation", err.kind)
  assert.equal("ParamValidationError", err.code)
  assert.equal(operation, err.operation)
  assert.is_false(err.retryable)
  for _, text in ipairs { ... } do
    assert.truthy(err.message:find(text, 1, true), ("%q is not in %q"):format(text, err.message))
  end
  return err
end

local function built(operation, params, options)
  local request, err = core.build_request(operation, params, options or REGION)
  assert.is_nil(err)
  return request
end

describe("a request", function()
  it("is the one in AWS's documentation", function()
    local request = built("StartAttachmentUpload", upload { ClientToken = "once" })
    assert.equal("POST", request.method)
    assert.equal("https://participant.connect.us-west-2.amazonaws.com"
      .. "/participant/start-attachment-upload", request.url)
    assert.equal(TOKEN, request.headers["X-Amz-Bearer"])
    assert.equal("application/json", request.headers["Content-Type"])
    assert.equal("attempt=1; max=1", request.headers["amz-sdk-request"])
    assert.equal('{"AttachmentName":"invoice.pdf","AttachmentSizeInBytes":48213,'
      .. '"ClientToken":"once","ContentType":"application/pdf"}', request.body)
  end)

  it("keeps the token out of the body", function()
    local request = built("StartAttachmentUpload", upload())
    assert.is_nil(request.body:find(TOKEN, 1, true))
  end)

  it("fills in a UUID of version 4 if no ClientToken is given", function()
    local first = cjson.decode(built("StartAttachmentUpload", upload()).body).ClientToken
    local second = cjson.decode(built("StartAttachmentUpload", upload()).body).ClientToken
    assert.truthy(first:match("^%x+%-%x+%-4%x+%-[89ab]%x+%-%x+$"))
    assert.equal(36, #first)
    assert.not_equal(first, second)
  end)

  it("escapes strings as JSON asks", function()
    local name = 'a"b\\c/é漢😀.pdf'
    local request = built("StartAttachmentUpload", upload { AttachmentName = name })
    assert.equal(name, cjson.decode(request.body).AttachmentName)
  end)

  it("escapes what JSON must not contain, and nothing else", function()
    local request = built("SendMessage", { ConnectionToken = TOKEN, ContentType = "text/plain",
      Content = '\t"/\\\r\n\226\128\168é\240\159\152\128"', ClientToken = "" })
    assert.equal([[{"ContentType":"text/plain","Content":"\t\"/\\\r\n]]
      .. '\226\128\168é\240\159\152\128' .. [[\"","ClientToken":""}]], request.body)
  end)

  it("writes sizes exactly, up to what every Lua represents exactly", function()
    for _, size in ipairs { "1", "20971520", "99999999999999", "100000000000000",
      "123456789012345", "9007199254740992" } do
      local request = built("StartAttachmentUpload",
        upload { AttachmentSizeInBytes = tonumber(size) })
      assert.equal(size, request.body:match('"AttachmentSizeInBytes":(%d+),'))
    end
    local request = built("StartAttachmentUpload", upload { AttachmentSizeInBytes = 20971520.0 })
    assert.truthy(request.body:find('"AttachmentSizeInBytes":20971520,', 1, true))
  end)

  it("percent-encodes members that go into the path", function()
    local request = built("DescribeView", { ConnectionToken = TOKEN, ViewToken = "a/b c?d#é%" })
    assert.equal("GET", request.method)
    assert.equal("/participant/views/a%2Fb%20c%3Fd%23%C3%A9%25",
      request.url:match("amazonaws.com(.*)"))
    assert.is_nil(request.body)
    assert.is_nil(request.headers["Content-Type"])
  end)

  it("is an empty object if all members are absent", function()
    local request = built("CreateParticipantConnection", { ParticipantToken = TOKEN })
    assert.equal("{}", request.body)
    assert.equal("application/json", request.headers["Content-Type"])
  end)

  it("may contain lists, booleans and nested members", function()
    local request = built("CreateParticipantConnection", {
      ParticipantToken = TOKEN, Type = { "WEBSOCKET", "CONNECTION_CREDENTIALS" },
      ConnectParticipant = false,
    })
    assert.equal('{"Type":["WEBSOCKET","CONNECTION_CREDENTIALS"],"ConnectParticipant":false}',
      request.body)
    request = built("GetTranscript", {
      ConnectionToken = TOKEN, MaxResults = 0, ScanDirection = "BACKWARD",
      SortOrder = "ASCENDING", StartPosition = { MostRecent = 5 },
    })
    assert.equal('{"MaxResults":0,"ScanDirection":"BACKWARD","SortOrder":"ASCENDING",'
      .. '"StartPosition":{"MostRecent":5}}', request.body)
  end)

  it("may contain line breaks in a message, and nowhere else", function()
    local request = built("SendMessage", {
      ConnectionToken = TOKEN, ContentType = "text/plain", Content = "one\r\n\ttwo",
    })
    assert.equal("one\r\n\ttwo", cjson.decode(request.body).Content)
    refused("SendMessage", { ConnectionToken = TOKEN, ContentType = "text/\nplain", Content = "x" },
      "ContentType must not contain control characters")
    refused("SendMessage", { ConnectionToken = TOKEN, ContentType = "text/plain", Content = "\0" },
      "Content must not contain control characters")
  end)
end)

describe("validation", function()
  it("lists every violation at once", function()
    local err = refused("StartAttachmentUpload", {
      "positional", connection_token = TOKEN, AttachmentSizeInBytes = 0, ContentType = "",
    }, "must have names only", "connection_token is not a member", "did you mean ConnectionToken?",
      "ConnectionToken is required", "AttachmentName is required",
      "AttachmentSizeInBytes must be at least 1", "ContentType must have at least 1 character")
    assert.is_nil(tostring(err):find(TOKEN, 1, true))
  end)

  it("names each required member that is missing", function()
    for _, name in ipairs { "ConnectionToken", "AttachmentName", "AttachmentSizeInBytes",
      "ContentType" } do
      refused("StartAttachmentUpload", without(upload(), name), name .. " is required")
    end
    refused("CompleteAttachmentUpload", { ConnectionToken = TOKEN }, "AttachmentIds is required")
    refused("GetAttachment", { ConnectionToken = TOKEN }, "AttachmentId is required")
    refused("DescribeView", { ConnectionToken = TOKEN }, "ViewToken is required")
    refused("CreateParticipantConnection", { ConnectionToken = TOKEN },
      "ParticipantToken is required", "ConnectionToken is not a member")
  end)

  -- name, operation, the other parameters, least and most characters
  local lengths = {
    { "ConnectionToken", "StartAttachmentUpload", upload(), 1, 1000 },
    { "AttachmentName", "StartAttachmentUpload", upload(), 1, 256 },
    { "ContentType", "StartAttachmentUpload", upload(), 1, 255 },
    { "ClientToken", "StartAttachmentUpload", upload(), 1, 500 },
    { "AttachmentId", "GetAttachment", { ConnectionToken = TOKEN }, 1, 256 },
    { "ParticipantToken", "CreateParticipantConnection", {}, 1, 1000 },
    { "ClientToken", "DisconnectParticipant", { ConnectionToken = TOKEN }, 0, 500 },
    { "Content", "SendMessage", { ConnectionToken = TOKEN, ContentType = "text/plain" }, 1, 16384 },
    { "ContentType", "SendMessage", { ConnectionToken = TOKEN, Content = "x" }, 1, 100 },
    { "ContentType", "SendEvent", { ConnectionToken = TOKEN }, 1, 100 },
    { "Content", "SendEvent", { ConnectionToken = TOKEN, ContentType = "x" }, 1, 16384 },
    { "ContactId", "GetTranscript", { ConnectionToken = TOKEN }, 1, 256 },
    { "NextToken", "GetTranscript", { ConnectionToken = TOKEN }, 1, 1000 },
    { "ViewToken", "DescribeView", { ConnectionToken = TOKEN }, 1, 1000 },
    { "RedirectUri", "GetAuthenticationUrl",
      { ConnectionToken = TOKEN, SessionId = ("s"):rep(36) }, 1, 1024 },
    { "SessionId", "CancelParticipantAuthentication", { ConnectionToken = TOKEN }, 36, 36 },
  }
  for _, case in ipairs(lengths) do
    local name, operation, others, least, most = case[1], case[2], case[3], case[4], case[5]
    it(("holds %s of %s to %d..%d characters"):format(name, operation, least, most), function()
      local function with(length)
        local params = { [name] = ("é"):rep(length) }
        for key, value in pairs(others) do
          if params[key] == nil then params[key] = value end
        end
        return params
      end
      built(operation, with(least))
      built(operation, with(most))
      refused(operation, with(most + 1), name .. " must have")
      if least > 0 then refused(operation, with(least - 1), name .. " must have") end
    end)
  end

  it("holds numbers to their limits", function()
    for _, wrong in ipairs { 0, -1, 1.5, 1 / 0, -1 / 0, 0 / 0, 2 ^ 53 + 2, 2 ^ 63 } do
      refused("StartAttachmentUpload", upload { AttachmentSizeInBytes = wrong },
        "AttachmentSizeInBytes must be")
    end
    for _, right in ipairs { 5, 300 } do
      built("GetAttachment",
        { ConnectionToken = TOKEN, AttachmentId = "a", UrlExpiryInSeconds = right })
    end
    for _, wrong in ipairs { 4, 301 } do
      refused("GetAttachment",
        { ConnectionToken = TOKEN, AttachmentId = "a", UrlExpiryInSeconds = wrong },
        "UrlExpiryInSeconds must be at")
    end
    for _, name in ipairs { "MaxResults" } do
      built("GetTranscript", { ConnectionToken = TOKEN, [name] = 100 })
      refused("GetTranscript", { ConnectionToken = TOKEN, [name] = 101 }, "at most 100")
      refused("GetTranscript", { ConnectionToken = TOKEN, [name] = -1 }, "at least 0")
    end
  end)

  it("refuses an integer that a double would round into the limits", function()
    local beyond = tonumber("9007199254740993") -- an integer on 5.3 and later, rounded before
    local request, err = core.build_request("StartAttachmentUpload",
      upload { AttachmentSizeInBytes = beyond }, REGION)
    if ("%.0f"):format(beyond) == tostring(beyond) or tostring(beyond):find("e") then
      assert.truthy(request) -- here it is 2^53 itself
    else
      assert.is_nil(request)
      assert.truthy(err.message:find("at most 9007199254740992", 1, true))
    end
  end)

  it("reports wrong types", function()
    local wrong = { ConnectionToken = 5, AttachmentName = true, AttachmentSizeInBytes = "1",
      ContentType = {}, ClientToken = print }
    refused("StartAttachmentUpload", wrong, "ConnectionToken must be a string, not number",
      "AttachmentName must be a string, not boolean",
      "AttachmentSizeInBytes must be a whole number, not string",
      "ContentType must be a string, not table", "ClientToken must be a string, not function")
    refused("CompleteAttachmentUpload", { ConnectionToken = TOKEN, AttachmentIds = "a" },
      "AttachmentIds must be a list")
    refused("CreateParticipantConnection", { ParticipantToken = TOKEN, ConnectParticipant = 1 },
      "ConnectParticipant must be a boolean")
    refused("GetTranscript", { ConnectionToken = TOKEN, StartPosition = "first", MaxResults = {} },
      "StartPosition must be a table, not string", "MaxResults must be a whole number, not table")
    refused("CompleteAttachmentUpload", { ConnectionToken = TOKEN, AttachmentIds = { {} } },
      "AttachmentIds[1] must be a string, not table")
    refused("CreateParticipantConnection", { ParticipantToken = TOKEN, Type = { 1, true, print } },
      "Type[1] must be a string, not number", "Type[2] must be a string, not boolean",
      "Type[3] must be a string, not function")
    refused("GetTranscript", { ConnectionToken = TOKEN, StartPosition = { "x" } },
      "StartPosition must have names only, not a number as key")
  end)

  it("checks lists and nested members", function()
    refused("CompleteAttachmentUpload", { ConnectionToken = TOKEN, AttachmentIds = {} },
      "AttachmentIds must have exactly 1")
    refused("CompleteAttachmentUpload", { ConnectionToken = TOKEN, AttachmentIds = { "a", "b" } },
      "AttachmentIds must have exactly 1")
    refused("CompleteAttachmentUpload", { ConnectionToken = TOKEN, AttachmentIds = { id = "a" } },
      "AttachmentIds must be a list")
    refused("CompleteAttachmentUpload", { ConnectionToken = TOKEN, AttachmentIds = { "" } },
      "AttachmentIds[1] must have at least 1")
    refused("CreateParticipantConnection", { ParticipantToken = TOKEN, Type = { "WEBSOCKETS" } },
      "Type[1] must be one of WEBSOCKET", "did you mean WEBSOCKET?")
    refused("GetTranscript", { ConnectionToken = TOKEN, StartPosition = { mostRecent = 101 } },
      "StartPosition.mostRecent is not a member", "did you mean MostRecent?")
    refused("GetTranscript", { ConnectionToken = TOKEN, StartPosition = { MostRecent = 101 } },
      "StartPosition.MostRecent must be at most 100")
    refused("GetTranscript", { ConnectionToken = TOKEN, SortOrder = "descending" },
      "did you mean DESCENDING?")
  end)

  it("refuses control characters in whatever becomes a header", function()
    for _, bad in ipairs { "a\r\nX-Evil: 1", "a\nb", "a\0b", "a\127", "\27[31m" } do
      refused("StartAttachmentUpload", upload { ConnectionToken = bad },
        "ConnectionToken must not contain control characters")
      refused("StartAttachmentUpload", upload { AttachmentName = bad },
        "AttachmentName must not contain control characters")
    end
    refused("StartAttachmentUpload", upload { ConnectionToken = " padded" }, "a space")
  end)

  it("classifies each ASCII character correctly, wherever it occurs", function()
    for code = 0, 255 do
      for at = 0, 17 do
        local name = ("x"):rep(at) .. string.char(code) .. ("y"):rep(17 - at)
        local request = core.build_request("StartAttachmentUpload",
          upload { AttachmentName = name }, REGION)
        assert.equal(code >= 32 and code < 127, request ~= nil, ("%d at %d"):format(code, at))
      end
    end
  end)

  it("refuses what is not UTF-8", function()
    for _, bad in ipairs { "\255", "a\195", "\192\128", "\237\160\128", "\244\144\128\128" } do
      refused("StartAttachmentUpload", upload { AttachmentName = bad },
        "AttachmentName must be valid UTF-8")
    end
  end)

  it("allows the decomposed characters that macOS puts into names", function()
    local name = "Screenshot 2025-05-24 at 2.42.48\226\128\175PM.png"
    built("StartAttachmentUpload", upload { AttachmentName = name })
  end)

  it("names unknown members even if their names are unprintable", function()
    local params = upload()
    params["a\0\27[31mb\255" .. ("x"):rep(100)] = 1
    refused("StartAttachmentUpload", params, "a  [31mb?xxx", "... is not a member")
  end)

  it("bounds its message if a table is full of unknown members", function()
    local params = upload()
    for i = 1, 1000 do params["stranger" .. i] = i end
    local err = refused("StartAttachmentUpload", params, "and 980 more")
    assert.is_true(#err.message < 8000)
    params = upload()
    for i = 1, 1000 do params[("SessionIdentifier"):rep(9) .. i] = i end
    err = core.build_request("CancelParticipantAuthentication", params, REGION) or
      select(2, core.build_request("CancelParticipantAuthentication", params, REGION))
    assert.truthy(err.message:find("; and %d+ more$"), err.message)
  end)
end)

describe("a wrong call", function()
  it("raises", function()
    assert.error_matches(function() core.build_request("StartAttachmentUploads", {}, REGION) end,
      "did you mean 'StartAttachmentUpload'")
    assert.has_error(function() core.build_request("StartAttachmentUpload", "x", REGION) end)
    assert.has_error(function() core.start_attachment_upload() end)
  end)
end)
