--- The object store behind the presigned URLs: bytes on disk, S3's checks, S3's errors. As in
-- Amazon Connect, the bytes of a PUT are staged until the upload is completed. Every PUT has a file
-- of its own, so that a crash can never leave the bytes of one under the record of another.

local answer = require "connectparticipant.emulator.answer"
local attachments = require "connectparticipant.emulator.attachments"
local crypto = require "connectparticipant.emulator.crypto"
local disk = require "connectparticipant.emulator.disk"
local remote = require "connectparticipant.emulator.remote"
local shell = require "connectparticipant.emulator.shell"
local sigv4 = require "connectparticipant.emulator.sigv4"

local store = {}

-- https://www.eicar.org: the text that scanners report as a virus, for tests. It is split, so that
-- they do not report this file.
local EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-" .. "ANTIVIRUS-TEST-FILE!$H+H*"
local CHUNK = 64 * 1024
local LARGEST = 5 * 1024 * 1024 * 1024 -- of one PUT

local REFUSALS = {
  NoSuchKey = { 404, "The specified key does not exist." },
  MethodNotAllowed = { 405, "The specified method is not allowed against this resource." },
  NotImplemented = { 501,
    "A header you provided implies functionality that is not implemented" },
  MissingContentLength = { 411, "You must provide the Content-Length HTTP header." },
  EntityTooLarge = { 400, "Your proposed upload exceeds the maximum allowed size" },
  InvalidDigest = { 400, "The Content-MD5 you specified was invalid." },
  BadDigest = { 400, "The Content-MD5 you specified did not match what we received." },
  IncompleteBody = { 400,
    "You did not provide the number of bytes specified by the Content-Length HTTP header" },
  RequestTimeout = { 400, "Your socket connection to the server was not read from or written to "
    .. "within the timeout period. Idle connections will be closed." },
  InternalError = { 500, "We encountered an internal error. Please try again." },
  PreconditionFailed = { 412, "At least one of the pre-conditions you specified did not hold" },
  InvalidRange = { 416, "The requested range is not satisfiable" },
}

local function refusal_of(code, extra)
  return { status = REFUSALS[code][1], code = code, message = REFUSALS[code][2], extra = extra }
end

--- Answers with one of S3's errors.
function store.refuse(code)
  answer.s3_error(refusal_of(code))
end

-- Sends an error from the rewrite phase.
local function turn_away(refusal)
  answer.s3_error(refusal)
  return ngx.exit(ngx.HTTP_OK)
end

-- Keeps the ngx.ctx of requests on their way to @close, since an internal redirect empties it.
local handed = {}

-- Refuses a PUT whose body has not been read. The connection has to be closed then, and keepalive
-- can be turned off only by a location of its own.
local function end_with(refusal)
  -- Otherwise nginx would send 100 Continue, and discard the body.
  ngx.req.clear_header "Expect"
  ngx.ctx.refusal = refusal
  local key = crypto.identifier()
  ngx.var.handed, handed[key] = key, ngx.ctx
  return ngx.exec "@close"
end

--- The content of the location @close.
function store.close()
  local key = ngx.var.handed
  ngx.ctx, handed[key] = handed[key], nil
  answer.s3_error(ngx.ctx.refusal)
end

local function path_of(emulator, object)
  return emulator.directory .. "/objects/" .. object.file
end

--- The file of a completed attachment.
---@return string|nil
function store.path_of(emulator, attachment)
  return attachment.object and path_of(emulator, attachment.object)
end

--- Removes a completed object.
function store.drop(emulator, attachment)
  if attachment.object then emulator.state:discard(path_of(emulator, attachment.object)) end
  attachment.object = nil
end

--- Removes the bytes of a PUT that can no longer be completed.
function store.drop_staged(emulator, attachment)
  if attachment.staged then emulator.state:discard(path_of(emulator, attachment.staged)) end
  attachment.staged = nil
  emulator.state:touch("attachments", attachment.id)
