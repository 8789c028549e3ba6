--- connectparticipant transcript

local common = require "connectparticipant.cli.common"

local transcript = {
  summary = "print a chat's transcript, oldest item first",
  client = true,
  options = {
    { long = "--follow", short = "-f", flag = true,
      description = "Keep printing new items until the chat ends, or Ctrl-C." },
  },
  examples = {
    "connectparticipant transcript --follow",
    "connectparticipant transcript --json | jq -r '.Attachments[]?.AttachmentId'",
  },
}

-- Seconds between two polls for new items. AWS's rate limit is shared by all participants of an
-- instance.
local PAUSE = 2

local BEGINNING = "1970-01-01T00:00:00.000Z"

local ENDED = "application/vnd.amazonaws.connect.event.chat.ended"

-- "(participant joined)" for application/vnd.amazonaws.connect.event.participant.joined
local function event_of(item)
  local name = (item.ContentType or ""):match "%.event%.([%l.]+)$"
  return name and ("(%s)"):format((name:gsub("%.", " ")))
end

local function describe(item)
  local who = item.DisplayName or item.ParticipantRole or "?"
  local what = item.Content or event_of(item) or item.ContentType or item.Type or ""
  local attachments = {}
  for index, attachment in ipairs(item.Attachments or {}) do
    attachments[index] = ("attachment %s (%s, %s)"):format(attachment.AttachmentId or "?",
      attachment.AttachmentName or "?", attachment.Status or "?")
  end
  if #attachments > 0 then what = table.concat(attachments, ", ") end
  return common.printable(("%s  %s: %s"):format(item.AbsoluteTime or "?", who, what))
end

-- Identifies an item together with its attachments' status, which changes: with a new status it is
-- printed again.
local function mark_of(item)
  local parts = { item.Id or "" }
  for _, attachment in ipairs(item.Attachments or {}) do
    parts[#parts + 1] = attachment.Status or ""
  end
  return table.concat(parts, " ")
end

-- Prints the items that are new since the last poll; returns the error of a poll that failed.
local function look(world, options, client, token, state)
  local failed
  local items = client:transcript {
    ConnectionToken = token, ScanDirection = "FORWARD", SortOrder = "ASCENDING", MaxResults = 100,
    StartPosition = { AbsoluteTime = state.from }, timeout = state.timeout,
    on_error = function(err) failed = err end,
  }
  for item in items do
    local mark = mark_of(item)
    if not state.seen[mark] then
      state.seen[mark] = true
      state.from = item.AbsoluteTime or state.from
      state.ended = state.ended or item.ContentType == ENDED
      local text = not options.json and describe(item)
      if options.json then common.tell(world, item) else world.stdout:write(text, "\n") end
      if world.stdout.problem then break end
    end
  end
  world.stdout:flush()
  return failed
end

local function pause(world, seconds)
  local over = world.now() + seconds
  while world.now() < over do world.driver.sleep(over - world.now()) end
end

function transcript.run(world, options)
  local token, problem = common.token(world, options)
  if not token then return nil, problem end
  local client = common.client(world, options)
  local state = { seen = {}, from = BEGINNING, timeout = options.timeout }
  local over = options.timeout and world.now and world.now() + options.timeout or math.huge
  local err = look(world, options, client, token, state)
  while options.follow and not err and not state.ended and not world.stdout.problem do
    pause(world, PAUSE)
    if world.now() >= over then break end
    err = look(world, options, client, token, state)
  end
  client:close()
  if err then return common.fail(world, options, err) end
  return 0
end

return transcript
