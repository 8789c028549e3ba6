-- Waits until an attachment has been scanned, by asking for the transcript now and then.

local failure = require "connectparticipant.error"
local members = require "connectparticipant.config.members"
local operation = require "connectparticipant.service.operation"
local transcript = require "connectparticipant.service.transcript"

local wait = {}

local GET = "GetTranscript"

-- Seconds between two looks: soon at first, for most scans are quick, then politely.
local FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.5, 5, 1.5

-- Amazon Connect tries a scanner three times, 60 s each.
local DEFAULT_TIMEOUT = 240

local KINDS = { ConnectionToken = "service", AttachmentId = "service", timeout = "seconds" }
local NAMES = members.names(KINDS)

local function problems_of(job, params)
  local problems = members.problems(params, KINDS, NAMES, "wait_for_attachment")
  -- GetAttachment has the same two members, and so the model knows their limits.
  local _, refusal = operation.request(job.client, "GetAttachment",
    { ConnectionToken = params.ConnectionToken, AttachmentId = params.AttachmentId })
  if refusal then problems[#problems + 1] = refusal.message end
  return problems
end

-- The attachment as the newest of its items has it; nil where there is none yet.
local function find(job, params)
  local pages = transcript.pages {
    ConnectionToken = params.ConnectionToken, MaxResults = 100, ScanDirection = "BACKWARD",
    SortOrder = "DESCENDING",
  }
  local items, err = pages:next(job)
  while items do
    for _, item in ipairs(items) do
      for _, attachment in ipairs(item.Attachments or {}) do
        if attachment.AttachmentId == params.AttachmentId then return attachment end
      end
    end
    items, err = pages:next(job)
  end
  return nil, err
end

local function too_late(params, found)
  return failure.timeout(("the attachment is not approved yet (%s)")
    :format(found and found.Status or "it is not in the transcript"),
    { operation = GET, attachment_id = params.AttachmentId })
end

local function look(job, params)
  local found, err = find(job, params)
  if err then
    err.attachment_id = params.AttachmentId
    return nil, err
  end
  if found and found.Status == "REJECTED" then
    return nil, failure.rejected("the scan rejected the attachment",
      { operation = GET, attachment_id = params.AttachmentId })
  end
  return found or false
end

--- Waits for one attachment; REJECTED is an error.
---@param job connectparticipant.Job
---@param params { ConnectionToken: string, AttachmentId: string, timeout?: number }
---@return table|nil attachment the transcript's, with Status "APPROVED"
---@return connectparticipant.Error|nil err
function wait.run(job, params)
  local problems = problems_of(job, params)
  if #problems > 0 then return nil, failure.validation(problems, GET) end
  local clock, pause = job.loop.clock, FIRST_PAUSE
  -- The wait has its own deadline, and a throttled look is only a later one.
  job.deadline = clock.now() + (params.timeout or DEFAULT_TIMEOUT)
  job.patient = true
  while true do
    local found, err = look(job, params)
    if err then return nil, err end
    if found and found.Status == "APPROVED" then return found end
    local seconds = pause * (1 + clock.random()) / 2
    if seconds >= job:left() then return nil, too_late(params, found) end
    job:sleep(seconds)
    if job.loop.closed then return nil, failure.cancelled("the client was closed", {
      operation = GET, attachment_id = params.AttachmentId }) end
    pause = math.min(pause * GROWTH, LONGEST_PAUSE)
  end
end

return wait
