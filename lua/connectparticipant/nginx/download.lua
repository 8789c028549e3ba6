-- Sends an attachment to a browser as it arrives. The answer begins when the store's headers have
-- arrived, so a failure until then has a status of its own. A failure after that closes the
-- connection, so that no client takes the part for the whole.

local download_of = require "connectparticipant.attachment.download"
local job = require "connectparticipant.run.job"
local name_of = require "connectparticipant.nginx.name"
local range = require "connectparticipant.nginx.range"
local request = require "connectparticipant.nginx.request"
local settings_of = require "connectparticipant.nginx.settings"

local download = {}

local refuse = settings_of.refuse

local UNKNOWN = "application/octet-stream"

local function default_id()
  return ngx.var.arg_id and ngx.unescape_uri(ngx.var.arg_id)
end

-- Codes of errors after which the part cannot be had, but perhaps the whole.
local NO_PART = { ObjectChanged = true, RangeIgnored = true, WrongRange = true }

-- The form of an ETag, strong or weak.
local ETAG = '^W?/?"[\33\35-\126]*"$'

-- The part that a request asks for; nil for the whole.
local function part_of(visit)
  -- HEAD needs the store's headers only. A GET of one byte ends by itself and keeps its connection;
  -- one of the whole would have to be cancelled, with much of it under way and the connection lost.
  if visit.head then
    return { choose = function(size)
      if size > 1 then return 0, 1 end
    end }
  end
  local asked, etag = range.read(ngx.var.http_range), range.condition(ngx.var.http_if_range)
  if not asked or etag == false then return nil end
  return { etag = etag, choose = function(size)
    visit.size, visit.first, visit.stop = size, range.of(asked, size)
    if visit.first then return visit.first, visit.stop end
    -- With If-Range, the client's part may be of another object, and then the whole is the answer.
    if etag then return nil end
    return nil, refuse(416, "InvalidRange", ("the attachment has %.0f bytes, and none of those"
      .. " asked for"):format(size)).err
  end }
end

-- Sets the headers that describe the attachment, and the part of it that is sent.
local function describe(visit, start)
  local headers = ngx.header
  local kind = start.ContentType or UNKNOWN
  local essence = request.essence(kind) or UNKNOWN
  local inline = visit.settings.inline and settings_of.has_type(visit.settings.inline, essence)
  local name = start.ContentDisposition and name_of.of_disposition(start.ContentDisposition)
  headers["Content-Type"] = kind
  local size = start.AttachmentSizeInBytes
  if visit.first then
    ngx.status = 206
    headers["Content-Range"] = range.content_range(visit.first, visit.stop, size)
    size = visit.stop - visit.first
  end
  headers["Content-Length"] = ("%.0f"):format(size)
  headers["Content-Disposition"] = name_of.disposition(name and name_of.clean(name),
    inline and "inline" or "attachment")
  -- A page among the attachments must not run scripts in this site's origin.
  headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
  headers["Accept-Ranges"] = "bytes"
  if start.ETag and start.ETag:find(ETAG) then headers["ETag"] = start.ETag end
end

-- Sends the headers, once; returns false if the client has disconnected. If the ETag matches
-- If-None-Match, nginx itself turns the answer into a 304: then no body follows.
local function begin(visit)
  if visit.begun then return true end
  visit.begun = true
  describe(visit, visit.start)
  local ok, problem = ngx.send_headers()
  visit.enough = ok and ngx.status ~= 200 and ngx.status ~= 206
  return ok, problem
end

local function writer(visit)
  return function(chunk)
    if visit.head then return true end
    local ok, problem = begin(visit)
    if visit.enough then return false end
    if ok then ok, problem = ngx.print(chunk) end
    -- Waits until the kernel has the bytes, so the store is read no faster than the client reads.
    if ok then ok, problem = ngx.flush(true) end
    if ok then return true end
    visit.gone = true
    return nil, problem
  end
end

-- Ends an answer whose transfer has succeeded. Its headers are sent here if no byte was written.
local function end_well(visit, result)
  visit:audit(result)
  if not begin(visit) then return visit:leave() end
  visit:count(ngx.status)
  ngx.eof()
  visit.body:finish()
end

-- Closes the connection in the middle of the answer (nginx's 444).
local function break_off(visit, err)
  if visit.gone then
    visit:leave()
  else
    visit:count(444)
    visit:audit(nil, err)
    ngx.log(ngx.WARN, "connectparticipant: a download broke off: ", tostring(err))
  end
  ngx.exit(444)
end

-- Fetches the part, or the whole if there is none.
local function fetch(visit, params, part)
  if visit.client.loop.closed then error("the client is closed", 0) end
  visit.first, visit.stop = nil, nil
  function params.on_start(start)
    visit.start = start
    -- HEAD needs no body.
    if visit.head and not part then return false end
  end
  return job.run(visit.client, params.timeout, download_of.run, params, part)
end

local function run(visit, token, id)
  local params = {
    ConnectionToken = token, AttachmentId = id, timeout = visit.settings.timeout,
    write = writer(visit),
  }
  local part = part_of(visit)
  local result, err = fetch(visit, params, part)
  if err and part and not visit.begun and (err.status == 412 or NO_PART[err.code]) then
    result, err = fetch(visit, params)
  end
  if visit.start and (visit.head or visit.enough) then result = visit.start end
  if result then return end_well(visit, result) end
  if visit.begun then return break_off(visit, err) end
  local told = visit:fail(err)
  if told.status == 416 and visit.size then
    told.headers["Content-Range"] = range.content_range(nil, nil, visit.size)
  end
  return told
end

-- When the headers are sent, nginx would turn the answer to these into a 412 of its own.
local CONDITIONS = { "If-Match", "If-Unmodified-Since" }

--- Answers a request for an attachment.
---@param visit connectparticipant.Visit
---@return connectparticipant.GatewayAnswer|nil nil if the answer has been sent
function download.run(visit)
  for _, name in ipairs(CONDITIONS) do ngx.req.clear_header(name) end
  local token, refusal = visit:token()
  local id = (visit.settings.id or default_id)(ngx)
  if token and (type(id) ~= "string" or id == "") then
    refusal = refuse(400, "MissingId", "an attachment's id is needed: ?id=ATTACHMENT_ID")
  end
  visit.seen.id = id
  refusal = refusal or visit:refusal()
  if refusal then return visit:fail(refusal.err, refusal.status) end
  return run(visit, token, id)
end

return download
