--- The three operations on attachments, and their state from the start through the PUT and the scan
-- to the end. The store keeps the bytes.

local once = require "connectparticipant.emulator.once"
local sigv4 = require "connectparticipant.emulator.sigv4"
local state = require "connectparticipant.emulator.state"

local attachments = {}

-- Amazon Connect's default for an instance.
-- https://docs.aws.amazon.com/connect/latest/adminguide/feature-limits.html
local AWS_EXTENSIONS = "csv,doc,docx,heic,jfif,jpeg,jpg,mov,mp4,pdf,png,ppt,pptx,rtf,txt,wav,"
  .. "xls,xlsx"

--- The extensions of a list, `aws` being Amazon Connect's own; nil when all are allowed.
---@param names? string separated by commas
---@return table<string, true>|nil
function attachments.extensions(names)
  if not names or names == "*" then return nil end
  if names == "aws" then names = AWS_EXTENSIONS end
  local found = {}
  for name in names:gmatch "[^,%s]+" do found[(name:lower():gsub("^%.", ""))] = true end
  return found
end

local MISSING = "There is no attachment with this AttachmentId"

-- A presigned URL to the object, and its expiry.
local function presign(emulator, method, attachment, headers, lifetime)
  local now = math.floor(emulator.now())
  local store = emulator:object_store()
  local url = sigv4.presign({
    method = method, origin = store.origin, host = store.host, headers = headers, now = now,
    path = store.path .. attachment.id, expires = lifetime,
  }, emulator.credentials)
  return url, state.iso(now + lifetime), now + lifetime
end

--- The name in a form that fits a header: ASCII without quotes or control characters, and short
-- enough to keep the value within the 256 characters of AWS's model.
function attachments.disposition(name)
  local escaped = name:gsub('[^%w !#$&\'()+,%-.;=@%[%]^_`{}~]', function(c)
    return ("%%%02X"):format(c:byte())
  end)
  return ('attachment; filename="%s"'):format((escaped:sub(1, 230):gsub("%%%x?$", "")))
end

-- The headers that a real instance requires; all of them are signed.
local function headers_of(emulator, attachment)
  return {
    ["Content-Length"] = ("%d"):format(attachment.size), ["Content-Type"] = attachment.type,
    ["Content-Disposition"] = attachments.disposition(attachment.name),
    ["x-amz-acl"] = "bucket-owner-full-control", ["x-amz-meta-account_id"] = "123456789012",
    ["x-amz-meta-contact_id"] = attachment.chat,
    ["x-amz-meta-initial_contact_id"] = attachment.chat,
    ["x-amz-meta-organization_id"] = emulator.organization_id,
  }
end

local function begun(emulator, attachment)
  local headers = headers_of(emulator, attachment)
  local url, expiry, expires = presign(emulator, "PUT", attachment, headers,
    emulator.options.url_expiry)
  attachment.expires = math.max(attachment.expires, expires)
  emulator.state:touch("attachments", attachment.id)
  return {
    AttachmentId = attachment.id,
    UploadMetadata = { Url = url, UrlExpiry = expiry, HeadersToInclude = headers },
  }
end

-- Why the instance refuses a file; nil when it takes it.
local function problem_of(emulator, input)
  if input.AttachmentSizeInBytes > emulator.options.max_size then
    return ("The attachment is larger than the %d bytes allowed"):format(emulator.options.max_size)
  end
  -- It becomes a header of the PUT, so it may only contain what a header may contain.
  if input.ContentType:find "[%z\1-\31\127-\255]" then
    return "ContentType is not a media type"
  end
  local allowed = emulator.extensions
  local extension = (input.AttachmentName:match("%.([^.]+)$") or ""):lower()
  if allowed and not allowed[extension] then
    return ("The file type '%s' is not allowed"):format(extension)
  end
end

