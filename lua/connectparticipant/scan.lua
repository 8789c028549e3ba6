--- Waits until an attachment has been scanned, by asking for the transcript now and then.

local core = require "connectparticipant.core"
local transcript = require "connectparticipant.transcript"

local scan = {}

local FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.25, 5, 1.5 -- seconds
-- Amazon Connect tries a scanner three times, 60 s each.
local DEFAULT_TIMEOUT = 240

local FIELDS = { ConnectionToken = true, AttachmentId = true, timeout = true }
local NAMES = { "ConnectionToken", "AttachmentId", "timeout" }

local function check(params)
  local problems = {}
  for name in pairs(params) do
    if not FIELDS[name] then
      local meant = type(name) == "string" and core.suggest(name, NAMES)
      problems[#problems + 1] = ("%s is no member of wait_for_attachment%s")
        :format(tostring(name), meant and (" (did you mean %s?)"):format(meant) or "")
    end
  end
  if type(params.AttachmentId) ~= "string" or params.AttachmentId == "" then
    problems[#problems + 1] = "AttachmentId must be a string with at least 1 character"
  end
  if type(params.ConnectionToken) ~= "string" or params.ConnectionToken == "" then
    problems[#problems + 1] = "ConnectionToken must be a string with at least 1 character"
  end
  local timeout = params.timeout
  if timeout ~= nil and not (type(timeout) == "number" and timeout > 0) then
    problems[#problems + 1] = "timeout must be a number of seconds above 0"
  end
  table.sort(problems)
  return problems
end

-- The attachment's item in the newest part of the transcript, or an error.
local function find(client, params)
  local failed
  local items = transcript.items(client, {
    ConnectionToken = params.ConnectionToken, MaxResults = 100, SortOrder = "DESCENDING",
    ScanDirection = "BACKWARD", on_error = function(err) failed = err end,
  })
  local item = items()
  while item do
    for _, attachment in ipairs(item.Attachments or {}) do
      if attachment.AttachmentId == params.AttachmentId then return attachment end
    end
    item = items()
  end
  return nil, failed
end

local function failure(params, kind, code, message)
  return core.new_error {
    kind = kind, code = code, message = message, operation = "GetTranscript",
    attachment_id = params.AttachmentId,
  }
end

--- Waits for one attachment; REJECTED is an error.
---@param client connectparticipant.Client
---@param params { ConnectionToken: string, AttachmentId: string, timeout?: number }
---@return table|nil attachment the transcript's, with Status "APPROVED"
---@return connectparticipant.Error|nil err
function scan.run(client, params)
  local problems = check(params)
  if #problems > 0 then
    return nil, core.new_error {
      kind = "validation", code = "ParamValidationError", operation = "GetTranscript",
      message = table.concat(problems, "; "),
    }
  end
  local deadline = client.clock.now() + (params.timeout or client.config.timeout or DEFAULT_TIMEOUT)
  local pause = FIRST_PAUSE
  while true do
    local found, err = find(client, params)
    if err then
      err.attachment_id = params.AttachmentId
      return nil, err
    end
    if found and found.Status == "APPROVED" then return found end
    if found and found.Status == "REJECTED" then
      return nil, failure(params, "service", "AttachmentRejected", "the scan rejected it")
    end
    local wait = pause * (1 + client.clock.random()) / 2
    if client.clock.now() + wait >= deadline then
      return nil, failure(params, "timeout", "OPERATION_TIMEDOUT",
        "the attachment was not approved in time")
    end
    client:sleep(wait)
    pause = math.min(pause * GROWTH, LONGEST_PAUSE)
  end
end

return scan
