-- doc/examples/bot.lua
local emulated = require "spec.support.emulated"
local example = require "spec.support.example"

local service
setup(function() service = emulated.start() end)
teardown(function() service:stop() end)

-- A chat of a customer, an agent who only reads, and a bot, who is not connected yet.
local function chat()
  local opened = service:admin("POST", "chats", { participants = {
    { role = "CUSTOMER" }, { role = "CUSTOM_BOT" }, { role = "AGENT" },
  } })
  local customer = service:connect(opened.participants[1].participant_token)
  local agent = service:connect(opened.participants[3].participant_token)
  return customer, opened.participants[2].participant_token, agent
end

local function say(token, text)
  local answer = service:call("message", token, { ContentType = "text/plain", Content = text })
  assert.equal(200, answer.status, answer.body)
end

-- Waits until this many messages have been sent.
local function wait_for(count)
  local limit = os.time() + 20
  while #service:requests "SendMessage" < count do
    assert.truthy(os.time() < limit, "no message within 20 s")
  end
end

local function leave(token)
  assert.equal(200, service:call("disconnect", token, {}).status)
end

-- What the bot has said in a chat, oldest first.
local function heard(token)
  local page = service:call("transcript", token, { MaxResults = 100, SortOrder = "ASCENDING" })
  local list = {}
  for _, item in ipairs(page.result.Transcript) do
    if item.Type == "MESSAGE" and item.ParticipantRole == "CUSTOM_BOT" then
      list[#list + 1] = item.Content
    end
  end
  return list
end

describe("the bot", function()
  it("answers messages and attachments, each once, until the customer leaves", function()
    local customer, bot, agent = chat()
    say(customer, "hello")
    local begun = service:begin(customer, 3, "photo.txt")
    assert.equal(200, emulated.put(begun, "abc").status)
    assert.equal(200, service:complete(customer, begun.AttachmentId).status)
    local seen = #service:requests "SendMessage"
    local finish = example.start(service, { CONNECT_PARTICIPANT_TOKEN = bot }, "bot", "0.05")
    wait_for(seen + 2)
    say(customer, "Grüße")
    wait_for(seen + 4)
    leave(customer)
    assert.equal("status 0\n", finish())
    assert.same({ "You said: hello", "Thank you for photo.txt.", "You said: Grüße" },
      heard(agent))
    assert.equal(seen + 4, #service:requests "SendMessage")
  end)

  it("says once what it said without getting an answer", function()
    local customer, bot, agent = chat()
    say(customer, "hello")
    for _ = 1, 4 do
      service:fault { operation = "SendMessage", action = "reset", after = true }
    end
    local seen = #service:requests "SendMessage"
    local finish = example.start(service, { CONNECT_PARTICIPANT_TOKEN = bot }, "bot", "0.05")
    wait_for(seen + 5)
    leave(customer)
    assert.truthy(finish():find "status 0\n$")
    assert.same({ "You said: hello" }, heard(agent))
  end)

  it("ends if its token is refused", function()
    local said = example.run(service, { CONNECT_PARTICIPANT_TOKEN = "x" }, "bot")
    assert.equal(1, said.status)
    assert.truthy(said.stderr:find("AccessDeniedException", 1, true))
  end)
end)
