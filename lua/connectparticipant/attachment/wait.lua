-- Polls the transcript until an attachment has been scanned.

local failure = require "connectparticipant.error"
local members = require "connectparticipant.config.members"
local operation = require "connectparticipant.service.operation"
local transcript = require "connectparticipant.service.transcript"

local wait = {}

local GET = "GetTranscript"

-- Seconds between polls: short at first, since most scans are quick, then growing.
local FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.5, 5, 1.5

-- Amazon Connect tries a scanner three times, 60 s each.
local DEFAULT_TIMEOUT = 240

-- One last poll starts when the time is up; it may take this many seconds.
local LAST_LOOK = 0.5

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

local function find_in(items, id)
  for _, item in ipairs(items) do
    for _, attachment in ipairs(item.Attachments or {}) do
      if attachment.AttachmentId == id then return attachment end
    end
  end
end

--- Looks for an attachment in the transcript once.
---@param job connectparticipant.Job
---@param which { ConnectionToken: string, AttachmentId: string }
---@return table|false|nil attachment as the newest of its items has it; false where there is none
---@return connectparticipant.Error|nil err the transcript could not be read
function wait.find(job, which)
  local pages = transcript.pages {
    ConnectionToken = which.ConnectionToken, MaxResults = 100, ScanDirection = "BACKWARD",
    SortOrder = "DESCENDING",
  }
  local items, err = pages:next(job)
  while items do
    local found = find_in(items, which.AttachmentId)
    if found then return found end
    items, err = pages:next(job)
  end
  if err then return nil, err end
  return false
end

local function too_late(found)
  return failure.timeout(("the attachment is not approved yet (%s)")
    :format(found and found.Status or "it is not in the transcript"), { operation = GET })
end

-- Whether a look failed because there was no time left for it.
local function ran_out(err, left)
  return err.throttled or err.kind == "timeout" and left <= 0
end

local function run(job, params)
  local now, random = job.clock.now, job.clock.random
  local pause, is_last, seen = FIRST_PAUSE, false, nil
  local over = job.deadline
  while true do
    local found, err = wait.find(job, params)
    seen = found or seen
    local left = over - now()
    if err then return nil, ran_out(err, left) and too_late(seen) or err end
    if found and found.Status == "APPROVED" then return found end
    if found and found.Status == "REJECTED" then
      return nil, failure.rejected("the scan rejected the attachment", { operation = GET })
    end
    if is_last then return nil, too_late(seen) end
    local seconds = pause * (1 + random()) / 2
    is_last = seconds >= left
    local stopped = job:sleep(is_last and math.max(left, 0) or seconds)
    if stopped then return nil, stopped end
    if is_last then job.deadline = over + LAST_LOOK end
    pause = math.min(pause * GROWTH, LONGEST_PAUSE)
  end
end

--- Waits for one attachment; REJECTED is an error. The wait ends at `timeout` or at the deadline of
--- the job, whichever comes first, and a throttled look is only a later one.
---@param job connectparticipant.Job
---@param params { ConnectionToken: string, AttachmentId: string, timeout?: number }
---@return table|nil attachment the transcript's, with Status "APPROVED"
---@return connectparticipant.Error|nil err
function wait.run(job, params)
  local problems = problems_of(job, params)
  if #problems > 0 then return nil, failure.validation(problems, GET) end
  local over = job.clock.now() + (params.timeout or DEFAULT_TIMEOUT)
  if not job.deadline or over < job.deadline then job.deadline = over end
  job.patient = true
  local found, err = run(job, params)
  if found then return found end
  err.operation = err.operation or GET
  err.attachment_id = err.attachment_id or params.AttachmentId
  return nil, err
end

return wait
