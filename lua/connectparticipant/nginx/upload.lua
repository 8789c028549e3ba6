-- Uploads a browser's file, or several, to the chat: from the socket as the body arrives, where
-- nginx allows that, and otherwise from the body that nginx has spooled.

local answer = require "connectparticipant.nginx.answer"
local body_of = require "connectparticipant.nginx.body"
local content_type = require "connectparticipant.attachment.content_type"
local multipart = require "connectparticipant.nginx.multipart"
local request = require "connectparticipant.nginx.request"
local settings_of = require "connectparticipant.nginx.settings"

local upload = {}

local refuse = settings_of.refuse

-- Bytes that a form may have besides its files.
local ENVELOPE = 64 * 1024

-- Types that describe how a body is framed, or nothing at all, rather than the file.
local NO_TYPES = {
  ["application/octet-stream"] = true, ["application/x-www-form-urlencoded"] = true,
}

local function type_of(text, name)
  local essence = request.essence(text)
  return essence and not NO_TYPES[essence] and essence or content_type.of(name)
end

-- What is wrong with the size or the type of a file; nil if nothing is.
local function refusal_of(settings, file)
  if file.size and settings.max_size and file.size > settings.max_size then
    return refuse(413, "TooLarge", ("the file is larger than the %.0f bytes allowed")
      :format(settings.max_size))
  end
  if settings.types and not settings_of.has_type(settings.types, file.type) then
    return refuse(415, "UnsupportedType", ("files of the type %s are not allowed")
      :format(file.type))
  end
  if file.size == 0 then return refuse(400, "EmptyFile", "the file is empty") end
end

-- Waits for the scan, at most as long as was asked for. Its failure is only logged, since the
-- upload itself has succeeded.
local function await_scan(visit, attachment)
  local found, err = visit.client:wait_for_attachment {
    ConnectionToken = visit.seen.token, AttachmentId = attachment.AttachmentId,
    timeout = visit.settings.wait,
  }
  if found then
    attachment.Status = found.Status
  elseif err.code == "AttachmentRejected" then
    return nil, err
  elseif err.kind == "timeout" then
    attachment.Status = "IN_PROGRESS"
  else
    ngx.log(ngx.WARN, "connectparticipant: the scan was not waited for: ", tostring(err))
  end
  return attachment
end

-- Uploads one file; `source` has the member of the source.
local function send(visit, file, source)
  local attachment, err = visit.client:upload_attachment {
    ConnectionToken = visit.seen.token, AttachmentName = file.name, ContentType = file.type,
    AttachmentSizeInBytes = file.size, timeout = visit.settings.timeout,
    read = source.read, body = source.body, path = source.path,
  }
  if attachment and visit.settings.wait then return await_scan(visit, attachment) end
  return attachment, err
end

-- The error of an upload whose body broke off.
local function broken(visit)
  local problem = visit.body.problem
  if problem == "timeout" then
    return refuse(408, "ClientTimeout", ("nothing of the body came for %g s")
      :format(visit.settings.body_timeout))
  end
  visit:leave()
end

-- The answer to a refusal, an error or an attachment.
local function conclude(visit, attachment, err)
  if visit.body.problem then attachment, err = nil, broken(visit) end
  if visit.left then return nil end
  if attachment then
    visit:audit(attachment)
    return { status = 201, body = attachment }
  end
  if err.kind then return visit:fail(err) end
  return visit:fail(err.err, err.status)
end

