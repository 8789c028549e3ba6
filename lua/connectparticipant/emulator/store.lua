--- The object store behind the presigned URLs: bytes on disk, S3's checks, S3's errors.

local answer = require "connectparticipant.emulator.answer"
local crypto = require "connectparticipant.emulator.crypto"
local sigv4 = require "connectparticipant.emulator.sigv4"

local store = {}

-- https://www.eicar.org: every scanner takes this text for a virus. Split, so that none takes us.
local EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-" .. "ANTIVIRUS-TEST-FILE!$H+H*"
local SCANNED = 64 * 1024

function store.path_of(emulator, attachment)
  return emulator.directory .. "/objects/" .. attachment.id
end

--- Whether the scan will reject the attachment.
function store.is_infected(emulator, attachment)
  local file = io.open(store.path_of(emulator, attachment), "rb")
  if not file then return false end
  local bytes = file:read(SCANNED) or ""
  file:close()
  return bytes:find(EICAR, 1, true) ~= nil
end

-- The attachment of the request's path, if the URL is what it was signed as.
local function find(emulator)
  local uri = ngx.var.request_uri
  local path, query = uri:match("^([^?]*)%??(.*)$")
  local ok, refusal = sigv4.verify({
    method = ngx.req.get_method(), path = path, query = query, headers = ngx.req.get_headers(200),
    now = emulator.now(),
  }, emulator.credentials)
  if not ok then return nil, refusal end
  local attachment = emulator.state:attachment(path:match("([^/]+)$") or "")
  if attachment then return attachment end
  return nil, { status = 404, code = "NoSuchKey", message = "The specified key does not exist." }
end

local function refuse(refusal)
  answer.s3_error(refusal)
  return ngx.exit(ngx.HTTP_OK)
end

-- What S3 says of a PUT before it reads the body; nil when it may come.
local function problem_of_put(attachment)
  local headers = ngx.req.get_headers(200)
  if headers["transfer-encoding"] then
    return { status = 501, code = "NotImplemented", message =
      "A header you provided implies functionality that is not implemented" }
  end
  local length = tonumber((tostring(headers["content-length"] or ""):match("^%d+$")))
  if not length then
    return { status = 411, code = "MissingContentLength", message =
      "You must provide the Content-Length HTTP header." }
  end
  if length > attachment.size then
    return { status = 400, code = "EntityTooLarge", message =
      "Your proposed upload exceeds the maximum allowed size" }
  end
  if length < attachment.size then
    return { status = 400, code = "EntityTooSmall", message =
      "Your proposed upload is smaller than the minimum allowed size" }
  end
end

--- Before the body is read: whoever may not send it shall not have to.
function store.check_put(emulator)
  ngx.ctx.operation = "PutObject"
  if emulator.faults:before("PutObject") then return end
  local attachment, refusal = find(emulator)
  if attachment then refusal = problem_of_put(attachment) end
  if refusal then return refuse(refusal) end
  ngx.ctx.attachment = attachment
end

--- The body lies in a file by now, which becomes the object.
function store.put(emulator)
  local attachment = ngx.ctx.attachment
  ngx.req.read_body()
  local file = ngx.req.get_body_file()
  if not file then
    return answer.s3_error { status = 400, code = "IncompleteBody", message =
      "You did not provide the number of bytes specified by the Content-Length HTTP header" }
  end
  if emulator.faults.after() then
    os.remove(file)
    return
  end
  local renamed, problem = os.rename(file, store.path_of(emulator, attachment))
  if not renamed then
    ngx.log(ngx.ERR, "cannot keep an object: ", problem)
    return answer.s3_error { status = 500, code = "InternalError", message =
      "We encountered an internal error. Please try again." }
  end
  attachment.stored, attachment.etag = true, crypto.hex(crypto.random(16))
  emulator.state:changed()
  answer.stored(attachment.etag)
end

--- Hands the object to nginx, which knows ranges.
function store.get(emulator)
  ngx.ctx.operation = "GetObject"
  if emulator.faults:before("GetObject") then return end
  local attachment, refusal = find(emulator)
  if not attachment then return refuse(refusal) end
  if not attachment.stored then
    return refuse { status = 404, code = "NoSuchKey", message =
      "The specified key does not exist." }
  end
  local match = ngx.req.get_headers()["if-match"]
  if match and match ~= '"' .. attachment.etag .. '"' then
    return refuse { status = 412, code = "PreconditionFailed", message =
      "At least one of the pre-conditions you specified did not hold" }
  end
  ngx.req.clear_header("If-Match")
  ngx.ctx.object = attachment
  return ngx.exec("/internal/" .. attachment.id)
end

--- What S3 says of an object beside its bytes.
function store.describe(emulator)
  local attachment = emulator.state:attachment(ngx.var.uri:match("([^/]+)$"))
  if not attachment then return end
  ngx.header["Content-Type"] = attachment.type
  ngx.header["ETag"] = '"' .. attachment.etag .. '"'
  ngx.header["x-amz-request-id"] = crypto.hex(crypto.random(8)):upper()
  ngx.header["Content-Disposition"] = ('attachment; filename="%s"')
    :format((attachment.name:gsub('[\r\n"\\]', "_")))
end

return store
