-- One request to the gateway: the token and the name in its headers, its origin (CORS), and how its
-- answer is sent.

local answer = require "connectparticipant.nginx.answer"
local body_of = require "connectparticipant.nginx.body"
local core = require "connectparticipant.core"
local failure = require "connectparticipant.error"
local name_of = require "connectparticipant.nginx.name"
local settings_of = require "connectparticipant.nginx.settings"

local request = {}

-- Headers that a page of another origin may send, and headers of the answer that it may read.
local ALLOWED = "Authorization, Content-Type, Content-Disposition, If-Range, Range, "
  .. "X-Connection-Token, X-File-Name"
local EXPOSED = "Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag, "
  .. "Retry-After"

---@class connectparticipant.Visit
---@field client connectparticipant.Client
---@field settings table the options
---@field what "upload"|"download"
---@field method string
---@field body connectparticipant.Body
---@field seen connectparticipant.GatewayRequest what is passed to the caller's functions
local Visit = {}
Visit.__index = Visit

local function default_token()
  local token = ngx.var.http_x_connection_token
  if token and token ~= "" then return token end
  local scheme, bearer = (ngx.var.http_authorization or ""):match "^([A-Za-z]+) +([^ ]+) *$"
  return scheme and core.lower(scheme) == "bearer" and bearer or nil
end

local function default_name()
  local header = ngx.var.http_x_file_name
  if header then return name_of.decode(header) end
  header = ngx.var.http_content_disposition
  return header and name_of.of_disposition(header)
end

--- A media type without its parameters, in lower case.
---@param text? string
---@return string|nil
function request.essence(text)
  local kind = text and text:match "^%s*([A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+)%s*;?"
  return kind and core.lower(kind)
end

--- The request that nginx is handling. Reads nothing of its body.
---@return connectparticipant.Visit
function request.new(client, what, settings)
  local self = setmetatable({
    client = client, settings = settings, what = what, method = ngx.req.get_method(),
    began = core.now(), body = body_of.new(), seen = { what = what },
  }, Visit)
  self.head = self.method == "HEAD"
  return self
end

--- The token; nil and a refusal if there is none.
function Visit:token()
  local token = (self.settings.token or default_token)(ngx)
  if type(token) == "string" and token ~= "" then
    self.seen.token = token
    return token
  end
  return nil, settings_of.refuse(401, "MissingToken",
    "a connection token is needed: the header X-Connection-Token, or Authorization: Bearer")
end

--- The file's name, cleaned; nil and a refusal if it is missing or cannot be stored.
---@param given? string instead of the request's own
function Visit:name(given)
  local text = given or (self.settings.name or default_name)(ngx)
  if type(text) ~= "string" then
    return nil, settings_of.refuse(400, "MissingName",
      "a file name is needed: the header X-File-Name (percent-encoded) or Content-Disposition")
  end
  local clean, problem = name_of.clean(text)
  if clean then return clean end
  return nil, settings_of.refuse(400, "InvalidName", problem)
end

--- Asks `authorize`; returns a refusal if that does not allow the request.
function Visit:refusal()
  local authorize = self.settings.authorize
  if not authorize then return nil end
  local may, message = authorize(self.seen)
  if may then return nil end
  return settings_of.refuse(403, "Forbidden",
    type(message) == "string" and message or "this is not allowed")
end

--- Calls `on_result`, once. What that raises is logged, and the answer stays as it is.
function Visit:audit(result, err)
  local tell = self.settings.on_result
  if not tell or self.told then return end
  self.told = true
  local ok, problem = pcall(tell, result, err, self.seen)
  if not ok then ngx.log(ngx.ERR, "connectparticipant: on_result failed: ", tostring(problem)) end
end

--- Makes the answer that reports an error, and passes the error to `on_result`. What is not the
--- client's fault (5xx) is logged.
---@param err connectparticipant.Error
---@param status? integer instead of the error's own
---@return connectparticipant.GatewayAnswer
function Visit:fail(err, status)
  self:audit(nil, err)
  local told = answer.failure(err, status)
  if told.status >= 500 then
    local level = err.kind == "configuration" and ngx.ERR or ngx.WARN
    ngx.log(level, "connectparticipant: ", self.what, " failed: ", tostring(err))
  end
  return told
end

-- The value of Access-Control-Allow-Origin; nil if pages of the request's origin may not see the
-- answer.
local function allowed_origin(self)
  local cors, origin = self.settings.cors, ngx.var.http_origin
  if not cors or not origin then return nil end
  if cors.origins == "*" then return "*" end
  for _, each in ipairs(cors.origins) do
    if each == origin then return origin end
  end
end

--- Sets the headers that every answer has.
function Visit:begin()
  local headers = ngx.header
  headers["X-Content-Type-Options"] = "nosniff"
  headers["Cache-Control"] = "private, no-store"
  if not self.settings.cors then return end
  if self.settings.cors.origins ~= "*" then headers["Vary"] = "Origin" end
  self.origin = allowed_origin(self)
  if not self.origin then return end
  headers["Access-Control-Allow-Origin"] = self.origin
  headers["Access-Control-Expose-Headers"] = EXPOSED
end

--- The answer to a browser's CORS preflight (OPTIONS).
---@param methods string
---@return connectparticipant.GatewayAnswer
function Visit:preflight(methods)
  if not self.origin then return { status = 204, headers = { Allow = methods } } end
  return { status = 204, headers = {
    ["Access-Control-Allow-Methods"] = methods, ["Access-Control-Allow-Headers"] = ALLOWED,
    ["Access-Control-Max-Age"] = "600",
  } }
end

--- Adds the request to the metrics, once.
---@param status integer
function Visit:count(status)
  if self.counted then return end
  self.counted = true
  self.client.counters:request(self.what, status, core.now() - self.began)
end

--- Sends a whole answer, and ends the request so that no unread byte of its body is parsed as the
--- next request.
---@param given connectparticipant.GatewayAnswer
function Visit:send(given)
  self:count(given.status)
  for key, value in pairs(given.headers or {}) do ngx.header[key] = value end
  ngx.status = given.status
  local text = given.body and answer.encode(given.body) .. "\n"
  if text then ngx.header["Content-Type"] = "application/json" end
  self.body:refuse()
  if given.status ~= 204 then ngx.header["Content-Length"] = text and #text or 0 end
  local sent = ngx.send_headers()
  if sent and text and not self.head then sent = ngx.print(text) end
  if sent then ngx.eof() end
  if sent then ngx.flush(true) end
  self.body:finish()
end

--- Ends the request when the client disconnects, if nginx watches (lua_check_client_abort on).
function Visit:watch()
  ngx.on_abort(function()
    self:leave()
    ngx.exit(499)
  end)
end

--- Reports, once, that the client has disconnected: to the metrics, the log and `on_result`.
function Visit:leave()
  if self.left then return end
  self:count(499)
  self.left = true
  ngx.log(ngx.INFO, "connectparticipant: the client left in the middle of ",
    self.what == "upload" and "an upload" or "a download")
  self:audit(nil, failure.cancelled "the client left")
end

return request
