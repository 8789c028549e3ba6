-- An attachment to a browser as it arrives. Nothing is answered before the store's own headers are
-- there; and what breaks off after that ends the connection, so that nobody takes a part for the
-- whole.

local name_of = require "connectparticipant.nginx.name"
local request = require "connectparticipant.nginx.request"
local settings_of = require "connectparticipant.nginx.settings"

local download = {}

local refuse = settings_of.refuse

local UNKNOWN = "application/octet-stream"

local function default_id()
  return ngx.var.arg_id and ngx.unescape_uri(ngx.var.arg_id)
end

-- Sets what is known of the attachment.
local function describe(visit, start)
  local headers = ngx.header
  local kind = start.ContentType or UNKNOWN
  local essence = request.essence(kind) or UNKNOWN
  local inline = visit.settings.inline and settings_of.has_type(visit.settings.inline, essence)
  local name = start.ContentDisposition and name_of.of_disposition(start.ContentDisposition)
  headers["Content-Type"] = kind
  headers["Content-Length"] = ("%.0f"):format(start.AttachmentSizeInBytes)
  headers["Content-Disposition"] = name_of.disposition(name and name_of.clean(name),
    inline and "inline" or "attachment")
  -- Whatever it is, it is no page of this origin.
  headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
  headers["Accept-Ranges"] = "none"
end

-- Sends the headers, once; gives false where nobody is there.
local function begin(visit)
  if visit.begun then return true end
  visit.begun = true
  describe(visit, visit.start)
  return ngx.send_headers()
end

local function writer(visit)
  return function(chunk)
    local ok, problem = begin(visit)
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
  ngx.eof()
  visit.body:finish()
end

-- Ends the connection in the middle of the answer.
local function break_off(visit, err)
  if visit.gone then
    visit:leave()
  else
    visit:audit(nil, err)
    ngx.log(ngx.WARN, "connectparticipant: a download broke off: ", tostring(err))
  end
  ngx.exit(444)
end

local function run(visit, token, id)
  local result, err = visit.client:download_attachment {
    ConnectionToken = token, AttachmentId = id, timeout = visit.settings.timeout,
    write = writer(visit),
    on_start = function(start)
      visit.start = start
      if visit.head then return false end
    end,
  }
  if visit.head and visit.start then result = visit.start end
  if result then return end_well(visit, result) end
  if visit.begun then return break_off(visit, err) end
  return visit:fail(err)
end

--- Brings what a request asks for.
---@param visit connectparticipant.Visit
---@return connectparticipant.GatewayAnswer|nil nil where all has been said
function download.run(visit)
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
