--- The HTTP face of the service: finds the operation, checks token and input, and answers as API
-- Gateway and the service do.

local answer = require "connectparticipant.emulator.answer"
local json = require "connectparticipant.emulator.json"
local model = require "connectparticipant.emulator.model"
local service = require "connectparticipant.emulator.service"

local api = {}

-- The messages of API Gateway's authorizer (unknown token) and of the service (wrong kind of
-- token).
local STRANGER = "User is not authorized to access this resource with an explicit deny"
local DENIED = "Access denied"

local by_path = {}
for _, operation in pairs(model.operations) do by_path[operation.path] = operation end

local function find_operation(uri, method)
  local path = uri:match("^[^?]*")
  local operation = by_path[path]
  local token = not operation and path:match("^/participant/views/([^/]+)$")
  if token then operation = model.operations.DescribeView end
  if not operation or operation.method ~= method then return nil end
  return operation, token and ngx.unescape_uri((token:gsub("%+", "%%2B")))
end

--- The name of the operation that a request calls.
function api.operation_name(uri, method)
  local operation = find_operation(uri, method)
  return operation and operation.name or "UnknownOperation"
end

-- The participant whose token it is; nil and a message if it is unknown, expired or of the wrong
-- kind.
local function find_caller(emulator, operation, token)
  local record, caller = emulator.state:find_token(token)
  if not record or (record.expiry and emulator.now() > record.expiry) then
    return nil, STRANGER
  end
  local wanted = operation.name == "CreateParticipantConnection" and "participant" or "connection"
  if record.kind ~= wanted or not caller.participant.open then return nil, DENIED end
  return caller
end

-- An empty body counts as {}. A body whose Content-Type is not JSON is refused without parsing it.
local function read_input(operation, view_token)
  if operation.method == "GET" then return { ViewToken = view_token } end
  ngx.req.read_body()
  local body = ngx.req.get_body_data() or ""
  ngx.ctx.body = body
  if body == "" then return {} end
  local kind = ngx.var.content_type or ""
  if not kind:lower():match("^application/json%f[^%w]")
    and not kind:lower():match("^application/x%-amz%-json%-1%.[01]%f[^%w]") then
    return nil, 415, "UnsupportedMediaTypeException", "Unsupported Media Type"
  end
  local input, problem = json.object(body)
  if not input then
    return nil, 400, "ValidationException", "The request body is not valid JSON: " .. problem
  end
  return input
end

local function answer_call(emulator, operation, token, view_token)
  local caller, denial
  if #token <= 1000 then
    caller, denial = find_caller(emulator, operation, token)
    if not caller then return answer.exception("AccessDeniedException", denial) end
  end
  if not emulator.limits:allow(operation.name) then
    return answer.exception("ThrottlingException", "Rate exceeded")
  end
  local input, status, code, message = read_input(operation, view_token)
  if not input then return answer.gateway(status, code, message) end
  local violations = model.violations(operation, input, token)
  if violations then return answer.exception("ValidationException", violations) end
  local result, members
  result, code, message, members = service[operation.name](emulator, caller, input)
  local written, problem = emulator.state:commit()
  if not written then
    ngx.log(ngx.ERR, "the state cannot be written: ", problem)
    return answer.exception("InternalServerException", "The state cannot be written")
  end
  if not result then return answer.exception(code, message, members) end
  answer.result(result)
end

--- Answers a request to the service.
function api.handle(emulator)
  ngx.ctx.headers = ngx.req.get_headers(100)
  local operation, view_token = find_operation(ngx.var.request_uri, ngx.req.get_method())
  if not operation then
    return answer.gateway(403, "MissingAuthenticationTokenException",
      "Missing Authentication Token")
  end
  if emulator.faults:before(operation.name) then return end
  local token = ngx.ctx.headers["x-amz-bearer"]
  if type(token) ~= "string" or token == "" then
    return answer.gateway(401, "UnauthorizedException", "Unauthorized")
  end
  answer_call(emulator, operation, token, view_token)
end

--- Refuses a body that is larger than nginx reads.
function api.refuse_size()
  answer.gateway(413, "RequestEntityTooLargeException", "Request Too Long")
end

return api
