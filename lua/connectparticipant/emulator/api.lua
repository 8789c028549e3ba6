--- The HTTP face of the service: finds the operation, checks token and input, and answers as API
-- Gateway and the service do.

local answer = require "connectparticipant.emulator.answer"
local cjson = require "cjson.safe"
local model = require "connectparticipant.emulator.model"
local service = require "connectparticipant.emulator.service"

local api = {}

local LARGEST_BODY = 256 * 1024
local DENIED = "You do not have sufficient access to perform this action."

local by_path = {}
for _, operation in pairs(model.operations) do by_path[operation.path] = operation end

local function find_operation()
  local path = ngx.var.request_uri:match("^[^?]*")
  local operation = by_path[path]
  local token = not operation and path:match("^/participant/views/([^/]+)$")
  if token then operation = model.operations.DescribeView end
  if not operation or operation.method ~= ngx.req.get_method() then return nil end
  return operation, token and ngx.unescape_uri(token)
end

-- The chat that the token is for; an exception where it is for none, or the wrong kind.
local function find_chat(emulator, operation)
  local token = ngx.ctx.headers["x-amz-bearer"]
  local record, chat = emulator.state:find_token(token)
  local wanted = operation.name == "CreateParticipantConnection" and "participant" or "connection"
  if not record or record.kind ~= wanted then return nil end
  if record.expiry and emulator.now() > record.expiry then return nil end
  return chat.open and chat or nil
end

local function read_input(operation, view_token)
  if operation.method == "GET" then
    local length = #view_token
    if length < 1 or length > 1000 then return nil, "ViewToken must have 1 to 1000 characters" end
    return { ViewToken = view_token }
  end
  ngx.req.read_body()
  local body = ngx.req.get_body_data() or ""
  if #body > LARGEST_BODY then return nil, "The request is too large" end
  ngx.ctx.body = body
  if body == "" then return {} end
  local input = body:match("^%s*{") and cjson.decode(body)
  if type(input) ~= "table" then return nil, "The request is not valid JSON" end
  for name, value in pairs(input) do
    if value == cjson.null then input[name] = nil end
  end
  return input, model.violations(operation, input)
end

--- Answers a request to the service.
function api.handle(emulator)
  ngx.ctx.headers = ngx.req.get_headers(100)
  local operation, view_token = find_operation()
  if not operation then
    return answer.gateway(403, "MissingAuthenticationTokenException",
      "Missing Authentication Token")
  end
  ngx.ctx.operation = operation.name
  if emulator.faults:before(operation.name) then return end
  local token = ngx.ctx.headers["x-amz-bearer"]
  if type(token) ~= "string" or token == "" then
    return answer.gateway(401, "UnauthorizedException", "Unauthorized")
  end
  if not emulator.limits:allow(operation.name) then
    return answer.exception("ThrottlingException", "Rate exceeded")
  end
  local input, problem = read_input(operation, view_token)
  if problem then return answer.exception("ValidationException", problem) end
  local chat = #token <= 1000 and find_chat(emulator, operation)
  if not chat then return answer.exception("AccessDeniedException", DENIED) end
  local result, code, message, members = service[operation.name](emulator, chat, input)
  if not result then return answer.exception(code, message, members) end
  answer.result(result)
end

return api
