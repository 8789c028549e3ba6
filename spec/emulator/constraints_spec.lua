-- The constraints of AWS's model on requests.
local emulated = require "spec.support.emulated"

local refused = emulated.refused

local service
setup(function() service = emulated.start { scan_seconds = 0.01 } end)
teardown(function() service:stop() end)

describe("constraints", function()
  local token
  setup(function() token = service:connect() end)
  local long = ("x"):rep(20000)
  -- path, valid input, member, values that violate it
  local cases = {
    { "start-attachment-upload", { ContentType = "text/plain", AttachmentSizeInBytes = 5,
      AttachmentName = "a.txt", ClientToken = "c" }, {
      ContentType = { "", long:sub(1, 256), 5, false }, AttachmentSizeInBytes = { 0, -1, 1.5, "5" },
      AttachmentName = { "", long:sub(1, 257), 5 }, ClientToken = { "", long:sub(1, 501), 5 },
    }, { "ContentType", "AttachmentSizeInBytes", "AttachmentName", "ClientToken" } },
    { "complete-attachment-upload", { AttachmentIds = { "a" }, ClientToken = "c" }, {
      AttachmentIds = { {}, { "a", "b" }, { "" }, { long:sub(1, 257) }, { 5 }, "a", { a = "b" } },
      ClientToken = { "", long:sub(1, 501) },
    }, { "AttachmentIds", "ClientToken" } },
    { "attachment", { AttachmentId = "a" }, {
      AttachmentId = { "", long:sub(1, 257), 5 }, UrlExpiryInSeconds = { 4, 301, 5.5, "5" },
    }, { "AttachmentId" } },
    { "disconnect", {}, { ClientToken = { long:sub(1, 501), 5 } }, {} },
    { "message", { ContentType = "text/plain", Content = "x" }, {
      ContentType = { "", long:sub(1, 101), 5, "text/unknown" },
      Content = { "", long, 5, long:sub(1, 1025) }, ClientToken = { long:sub(1, 501) },
    }, { "ContentType", "Content" } },
    { "event", { ContentType = "application/vnd.amazonaws.connect.event.typing" }, {
      ContentType = { "", long:sub(1, 101), 5, "text/plain" }, Content = { "", long, 5 },
      ClientToken = { long:sub(1, 501) },
    }, { "ContentType" } },
    { "transcript", {}, {
      ContactId = { "", long:sub(1, 257) }, MaxResults = { -1, 101, 1.5, "5" },
      NextToken = { "", long:sub(1, 1001), "stranger" }, ScanDirection = { "SIDEWAYS", 5 },
      SortOrder = { "UPWARDS" }, StartPosition = { "x", { MostRecent = 101 }, { MostRecent = -1 },
        { Id = "" }, { Id = long:sub(1, 257) }, { AbsoluteTime = "" },
        { AbsoluteTime = long:sub(1, 101) } },
    }, {} },
    { "authentication-url", { SessionId = long:sub(1, 36), RedirectUri = "https://x" }, {
      SessionId = { "", long:sub(1, 35), long:sub(1, 37), 5 },
      RedirectUri = { "", long:sub(1, 1025), 5 },
    }, { "SessionId", "RedirectUri" } },
    { "cancel-authentication", { SessionId = long:sub(1, 36) }, {
      SessionId = { "", long:sub(1, 35), long:sub(1, 37), 5 },
    }, { "SessionId" } },
  }
  for _, case in ipairs(cases) do
    local path, valid, wrong, required = case[1], case[2], case[3], case[4]
    it("of " .. path .. " are enforced", function()
      for _, name in ipairs(required) do
        local input = {}
        for key, value in pairs(valid) do input[key] = value end
        input[name] = nil
        if next(input) == nil then input = "{}" end
        refused(service:call(path, token, input), 400, "ValidationException")
      end
      for name, values in pairs(wrong) do
        for _, value in ipairs(values) do
          local input = {}
          for key, given in pairs(valid) do input[key] = given end
          input[name] = value
          refused(service:call(path, token, input), 400, "ValidationException")
        end
      end
    end)
  end

  it("of CreateParticipantConnection are enforced", function()
    local participant = service:admin("POST", "chats", {}).participant_token
    for _, wrong in ipairs { { Type = { "PIGEON" } }, { Type = "WEBSOCKET" },
      { ConnectParticipant = "yes" } } do
      refused(service:call("connection", participant, wrong), 400, "ValidationException")
    end
    refused(service:call("connection", participant, '{"Type":[]}'), 400, "ValidationException")
  end)

  it("of text count characters, and want UTF-8", function()
    local input = { ContentType = "text/plain", AttachmentSizeInBytes = 5, ClientToken = "utf8",
      AttachmentName = ("é"):rep(256) }
    assert.equal(200, service:call("start-attachment-upload", token, input).status)
    local broken = '{"ContentType":"text/plain","AttachmentSizeInBytes":5,"ClientToken":"u",'
      .. '"AttachmentName":"a\255"}'
    refused(service:call("start-attachment-upload", token, broken), 400, "ValidationException")
  end)
end)
