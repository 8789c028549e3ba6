-- A chat: connections, participants, messages, events, transcripts, views, authentication.
local emulated = require "spec.support.emulated"

local refused = emulated.refused

local service
setup(function() service = emulated.start { scan_seconds = 0.01 } end)
teardown(function() service:stop() end)

describe("CreateParticipantConnection", function()
  it("returns what is asked for", function()
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

describe("a transcript, as AWS has it,", function()
  local CONTENT = "application/vnd.amazonaws.connect.event."

  local function transcript(token, input)
    return service:call("transcript", token, input).result
  end

  it("is read from its newest item on when no position is given, forward too", function()
    local token = service:connect()
    for index = 1, 3 do
      service:call("message", token, { ContentType = "text/plain", Content = "m" .. index })
    end
    local page = transcript(token, { ScanDirection = "FORWARD", SortOrder = "ASCENDING" })
    assert.equal(1, #page.Transcript)
    assert.equal("m3", page.Transcript[1].Content)
    assert.is_nil(page.NextToken)
    page = transcript(token, { ScanDirection = "FORWARD", SortOrder = "ASCENDING",
      StartPosition = { AbsoluteTime = "1970-01-01T00:00:00.000Z" } })
    assert.equal("m3", page.Transcript[4].Content)
  end)

  it("keeps the joining and leaving of participants, and no other event", function()
    local chat = service:admin("POST", "chats",
      { participants = { { role = "CUSTOMER" }, { role = "AGENT" } } })
    local customer = service:connect(chat.participants[1].participant_token)
    local agent = service:connect(chat.participants[2].participant_token)
    local sent = service:call("message", agent,
      { ContentType = "text/plain", Content = "x" }).result
    local seen = {}
    for _, name in ipairs { "typing", "connection.acknowledged", "message.delivered",
      "message.read" } do
      local event = { ContentType = CONTENT .. name, ClientToken = "event " .. name,
        Content = ('{"messageId":"%s"}'):format(sent.Id) }
      local answer = service:call("event", customer, event)
      assert.equal(200, answer.status)
      assert.same(answer.result, service:call("event", customer, event).result)
      assert.is_nil(seen[answer.result.Id])
      seen[answer.result.Id] = true
    end
    service:call("disconnect", customer, {})
    local kinds = {}
    for index, item in ipairs(transcript(agent, { SortOrder = "ASCENDING" }).Transcript) do
      kinds[index] = item.ContentType:gsub("^application/vnd%.amazonaws%.connect%.event%.", "")
    end
    assert.same({ "participant.joined", "participant.joined", "text/plain", "participant.left",
      "chat.ended" }, kinds)
  end)

  it("may end with an empty NextToken", function()
    finally(function() service:admin("POST", "settings", { empty_token = false }) end)
    local token = service:connect()
    assert.is_nil(transcript(token, {}).NextToken)
    service:admin("POST", "settings", { empty_token = true })
    service:call("message", token, { ContentType = "text/plain", Content = "x" })
    local first = transcript(token, { MaxResults = 1 })
    assert.truthy(#first.NextToken > 0)
    assert.equal("", transcript(token, { MaxResults = 1, NextToken = first.NextToken }).NextToken)
    assert.equal("", transcript(token, {}).NextToken)
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
  it("adds a receipt to the message, with the participant whom it reached", function()
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