-- A body that is the file itself.
local function plain(visit)
  local seen, settings, body = visit.seen, visit.settings, visit.body
  local refusal
  seen.name, refusal = visit:name()
  if refusal then return conclude(visit, nil, refusal) end
  seen.type, seen.size = type_of(ngx.var.http_content_type, seen.name), body.length
  refusal = refusal_of(settings, seen) or visit:refusal()
  if refusal then return conclude(visit, nil, refusal) end
  if body.streams then
    return conclude(visit, send(visit, seen, { read = body:stream(settings.body_timeout) }))
  end
  local bytes, path = body:spool()
  local file = { name = seen.name, type = seen.type, size = bytes and #bytes or nil }
  if not path then
    bytes = bytes or ""
    file.size = #bytes
  end
  seen.size = file.size
  refusal = refusal_of(settings, file)
  if refusal then return conclude(visit, nil, refusal) end
  return conclude(visit, send(visit, file, { body = not path and bytes or nil, path = path }))
end

-- The files of a form; nil and a refusal if there are none, or too many.
local function files_of(visit, boundary, spooled)
  local parts, problem = multipart.scan(boundary, spooled.range())
  if not parts then return nil, refuse(400, "InvalidForm", problem) end
  local files = {}
  for _, part in ipairs(parts) do
    -- For a file field in which no file was chosen, browsers send an empty name and no bytes.
    if part.filename and not (part.filename == "" and part.size == 0) then
      files[#files + 1] = part
    end
  end
  if #files == 0 then return nil, refuse(400, "MissingFile", "the form has no file") end
  if #files > visit.settings.max_files then
    return nil, refuse(413, "TooManyFiles", ("the form has %d files, and %d are allowed")
      :format(#files, visit.settings.max_files))
  end
  return files
end

-- Checks all files before any is sent.
local function check(visit, part)
  local name, refusal = visit:name(part.filename)
  if not name then return refusal end
  part.name, part.type = name, type_of(part.type, name)
  local seen = visit.seen
  seen.name, seen.type, seen.size, seen.field = name, part.type, part.size, part.field
  return refusal_of(visit.settings, part) or visit:refusal()
end

-- Sends them one after another; one that fails does not stop the others.
local function send_all(visit, files, spooled)
  local list, first = {}, nil
  for index, part in ipairs(files) do
    local seen = visit.seen
    seen.name, seen.type, seen.size, seen.field = part.name, part.type, part.size, part.field
    local attachment, err = send(visit, part, { read = spooled.range(part.offset, part.size) })
    visit.told = nil
    visit:audit(attachment, err)
    first = first or err
    list[index] = attachment or { AttachmentName = part.name, error = answer.describe(err) }
  end
  return list, first
end

local function with_parts(visit, boundary, spooled)
  local files, refusal = files_of(visit, boundary, spooled)
  for _, part in ipairs(files or {}) do refusal = refusal or check(visit, part) end
  if refusal then return conclude(visit, nil, refusal) end
  local list, err = send_all(visit, files, spooled)
  local told = err and answer.failure(err) or { status = 201 }
  -- A single file is answered like one that came without a form.
  if #list > 1 then told.body = { attachments = list } end
  if not told.body then told.body = list[1] end
  return told
end

-- A body that is a form. The size of a file must be known before its first byte is sent, and the
-- size of a part is known only at its end, so nginx spools the form.
local function form(visit, boundary)
  local settings, body = visit.settings, visit.body
  if settings.max_size and body.length
    and body.length > (settings.max_size + ENVELOPE) * settings.max_files then
    return conclude(visit, nil, refuse(413, "TooLarge", "the form is larger than is allowed"))
  end
  local refusal = visit:refusal()
  if refusal then return conclude(visit, nil, refusal) end
  local spooled, problem = body_of.reader(body:spool())
  if not spooled then error(problem, 0) end
  local ok, told = pcall(with_parts, visit, boundary, spooled)
  spooled.close()
  if not ok then error(told, 0) end
  return told
end

--- Uploads what a request contains.
---@param visit connectparticipant.Visit
---@return connectparticipant.GatewayAnswer|nil nil if the client has left
function upload.run(visit)
  local token, refusal = visit:token()
  if not token then return conclude(visit, nil, refusal) end
  if not visit.body:is_announced() then
    return conclude(visit, nil, refuse(411, "LengthRequired", "a body is needed"))
  end
  local header = ngx.var.http_content_type or ""
  if not header:find "^%s*[Mm][Uu][Ll][Tt][Ii][Pp][Aa][Rr][Tt]/" then return plain(visit) end
  local boundary = multipart.boundary(header)
  if boundary then return form(visit, boundary) end
  return conclude(visit, nil, refuse(415, "UnsupportedType",
    "the only multipart type supported is multipart/form-data with a boundary"))
end

return upload
