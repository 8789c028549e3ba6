--- How the service, API Gateway and S3 answer: their status, headers, and bodies.

local crypto = require "connectparticipant.emulator.crypto"
local json = require "connectparticipant.emulator.json"

local answer = {}

local STATUS = {
  ValidationException = 400, AccessDeniedException = 403, ConflictException = 409,
  InternalServerException = 500, ResourceNotFoundException = 404,
  ServiceQuotaExceededException = 402, ThrottlingException = 429,
}

--- Sends a whole answer, or passes it to the fault that will spoil it.
---@param status integer
---@param kind string|nil Content-Type
---@param body string|string[] or its pieces
---@param size? integer of all pieces
function answer.send(status, kind, body, size)
  size = size or #body
  ngx.ctx.status = status
  ngx.status = status
  ngx.header["Content-Type"] = kind
  ngx.header["Content-Length"] = size
  local spoil = ngx.ctx.spoil
  if spoil then
    ngx.ctx.spoil = nil
    return spoil(type(body) == "table" and table.concat(body) or body)
  end
  if size > 0 and ngx.req.get_method() ~= "HEAD" then
    ngx.print(body)
  else
    ngx.send_headers()
  end
end

local function send_json(status, value)
  ngx.header["x-amzn-RequestId"] = crypto.uuid()
  ngx.header["x-amz-apigw-id"] = crypto.identifier()
  if value then return answer.send(status, "application/json", json.pieces(value)) end
  answer.send(status, "application/json", "")
end

--- Sends the service's result; an empty one as an empty body, as AWS documents it.
function answer.result(value)
  send_json(200, next(value) and value or nil)
end

local function refuse(status, code, body)
  ngx.header["x-amzn-ErrorType"] = code
  ngx.ctx.code = code
  send_json(status, body)
end

--- Sends one of the service's exceptions.
function answer.exception(code, message, members)
  local body = { Message = message }
  for name, value in pairs(members or {}) do body[name] = value end
  refuse(STATUS[code] or 400, code, body)
end

--- Sends an error of API Gateway, which is in front of the service.
function answer.gateway(status, code, message)
  refuse(status, code, { message = message })
end

--- Sends an error with any status and code.
function answer.fault(status, code, message)
  refuse(status, code, { Message = message })
end

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

-- XML 1.0 cannot express most control characters.
local function escape(text)
  return (tostring(text):gsub('[&<>"]', ENTITIES):gsub("[%z\1-\8\11\12\14-\31]", "?"))
end

local function s3_headers()
  local id = crypto.identifier():upper()
  ngx.header["x-amz-request-id"] = id
  local host_id = ngx.encode_base64(crypto.random(24))
  ngx.header["x-amz-id-2"] = host_id
  ngx.header["Server"] = "AmazonS3"
  return id, host_id
end

--- Sends an error of S3.
---@param refusal { status: integer, code: string, message: string, extra?: table }
function answer.s3_error(refusal)
  local id, host_id = s3_headers()
  local parts = { '<?xml version="1.0" encoding="UTF-8"?>\n<Error>',
    ("<Code>%s</Code><Message>%s</Message>"):format(refusal.code, escape(refusal.message)) }
  for _, pair in ipairs(refusal.extra or {}) do
    parts[#parts + 1] = ("<%s>%s</%s>"):format(pair[1], escape(pair[2]), pair[1])
  end
  parts[#parts + 1] = ("<RequestId>%s</RequestId><HostId>%s</HostId></Error>"):format(id, host_id)
  ngx.ctx.code = refusal.code
  answer.send(refusal.status, "application/xml", table.concat(parts))
end

--- Sends S3's answer to a successful PUT.
function answer.stored(etag)
  s3_headers()
  ngx.header["ETag"] = '"' .. etag .. '"'
  answer.send(200, nil, "")
end

--- Adds an object's headers to those that nginx sets for a file.
---@param headers table<string, string>
function answer.object_headers(headers)
  s3_headers()
  for name, value in pairs(headers) do ngx.header[name] = value end
end

return answer