--- StartAttachmentUpload
function attachments.start(emulator, caller, input)
  local chat = caller.chat
  if not chat.open then return nil, "AccessDeniedException", "The chat has ended" end
  emulator.state:expire(function(attachment) emulator.store.drop_staged(emulator, attachment) end)
  local result, code, message = once.call(emulator, caller, "StartAttachmentUpload", input,
    function(key)
      local problem = problem_of(emulator, input)
      if problem then return nil, "ValidationException", problem end
      if chat.attachments >= emulator.options.quota then
        return nil, "ServiceQuotaExceededException",
          "The number of attachments per contact exceeds the quota."
      end
      local attachment = emulator.state:add_attachment {
        chat = chat.id, owner = caller.participant.id, name = input.AttachmentName,
        size = input.AttachmentSizeInBytes, type = input.ContentType, status = "STARTED",
        expires = emulator.now() + emulator.options.url_expiry, key = key,
      }
      return attachment.id
    end)
  if not result then return nil, code, message end
  return begun(emulator, emulator.state:attachment(result))
end

local function find(emulator, caller, id)
  local attachment = emulator.state:attachment(id)
  return attachment and attachment.chat == caller.chat.id and attachment or nil
end

-- Why an attachment cannot be completed: code and message. The third value is true when the same
-- request has completed it before.
local function check_completion(emulator, caller, attachment, input)
  if not attachment then return "ValidationException", MISSING end
  if attachment.owner ~= caller.participant.id then
    return "AccessDeniedException", "The attachment is another participant's"
  end
  if attachment.completed_by == input.ClientToken then return nil, nil, true end
  if attachment.completed_by or emulator.completing[attachment.id] then
    return "ConflictException", "The attachment is already being uploaded"
  end
  if not caller.chat.open then return "AccessDeniedException", "The chat has ended" end
end

--- CompleteAttachmentUpload
function attachments.complete(emulator, caller, input)
  local attachment = find(emulator, caller, input.AttachmentIds[1])
  local refusal, message, again = check_completion(emulator, caller, attachment, input)
  if again then return {} end
  if refusal then return nil, refusal, message end
  -- Asking an external store yields; a second request in the meantime must get a conflict.
  emulator.completing[attachment.id] = true
  local kept, problem, code = emulator.store.keep(emulator, attachment)
  emulator.completing[attachment.id] = nil
  if not kept then return nil, code or "ValidationException", problem end
  attachment.completed_by, attachment.completed_at = input.ClientToken, emulator.now()
  attachment.status = "IN_PROGRESS"
  attachment.verdict = attachment.infected and "REJECTED" or "APPROVED"
  emulator.state:touch("attachments", attachment.id)
  emulator.state:add_item(caller.chat, caller.participant,
    { Type = "ATTACHMENT", attachment = attachment.id })
  return {}
end

--- Sets the outcome of a scan. A rejected object is removed.
---@param status "IN_PROGRESS"|"APPROVED"|"REJECTED"
function attachments.judge(emulator, attachment, status)
  attachment.status, attachment.verdict = status, status
  -- An IN_PROGRESS that was set explicitly stays until another status is set.
  attachment.held = status == "IN_PROGRESS"
  if status == "REJECTED" then emulator.store.drop(emulator, attachment) end
  emulator.state:touch("attachments", attachment.id)
end

-- The current status; the scan ends when scan_seconds have passed.
local function status_of(emulator, attachment)
  if attachment.status == "IN_PROGRESS" and not attachment.held
    and emulator.now() >= attachment.completed_at + emulator.options.scan_seconds then
    attachments.judge(emulator, attachment, attachment.verdict)
  end
  return attachment.status
end

--- An attachment as a transcript shows it.
function attachments.shown(emulator, id)
  local attachment = emulator.state:attachment(id)
  return {
    AttachmentId = id, AttachmentName = attachment.name, ContentType = attachment.type,
    Status = status_of(emulator, attachment),
  }
end

--- GetAttachment
function attachments.get(emulator, caller, input)
  if caller.participant.role == "CUSTOM_BOT" then
    return nil, "AccessDeniedException", "A custom bot has no access to attachments"
  end
  local attachment = find(emulator, caller, input.AttachmentId)
  local status = attachment and status_of(emulator, attachment)
  if not status or status == "STARTED" then return nil, "ValidationException", MISSING end
  if status == "REJECTED" then
    return nil, "ValidationException", "The attachment was rejected by the scan"
  end
  local lifetime = input.UrlExpiryInSeconds or math.min(300, emulator.options.url_expiry)
  local url, expiry = presign(emulator, "GET", attachment, nil, lifetime)
  return { Url = url, UrlExpiry = expiry, AttachmentSizeInBytes = attachment.size }
end

return attachments
