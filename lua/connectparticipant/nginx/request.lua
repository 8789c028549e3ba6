-- One request to the gateway: what its headers say, who may see its answer, and how the answer goes
-- out.

local answer = require "connectparticipant.nginx.answer"
local body_of = require "connectparticipant.nginx.body"
local core = require "connectparticipant.core"
local failure = require "connectparticipant.error"
local name_of = require "connectparticipant.nginx.name"
local settings_of = require "connectparticipant.nginx.settings"

local request = {}

-- What browsers may send along, and show to a page, across origins.
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
---@field seen connectparticipant.GatewayRequest what the caller's functions are told
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

--- A type without its parameters, in lower case.
---@param text? string
---@return string|nil
function request.essence(text)
  local kind = text and text:match "^%s*([A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+)%s*;?"
  return kind and core.lower(kind)
end

--- Looks at a request of nginx's.
---@return connectparticipant.Visit
function request.new(client, what, settings)
  local self = setmetatable({
    client = client, settings = settings, what = what, method = ngx.req.get_method(),
    began = core.now(), body = body_of.new(), seen = { what = what },
  }, Visit)
  self.head = self.method == "HEAD"
  return self
end

--- The token; nil and a refusal where there is none.
function Visit:token()
  local token = (self.settings.token or default_token)(ngx)
  if type(token) == "string" and token ~= "" then
    self.seen.token = token
    return token
  end
  return nil, settings_of.refuse(401, "MissingToken",
    "a connection token is needed: the header X-Connection-Token, or Authorization: Bearer")
end

--- A file's name as it may be stored; nil and a refusal where it is none.
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

--- Whether the caller's own function lets it pass; a refusal where it does not.
function Visit:refusal()
  local authorize = self.settings.authorize
  if not authorize then return nil end
  local may, message = authorize(self.seen)
  if may then return nil end
  return settings_of.refuse(403, "Forbidden",
    type(message) == "string" and message or "this is not allowed")
end

--- Tells the caller's own function how it went; what that raises is logged, and hurts nobody.
function Visit:audit(result, err)
  local tell = self.settings.on_result
  if not tell or self.told then return end
  self.told = true
  local ok, problem = pcall(tell, result, err, self.seen)
  if not ok then ngx.log(ngx.ERR, "connectparticipant: on_result failed: ", tostring(problem)) end
end

--- An error as an answer, told to the caller's own function, and to the log where it is no mistake
--- of the client's.
---@param err connectparticipant.Error
---@param status? integer another one than the error's own
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

-- The browser's origin, where its pages may see the answer.
local function allowed_origin(self)
  local cors, origin = self.settings.cors, ngx.var.http_origin
  if not cors or not origin then return nil end
  if cors.origins == "*" then return "*" end
  for _, each in ipairs(cors.origins) do
    if each == origin then return origin end
  end
end

--- Sets what every answer has.
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

--- Answers a browser that asks whether it may ask.
---@param methods string
---@return connectparticipant.GatewayAnswer
function Visit:preflight(methods)
  if not self.origin then return { status = 204, headers = { Allow = methods } } end
  return { status = 204, headers = {
    ["Access-Control-Allow-Methods"] = methods, ["Access-Control-Allow-Headers"] = ALLOWED,
    ["Access-Control-Max-Age"] = "600",
  } }
end

--- Counts the request, once.
---@param status integer
function Visit:count(status)
  if self.counted then return end
  self.counted = true
  self.client.counters:request(self.what, status, core.now() - self.began)
end

--- Sends a whole answer, and ends the request so that its body can be no request.
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

--- Has nginx tell when the client leaves, where it looks (lua_check_client_abort).
function Visit:watch()
  ngx.on_abort(function()
    self:leave()
    ngx.exit(499)
  end)
end

--- Notes that the client has left: one line, and the caller's own function.
function Visit:leave()
  if self.left then return end
  self:count(499)
  self.left = true
  ngx.log(ngx.INFO, "connectparticipant: the client left in the middle of ",
    self.what == "upload" and "an upload" or "a download")
  self:audit(nil, failure.cancelled "the client left")
end

return request
