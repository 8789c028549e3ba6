--- Log events as lines for people, for `--verbose`. The events contain no secrets.

local unicode = require "connectparticipant.cli.unicode"

local narration = {}

local function outcome(event)
  local parts = {}
  if event.status then parts[#parts + 1] = ("%d"):format(event.status) end
  if event.code then parts[#parts + 1] = event.code end
  return #parts > 0 and table.concat(parts, " ") or "no answer"
end

local function moved(event)
  local parts = {}
  if event.bytes_sent > 0 then parts[#parts + 1] = unicode.bytes(event.bytes_sent) .. " sent" end
  if event.bytes_received > 0 then
    parts[#parts + 1] = unicode.bytes(event.bytes_received) .. " received"
  end
  return parts
end

--- One line for one attempt, such as
-- `StartAttachmentUpload (put): 503 SlowDown after 0.120 s, 5 KiB sent; again in 0.3 s`.
---@param event connectparticipant.Event|connectparticipant.PaceEvent
---@return string
function narration.line(event)
  if event.pace then return event.message end
  local parts = moved(event)
  if event.reused then parts[#parts + 1] = "kept connection" end
  if (event.waited or 0) >= 0.05 then parts[#parts + 1] = ("waited %.1f s"):format(event.waited) end
  if event.attempt > 1 then parts[#parts + 1] = ("attempt %d"):format(event.attempt) end
  if event.request_id then parts[#parts + 1] = "request " .. event.request_id end
  table.insert(parts, 1, ("%s%s: %s after %.3f s"):format(event.operation,
    event.step and " (" .. event.step .. ")" or "", outcome(event), event.seconds))
  local line = table.concat(parts, ", ")
  if event.delay then line = ("%s; again in %.1f s"):format(line, event.delay) end
  return line
end

return narration
