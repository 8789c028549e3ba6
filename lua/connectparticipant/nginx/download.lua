-- An attachment to a browser as it arrives. Nothing is answered before the store's own headers are
-- there; and what breaks off after that ends the connection, so that nobody takes a part for the
-- whole.

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

-- What shows that a part that was asked for is not to be had, but the whole may be.
local NO_PART = { ObjectChanged = true, RangeIgnored = true, WrongRange = true }

-- A strong or weak ETag, as the store has sent it.
local ETAG = '^W?/?"[\33\35-\126]*"$'

-- The part that a request asks for; nil: the whole.
local function part_of(visit)
  -- For its headers: a byte is less than what is on its way before a transfer is cancelled, and its
  -- connection can be kept.
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
    -- Where the object may be another one, its range counts for nothing.
    if etag then return nil end
    return nil, refuse(416, "InvalidRange", ("the attachment has %.0f bytes, and none of those"
      .. " asked for"):format(size)).err
  end }
end

-- Sets what is known of the attachment, and which part of it is sent.
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
  -- Whatever it is, it is no page of this origin.
  headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
  headers["Accept-Ranges"] = "bytes"
  if start.ETag and start.ETag:find(ETAG) then headers["ETag"] = start.ETag end
end

-- Sends the headers, once; gives false where nobody is there. nginx itself makes a 304 of the
-- answer, by its ETag, where If-None-Match says so: then no body follows.
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
    -- What is flushed is with the kernel: no more is asked for than the client takes.
    if ok then ok, problem = ngx.flush(true) end
    if ok then return true end
    visit.gone = true
    return nil, problem
  end
end

-- The transfer ended before the answer began, or all of it was sent.
local function end_well(visit, result)
  visit:audit(result)
  if not begin(visit) then return visit:leave() end
  visit:count(ngx.status)
  ngx.eof()
  visit.body:finish()
end

-- Ends the connection in the middle of the answer.
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

-- Fetches the part, or the whole.
local function fetch(visit, params, part)
  if visit.client.loop.closed then error("the client is closed", 0) end
  visit.first, visit.stop = nil, nil
  function params.on_start(start)
    visit.start = start
    -- The headers are all that was wanted.
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

-- nginx would answer these with a 412 of its own, in the middle of this function's work.
local CONDITIONS = { "If-Match", "If-Unmodified-Since" }

--- Brings what a request asks for.
---@param visit connectparticipant.Visit
---@return connectparticipant.GatewayAnswer|nil nil where all has been said
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
