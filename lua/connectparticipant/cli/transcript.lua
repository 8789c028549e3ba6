--- connectparticipant transcript

local common = require "connectparticipant.cli.common"

local transcript = {
  usage = "transcript [OPTIONS]",
  summary = "print a chat's transcript, oldest first",
  options = common.with {},
}

local function describe(item)
  local who = item.DisplayName or item.ParticipantRole or "?"
  local what = item.Content or item.ContentType or item.Type or ""
  local attachments = {}
  for index, attachment in ipairs(item.Attachments or {}) do
    attachments[index] = ("attachment %s (%s, %s)"):format(attachment.AttachmentId or "?",
      attachment.AttachmentName or "?", attachment.Status or "?")
  end
  if #attachments > 0 then what = table.concat(attachments, ", ") end
  return common.printable(("%s  %s: %s"):format(item.AbsoluteTime or "?", who, what))
end

function transcript.run(world, options, operands)
  if #operands > 0 then return nil, "transcript takes no operand" end
  local token, problem = common.token(world, options)
  if not token then return nil, problem end
  local client, failed = common.client(world, options), nil
  local items = client:transcript {
    ConnectionToken = token, ScanDirection = "FORWARD", SortOrder = "ASCENDING", MaxResults = 100,
    StartPosition = { AbsoluteTime = "1970-01-01T00:00:00.000Z" },
    timeout = options.timeout, on_error = function(err) failed = err end,
  }
  for item in items do
    local written
    if options.json then
      written = common.tell(world, item)
    else
      written = world.stdout:write(describe(item), "\n")
    end
    if not written then break end
  end
  client:close()
  if failed then return common.fail(world, options, failed) end
  return 0
end

return transcript