end

--- Makes the staged bytes the attachment's object, which later PUTs to the same URL cannot change.
---@return boolean|nil
---@return string|nil problem
---@return string|nil code of an exception, when it is not the client's fault
function store.keep(emulator, attachment)
  if emulator.external then
    local head, problem, code = remote.read(emulator, attachment)
    if not head then return nil, problem, code end
    attachment.infected = head:find(EICAR, 1, true) ~= nil
    return true
  end
  if not attachment.staged then return nil, "The attachment has not been uploaded" end
  attachment.object, attachment.infected = attachment.staged, attachment.staged.infected
  attachment.staged = nil
  return true
end

--- Removes files that no attachment names: those of PUTs that a crash has interrupted.
function store.tidy(emulator)
  local named = {}
  for _, attachment in pairs(emulator.state.data.attachments) do
    for _, name in ipairs { "staged", "object" } do
      if attachment[name] then named[attachment[name].file] = true end
    end
  end
  for _, folder in ipairs { "objects", "incoming" } do
    local names = shell.output('cd "$1" && ls -A', emulator.directory .. "/" .. folder)
    for name in names:gmatch "[^\n]+" do
      if not named[name] then os.remove(emulator.directory .. "/" .. folder .. "/" .. name) end
    end
  end
end

-- The attachment that the request's path names, if the signature is right.
local function find(emulator)
  local path, query = ngx.var.request_uri:match("^([^?]*)%??(.*)$")
  local ok, refusal = sigv4.verify({
    method = ngx.req.get_method(), path = path, query = query, headers = ngx.req.get_headers(200),
    now = emulator.now(),
  }, emulator.credentials)
  if not ok then return nil, refusal end
  local attachment = emulator.state:attachment(path:match("([^/]+)$") or "")
  if attachment then return attachment end
  return nil, refusal_of("NoSuchKey", { { "Key", path:gsub("^/[^/]*/", "") } })
end

-- The errors that S3 reports before it looks at the signature.
local function check_framing(headers)
  if headers["transfer-encoding"] then
    return refusal_of("NotImplemented", { { "Header", "Transfer-Encoding" } })
  end
  local length = tonumber((tostring(headers["content-length"] or ""):match("^%d+$")))
  if not length then return refusal_of "MissingContentLength" end
  if length > LARGEST then
    return refusal_of("EntityTooLarge",
      { { "ProposedSize", headers["content-length"] }, { "MaxSizeAllowed", "5368709120" } })
  end
  local digest = headers["content-md5"]
  if digest and #(ngx.decode_base64(tostring(digest)) or "") ~= 16 then
    return refusal_of "InvalidDigest"
  end
end

--- Called before the body is read, so that a client which waits for 100 Continue need not send it.
function store.check_put(emulator)
  ngx.ctx.headers = ngx.req.get_headers(200)
  if emulator.faults:before "PutObject" then return end
  local attachment
  local refusal = check_framing(ngx.ctx.headers)
  if not refusal then attachment, refusal = find(emulator) end
  if refusal then return end_with(refusal) end
  ngx.ctx.attachment = attachment
end

