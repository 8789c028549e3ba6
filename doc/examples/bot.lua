-- A bot: reads a chat's transcript, and answers what customers write until the chat ends.
--
--   $ AWS_REGION=us-west-2 CONNECT_PARTICIPANT_TOKEN=... lua5.4 doc/examples/bot.lua
--
-- The participant token is CreateParticipant's, for the role CUSTOM_BOT. An argument is the number
-- of seconds between two looks at the transcript. Needs luasocket, to sleep.
local participant = require "connectparticipant"
local socket = require "socket"

-- AWS's quota for GetTranscript is 8 a second, for all the chats of an instance together.
local PAUSE = tonumber(arg[1]) or 2

local BEGINNING = "1970-01-01T00:00:00.000Z"
local ENDED = "application/vnd.amazonaws.connect.event.chat.ended"

-- Region, endpoint and the like come from the environment. "adaptive" slows all calls down
-- together when the service throttles.
local client = participant.new { retry_mode = "adaptive" }

-- What to say to an item of the transcript, or nil.
local function answer_to(item)
  if item.ParticipantRole ~= "CUSTOMER" then return nil end
  if item.Type == "MESSAGE" then return "You said: " .. item.Content end
  if item.Type == "ATTACHMENT" then
    return "Thank you for " .. item.Attachments[1].AttachmentName .. "."
  end
end

-- If it is unknown whether a message was sent, the next look sends it again. The ClientToken, which
-- is the same then, keeps the service from taking it for another message.
local function send(chat, item, text)
  return client:send_message {
    ConnectionToken = chat.token, Content = text, ContentType = "text/plain",
    ClientToken = "answer-to-" .. item.Id,
  }
end

-- Answers everything since the last look; returns the error if something failed.
local function look(chat)
  local problem
  for item in client:transcript {
    ConnectionToken = chat.token, ScanDirection = "FORWARD", SortOrder = "ASCENDING",
    MaxResults = 100, StartPosition = { AbsoluteTime = chat.from },
    on_error = function(err) problem = err end,
  } do
    if not chat.seen[item.Id] then
      local text, sent, err = answer_to(item), nil, nil
      if text then sent, err = send(chat, item, text) end
      if text and not sent then return err end
      chat.seen[item.Id], chat.from = true, item.AbsoluteTime
      chat.ended = chat.ended or item.ContentType == ENDED
    end
  end
  return problem
end

local connection, refused = client:create_participant_connection {
  ParticipantToken = os.getenv "CONNECT_PARTICIPANT_TOKEN", Type = { "CONNECTION_CREDENTIALS" },
}
if not connection then error(tostring(refused), 0) end
local chat = {
  token = connection.ConnectionCredentials.ConnectionToken, from = BEGINNING, seen = {},
}

while not chat.ended do
  local err = look(chat)
  if err and not err.retryable then error(tostring(err), 0) end
  if err then io.stderr:write(tostring(err), "\n") end
  if not chat.ended then socket.sleep(PAUSE) end
end
client:close()
