-- The emulated service, spoken to by hand: tokens, operations, idempotency, limits, faults.
local emulated = require "spec.support.emulated"
local emulator = require "connectparticipant.emulator"
local http = require "spec.support.http"
local process = require "spec.support.process"
local socket = require "socket"

local service
setup(function() service = emulated.start { scan_seconds = 0.01 } end)
teardown(function() service:stop() end)

local function refused(answer, status, code)
  assert.equal(status, answer.status, answer.body)
  assert.equal(code, answer.headers["x-amzn-errortype"])
  assert.truthy(answer.headers["x-amzn-requestid"])
  assert.equal("string", type(answer.result.Message or answer.result.message))
end

describe("tokens", function()
  it("are needed", function()
    refused(service:call("transcript", nil, {}), 401, "UnauthorizedException")
  end)

  it("must be known, and of the right kind", function()
    refused(service:call("transcript", "stranger", {}), 403, "AccessDeniedException")
    local connection, participant = service:connect()
    refused(service:call("transcript", participant, {}), 403, "AccessDeniedException")
    refused(service:call("connection", connection, {}), 403, "AccessDeniedException")
    assert.equal(200, service:call("transcript", connection, {}).status)
  end)

  it("end with the participant", function()
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

describe("CreateParticipantConnection", function()
  it("gives what is asked for", function()
    local participant = service:admin("POST", "chats", {}).participant_token
    local result = service:call("connection", participant,
      { Type = { "WEBSOCKET", "CONNECTION_CREDENTIALS", "WEBRTC_CONNECTION" } }).result
    assert.truthy(result.Websocket.Url:match("^wss://"))
    assert.truthy(result.ConnectionCredentials.Expiry:match("^%d+%-%d+%-%d+T%d+:%d+:%d+%.%d+Z$"))
    assert.truthy(result.WebRTCConnection.Meeting.MeetingId:match("^%x+%-%x+%-%x+%-%x+%-%x+$"))
    assert.is_nil(service:call("connection", participant, { Type = { "WEBSOCKET" } })
      .result.ConnectionCredentials)
  end)
end)

describe("an attachment", function()
  it("goes from start to approval", function()
    local token = service:connect()
    local begun = service:begin(token, 5)
    refused(service:call("attachment", token, { AttachmentId = begun.AttachmentId }), 400,
      "ValidationException")
    assert.equal(200, emulated.put(begun, "hello").status)
    local completed = service:complete(token, begun.AttachmentId)
    assert.equal(200, completed.status)
    local got = service:call("attachment", token, { AttachmentId = begun.AttachmentId }).result
    assert.equal(5, got.AttachmentSizeInBytes)
    local port, path = http.split(got.Url)
    assert.equal("hello", http.request { port = port, path = path }.body)
  end)

  it("cannot be completed before it is there", function()
    local token = service:connect()
    local begun = service:begin(token, 5)
    refused(service:complete(token, begun.AttachmentId), 400, "ValidationException")
  end)

  it("is completed once, though the same request may come twice", function()
    local token = service:connect()
    local begun = service:begin(token, 5)
    emulated.put(begun, "hello")
    assert.equal(200, service:complete(token, begun.AttachmentId, "once").status)
    assert.equal(200, service:complete(token, begun.AttachmentId, "once").status)
    refused(service:complete(token, begun.AttachmentId, "twice"), 409, "ConflictException")
  end)

  it("is the same for the same ClientToken, and refused with other parameters", function()
    local token = service:connect()
    local input = { ContentType = "text/plain", AttachmentSizeInBytes = 5, AttachmentName = "a.txt",
      ClientToken = "same" }
    local first = service:call("start-attachment-upload", token, input).result
    local second = service:call("start-attachment-upload", token, input).result
    assert.equal(first.AttachmentId, second.AttachmentId)
    input.AttachmentSizeInBytes = 6
    refused(service:call("start-attachment-upload", token, input), 400, "ValidationException")
  end)

  it("belongs to its chat", function()
    local token, stranger = service:connect(), service:connect()
    local begun = service:begin(token, 5)
    emulated.put(begun, "hello")
    service:complete(token, begun.AttachmentId)
    refused(service:call("attachment", stranger, { AttachmentId = begun.AttachmentId }), 400,
      "ValidationException")
  end)

  it("with the EICAR test string is rejected", function()
    local token = service:connect()
    local virus = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-" .. "ANTIVIRUS-TEST-FILE!$H+H*"
    local begun = service:begin(token, #virus)
    emulated.put(begun, virus)
    service:complete(token, begun.AttachmentId)
    local status
    repeat
      local page = service:call("transcript", token, {}).result
      status = page.Transcript[1].Attachments[1].Status
    until status ~= "IN_PROGRESS"
    assert.equal("REJECTED", status)
    refused(service:call("attachment", token, { AttachmentId = begun.AttachmentId }), 400,
      "ValidationException")
  end)
end)

describe("an instance", function()
  it("has a quota of attachments a chat", function()
    service:admin("POST", "settings", { quota = 2 })
    local token = service:connect()
    service:begin(token, 5)
    service:begin(token, 5)
    local answer = service:call("start-attachment-upload", token, { ContentType = "text/plain",
      AttachmentSizeInBytes = 5, AttachmentName = "a.txt", ClientToken = "third" })
    refused(answer, 402, "ServiceQuotaExceededException")
    service:admin("POST", "settings", { quota = 35 })
  end)

  it("has a size limit, and may allow some extensions only", function()
    local token = service:connect()
    local function start(name, size)
      return service:call("start-attachment-upload", token, { ContentType = "text/plain",
        AttachmentSizeInBytes = size, AttachmentName = name, ClientToken = emulated.token() })
    end
    assert.equal(200, start("a.txt", 20 * 1024 * 1024).status)
    refused(start("a.txt", 20 * 1024 * 1024 + 1), 400, "ValidationException")
    service:admin("POST", "settings", { extensions = { "pdf" } })
    refused(start("a.txt", 5), 400, "ValidationException")
    assert.equal(200, start("a.PDF", 5).status)
    service:admin("POST", "settings", { extensions = "aws" })
    assert.equal(200, start("a.heic", 5).status)
    refused(start("a.exe", 5), 400, "ValidationException")
    refused(start("pdf", 5), 400, "ValidationException")
    service:admin("POST", "settings", { extensions = "*" })
  end)
end)

describe("a transcript", function()
  local token
  setup(function()
    token = service:connect()
    for index = 1, 25 do
      service:call("message", token, { ContentType = "text/plain", Content = "m" .. index })
    end
  end)

  local function contents(input)
    local list = {}
    repeat
      local page = service:call("transcript", token, input).result
      for _, item in ipairs(page.Transcript or {}) do list[#list + 1] = item.Content end
      input.NextToken = page.NextToken
    until not page.NextToken
    return list
  end

  it("comes page by page, newest first", function()
    local list = contents { MaxResults = 7 }
    assert.equal(25, #list)
    assert.equal("m25", list[1])
    assert.equal("m1", list[25])
  end)

  it("goes forward from a position", function()
    local first = service:call("transcript", token, { MaxResults = 100, SortOrder = "ASCENDING" })
      .result.Transcript[2]
    assert.equal("m1", first.Content)
    local list = contents { StartPosition = { Id = first.Id }, SortOrder = "ASCENDING",
      MaxResults = 10 }
    assert.equal("m1", list[1])
    assert.equal("m25", list[25])
    assert.same({ "m24", "m25" }, contents { StartPosition = { MostRecent = 2 },
      SortOrder = "ASCENDING" })
  end)
end)

describe("participants", function()
  local chat
  setup(function()
    chat = service:admin("POST", "chats", { participants = {
      { role = "CUSTOMER", display_name = "Zoë" }, { role = "AGENT" }, { role = "CUSTOM_BOT" },
    } })
  end)

  local function join(index)
    return (service:connect(chat.participants[index].participant_token))
  end

  it("of one chat see one transcript, and each other's attachments, but for bots", function()
    local customer, agent, bot = join(1), join(2), join(3)
    service:call("message", customer, { ContentType = "text/plain", Content = "Hello" })
    local item = service:call("transcript", agent, {}).result.Transcript[1]
    assert.same({ "Hello", "CUSTOMER", "Zoë" },
      { item.Content, item.ParticipantRole, item.DisplayName })
    local begun = service:begin(customer, 5)
    emulated.put(begun, "hello")
    refused(service:complete(agent, begun.AttachmentId), 403, "AccessDeniedException")
    service:complete(customer, begun.AttachmentId)
    local input = { AttachmentId = begun.AttachmentId }
    assert.equal(200, service:call("attachment", agent, input).status)
    refused(service:call("attachment", bot, input), 403, "AccessDeniedException")
  end)

  it("may read on when the customer has left, and no more", function()
    local customer, agent = join(1), join(2)
    assert.equal("", service:call("disconnect", customer, {}).body)
    local page = service:call("transcript", agent, {}).result
    assert.equal("application/vnd.amazonaws.connect.event.chat.ended",
      page.Transcript[1].ContentType)
    refused(service:call("message", agent, { ContentType = "text/plain", Content = "x" }), 403,
      "AccessDeniedException")
    refused(service:call("connection", chat.participants[1].participant_token,
      { Type = { "CONNECTION_CREDENTIALS" } }), 403, "AccessDeniedException")
  end)
end)

describe("a message", function()
  it("with a ClientToken is sent once", function()
    local token = service:connect()
    local input = { ContentType = "text/plain", Content = "once", ClientToken = "message" }
    local first = service:call("message", token, input).result
    assert.same(first, service:call("message", token, input).result)
    input.Content = "twice"
    refused(service:call("message", token, input), 400, "ValidationException")
    assert.equal(2, #service:call("transcript", token, {}).result.Transcript)
  end)
end)

describe("an event about a message", function()
  it("gives the message a receipt of whom it reached", function()
    local chat = service:admin("POST", "chats",
      { participants = { { role = "CUSTOMER" }, { role = "AGENT" } } })
    local customer = service:connect(chat.participants[1].participant_token)
    local agent = service:connect(chat.participants[2].participant_token)
    local sent = service:call("message", agent,
      { ContentType = "text/plain", Content = "x" }).result
    local event = { Content = ('{"messageId":"%s"}'):format(sent.Id),
      ContentType = "application/vnd.amazonaws.connect.event.message.delivered" }
    local delivered = service:call("event", customer, event).result.AbsoluteTime
    event.ContentType = "application/vnd.amazonaws.connect.event.message.read"
    local read = service:call("event", customer, event).result.AbsoluteTime
    local message = service:call("transcript", agent, { StartPosition = { Id = sent.Id },
      MaxResults = 1 }).result.Transcript[1]
    assert.same({ MessageId = sent.Id, Receipts = { { DeliveredTimestamp = delivered,
      ReadTimestamp = read, RecipientParticipantId = chat.participants[1].participant_id } } },
      message.MessageMetadata)
    event.Content = '{"messageId":"stranger"}'
    refused(service:call("event", customer, event), 400, "ValidationException")
  end)
end)

describe("JSON", function()
  local token
  setup(function() token = service:connect() end)

  it("is read as it is defined, and not more", function()
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

describe("views and authentication", function()
  it("know their tokens", function()
    local chat = service:admin("POST", "chats", {})
    local token = service:connect(chat.participant_token)
    assert.equal(200, service:call("views/" .. chat.view_token, token).status)
    refused(service:call("views/stranger", token), 404, "ResourceNotFoundException")
    local answer = service:call("authentication-url", token, { SessionId = chat.session_id,
      RedirectUri = "https://example.com/" })
    assert.truthy(answer.result.AuthenticationUrl:match("^https://"))
    assert.equal(200, service:call("cancel-authentication", token,
      { SessionId = chat.session_id }).status)
  end)
end)

describe("faults", function()
  it("come as often as asked, and as told", function()
    local token = service:connect()
    service:fault { operation = "GetTranscript", count = 2, status = 503, code = "Busy" }
    assert.equal(503, service:call("transcript", token, {}).status)
    local second = service:call("transcript", token, {})
    assert.equal("Busy", second.headers["x-amzn-errortype"])
    assert.equal(200, service:call("transcript", token, {}).status)
  end)

  it("are refused where they could never come", function()
    for _, fault in ipairs { { operation = "Bogus" }, { operation = "PutObject", action = "x" },
      {} } do
      assert.has_error(function() service:fault(fault) end)
    end
    service:fault { operation = "PutObject", count = 0 }
    service:admin("DELETE", "faults")
  end)

  it("repeat themselves when they come by chance", function()
    local token = service:connect()
    local function run()
      service:fault { operation = "GetTranscript", probability = 0.5, seed = 42 }
      local seen = {}
      for index = 1, 20 do seen[index] = service:call("transcript", token, {}).status end
      service:admin("DELETE", "faults")
      return table.concat(seen, " ")
    end
    local first = run()
    assert.truthy(first:find("200") and first:find("500"))
    assert.equal(first, run())
  end)

  it("may spoil the answer of a call that was carried out", function()
    local token = service:connect()
    local body = '{"ContentType":"text/plain","Content":"done"}'
    local request = ("POST /participant/message HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
      .. "X-Amz-Bearer: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s")
      :format(token, #body, body)
    for index, action in ipairs { "reset", "reset_after_headers", "truncate", "error" } do
      service:fault { operation = "SendMessage", action = action, after = true }
      local answer = http.raw(service.port, request)
      assert.is_nil(answer:find('"AbsoluteTime":"%d+.*"}'))
      assert.equal(action == "reset", answer == "")
      assert.equal(index + 1, #service:call("transcript", token, {}).result.Transcript)
    end
  end)

  it("reset and truncate", function()
    service:fault { operation = "GetTranscript", action = "reset" }
    local request = "POST /participant/transcript HTTP/1.1\r\nHost: x\r\n"
      .. "Content-Length: 2\r\n\r\n{}"
    assert.equal("", http.raw(service.port, request))
    service:fault { operation = "GetTranscript", action = "truncate" }
    assert.truthy(http.raw(service.port, request):match('"AttachmentId":"$'))
  end)
end)

describe("connections", function()
  it("may be opened and dropped by the thousand", function()
    local token = service:connect()
    local begun = "POST /participant/transcript HTTP/1.1\r\nHost: x\r\nContent-Len"
    for _ = 1, 20 do
      local open = {}
      for index = 1, 500 do
        open[index] = assert(socket.connect("127.0.0.1", service.port))
        if index % 2 == 0 then open[index]:send(begun) end
      end
      for _, connection in ipairs(open) do connection:close() end
    end
    assert.equal(200, service:call("transcript", token, {}).status)
  end)
end)

describe("a directory", function()
  local directory
  setup(function() directory = process.run { "mktemp", "-d" }.stdout:gsub("\n", "") end)
  teardown(function() process.run { "rm", "-rf", directory } end)

  it("keeps chats, tokens and objects, and serves one emulator at a time", function()
    local first = emulated.start { dir = directory }
    local token = first:connect()
    local begun = first:begin(token, 5)
    emulated.put(begun, "hello")
    first:complete(token, begun.AttachmentId)
    local second, problem = emulator.start { dir = directory }
    assert.is_nil(second)
    assert.truthy(problem:find("keeps its state there", 1, true))
    first:stop()
    local again = emulated.start { dir = directory }
    assert.equal(first.running.participant_token, again.running.participant_token)
    local got = again:call("attachment", token, { AttachmentId = begun.AttachmentId }).result
    local port, path = http.split(got.Url)
    assert.equal("hello", http.request { port = port, path = path }.body)
    again:stop()
    assert.equal("", process.run { "find", directory, "-name", "*.journal", "-perm", "/077",
      "-newer", directory .. "/nginx.conf" }.stdout)
  end)

  it("keeps no secret of a request in its log", function()
    local service_here = emulated.start { dir = directory }
    local token = service_here:connect(service_here.running.participant_token)
    emulated.put(service_here:begin(token, 5), "hello")
    service_here:call("views/" .. service_here.running.view_token, token)
    service_here:stop()
    local log = process.run { "cat", directory .. "/access.log" }.stdout
    assert.truthy(log:find("PUT /object/attachments/[%x-]+ 200 "))
    assert.truthy(log:find("GET /participant/views/... 200 ", 1, true))
    assert.is_nil(log:find("X-Amz-", 1, true))
    assert.is_nil(log:find(service_here.running.view_token, 1, true))
  end)

  it("that holds something else is left alone", function()
    local file = assert(io.open(directory .. "/state.journal", "w"))
    file:write "{broken"
    file:close()
    local service_of_none, problem = emulator.start { dir = directory }
    assert.is_nil(service_of_none)
    assert.truthy(problem:find("is not the emulator's state", 1, true))
  end)
end)

describe("the admin endpoint", function()
  it("tells what arrived", function()
    local token = service:connect()
    service:call("event", token, { ContentType =
      "application/vnd.amazonaws.connect.event.typing" })
    local events = service:requests "SendEvent"
    assert.equal(token, events[#events].headers["x-amz-bearer"])
    assert.equal(200, events[#events].status)
  end)

  it("is off unless asked for", function()
    local closed = emulated.start { admin = false }
    finally(function() closed:stop() end)
    assert.equal(404, http.request { port = closed.port, path = "/admin/requests" }.status)
  end)
end)

describe("the rates of AWS", function()
  it("throttle what comes too fast", function()
    local slow = emulated.start { rates = "aws" }
    finally(function() slow:stop() end)
    local token = slow:connect()
    local throttled = 0
    for _ = 1, 8 do
      local answer = slow:call("start-attachment-upload", token, { ContentType = "text/plain",
        AttachmentSizeInBytes = 5, AttachmentName = "a.txt", ClientToken = emulated.token() })
      if answer.status == 429 then
        throttled = throttled + 1
        refused(answer, 429, "ThrottlingException")
      end
    end
    assert.truthy(throttled >= 1 and throttled <= 3)
  end)
end)