-- Copies the body to a file; returns its MD5 and whether it contains EICAR's text.
local function receive(socket, file, left)
  local md5, tail, infected = crypto.md5(), "", false
  while left > 0 do
    local piece, problem = socket:receive(math.min(left, CHUNK))
    if not piece then return nil, problem == "timeout" and "RequestTimeout" or "IncompleteBody" end
    if not file:write(piece) then return nil, "InternalError" end
    md5.update(piece)
    infected = infected or (tail .. piece):find(EICAR, 1, true) ~= nil
    tail, left = piece:sub(-#EICAR), left - #piece
  end
  return { digest = md5.final(), infected = infected }
end

local function receive_into(emulator, path, length)
  local file, problem = io.open(path, "wb")
  if not file then
    ngx.log(ngx.ERR, "cannot write an object: ", problem)
    return nil, "InternalError"
  end
  local received = { digest = crypto.md5().final(), infected = false }
  if length > 0 then
    local socket
    socket, problem = ngx.req.socket()
    if socket then
      socket:settimeout(emulator.options.body_timeout * 1000)
      received, problem = receive(socket, file, length)
    else
      ngx.log(ngx.ERR, "cannot read a body: ", problem)
      received, problem = nil, "InternalError"
    end
  end
  if not received then
    file:close()
    return nil, problem
  end
  received.file = file
  return received
end

-- Syncs the bytes, renames them to a name that no other PUT uses, and notes them as staged.
local function stage(emulator, attachment, aside, received)
  local done, problem = true, nil
  if emulator.options.keep then done, problem = disk.sync(received.file) end
  local closed, reason = received.file:close()
  if not (done and closed) then return nil, problem or reason end
  attachment.puts = (attachment.puts or 0) + 1
  local object = { file = ("%s.%d"):format(attachment.id, attachment.puts),
    etag = crypto.hex(received.digest), infected = received.infected }
  done, problem = os.rename(aside, path_of(emulator, object))
  if not done then return nil, problem end
  emulator.state:named_in(emulator.directory .. "/objects")
  store.drop_staged(emulator, attachment)
  attachment.staged = object
  return true
end

-- Cleans up after a PUT that is refused.
local function give_up(received, aside)
  if received then received.file:close() end
  os.remove(aside)
end

--- Receives the body into incoming/, and stages it when it is complete.
function store.put(emulator)
  local attachment, headers = ngx.ctx.attachment, ngx.ctx.headers
  local aside = emulator.directory .. "/incoming/" .. crypto.identifier()
  local received, problem = receive_into(emulator, aside, tonumber(headers["content-length"]))
  if received and headers["content-md5"]
    and ngx.decode_base64(headers["content-md5"]) ~= received.digest then
    problem = "BadDigest"
  end
  if problem then
    give_up(received, aside)
    return end_with(refusal_of(problem))
  end
  if emulator.faults.after() then return give_up(received, aside) end
  local staged
  staged, problem = emulator.state:commit(function()
    return stage(emulator, attachment, aside, received)
  end)
  if not staged then
    ngx.log(ngx.ERR, "cannot keep an object: ", problem)
    os.remove(aside)
    return store.refuse "InternalError"
  end
  answer.stored(crypto.hex(received.digest))
end

local function matches(condition, etag)
  for given in condition:gmatch "[^,%s]+" do
    if given == "*" or given == etag then return true end
  end
  return false
end

--- Lets nginx send the object, including ranges of it.
function store.get(emulator)
  ngx.ctx.headers = ngx.req.get_headers(200)
  if emulator.faults:before "GetObject" then return end
  local attachment, refusal = find(emulator)
  if not attachment then return turn_away(refusal) end
  if not attachment.object or attachment.status == "REJECTED" then
    return turn_away(refusal_of "NoSuchKey")
  end
  local match = ngx.ctx.headers["if-match"]
  if match and not matches(tostring(match), '"' .. attachment.object.etag .. '"') then
    return turn_away(refusal_of("PreconditionFailed", { { "Condition", "If-Match" } }))
  end
  -- nginx would compare them with its own ETag of the file.
  ngx.req.clear_header "If-Match"
  ngx.req.clear_header "If-None-Match"
  return ngx.exec("/internal/" .. attachment.object.file)
end

--- Sets S3's headers of an object.
function store.describe(emulator)
  local attachment = emulator.state:attachment(ngx.var.uri:match("([^/]+)%.%d+$"))
  if not attachment or not attachment.object or ngx.status >= 300 then return end
  answer.object_headers {
    ["Content-Type"] = attachment.type, ["ETag"] = '"' .. attachment.object.etag .. '"',
    ["Content-Disposition"] = attachments.disposition(attachment.name),
    ["x-amz-meta-contact_id"] = attachment.chat,
  }
end

return store
