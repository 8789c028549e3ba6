-- CompleteAttachmentUpload. If its answer leaves open whether the attachment was completed, this
-- looks it up in the transcript, which lists completed attachments.

local operation = require "connectparticipant.service.operation"

local completion = {}

local COMPLETE = "CompleteAttachmentUpload"

-- The transcript is read at once, and again after each of these pauses (seconds), as it may lag a
-- little behind the completion.
local PAUSES = { 0.25, 0.5, 1 }

local HINT = "whether the attachment was completed is not known: look for it in the transcript "
  .. "before uploading the file again"

-- The transcript's entry; false: certainly not there; nil: unknown.
local function look_up(job, which)
  local wait = require "connectparticipant.attachment.wait"
  for number = 0, #PAUSES do
    local pause = PAUSES[number]
    local left = job:left()
    if pause and (left and left <= pause or job:sleep(pause)) then return nil end
    local found, err = wait.find(job, which)
    if found then return found end
    if number == #PAUSES and not err then return false end
  end
end

-- Decides what became of a completion whose outcome is unknown.
local function settle(job, which, err)
  local found
  if not job:problem() and err.kind ~= "cancelled" then found = look_up(job, which) end
  if found then return {} end
  if found == false then
    err.outcome = nil
    return nil, err
  end
  err.hint, err.retryable = HINT, false
  return nil, err
end

--- Completes one attachment.
---@param job connectparticipant.Job
---@param which { ConnectionToken: string, AttachmentId: string }
---@return table|nil done
---@return connectparticipant.Error|nil err
function completion.run(job, which)
  local request, err = operation.request(job.client, COMPLETE,
    { ConnectionToken = which.ConnectionToken, AttachmentIds = { which.AttachmentId } }, "complete")
  if not request then return nil, err end
  local result
  result, err = operation.send(job, COMPLETE, request, "complete")
  if result or err.outcome ~= "unknown" then return result, err end
  return settle(job, which, err)
end

return completion
