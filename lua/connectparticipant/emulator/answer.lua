--- How the service, API Gateway and S3 answer: their status, headers, and bodies.

local cjson = require "cjson.safe"
local crypto = require "connectparticipant.emulator.crypto"

local answer = {}

local STATUS = {
  ValidationException = 400, AccessDeniedException = 403, ConflictException = 409,
  InternalServerException = 500, ResourceNotFoundException = 404,
  ServiceQuotaExceededException = 402, ThrottlingException = 429,
}

local function send(status, kind, body)
  ngx.status = status
  ngx.header["Content-Type"] = kind
  ngx.header["Content-Length"] = #body
  if #body > 0 then ngx.print(body) end
  ngx.ctx.status = status
end

--- The service's result; an empty one has an empty body, as AWS's documentation says.
function answer.result(value)
  ngx.header["x-amzn-RequestId"] = crypto.uuid()
  send(200, "application/json", next(value) and cjson.encode(value) or "{}")
end

--- One of the service's exceptions.
function answer.exception(code, message, members)
  local body = { Message = message }
  for name, value in pairs(members or {}) do body[name] = value end
  ngx.header["x-amzn-RequestId"] = crypto.uuid()
  ngx.header["x-amzn-ErrorType"] = code
  ngx.ctx.code = code
  send(STATUS[code] or 400, "application/json", cjson.encode(body))
end

--- What API Gateway says before the service is asked.
function answer.gateway(status, code, message)
  ngx.header["x-amzn-RequestId"] = crypto.uuid()
  ngx.header["x-amzn-ErrorType"] = code
  ngx.ctx.code = code
  send(status, "application/json", cjson.encode { message = message })
end

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function escape(text)
  return (tostring(text):gsub('[&<>"]', ENTITIES))
end

--- S3's error.
---@param refusal { status: integer, code: string, message: string, extra?: table }
function answer.s3_error(refusal)
  local id = crypto.hex(crypto.random(8)):upper()
  local parts = { '<?xml version="1.0" encoding="UTF-8"?>\n<Error>',
    ("<Code>%s</Code><Message>%s</Message>"):format(refusal.code, escape(refusal.message)) }
  for _, pair in ipairs(refusal.extra or {}) do
    parts[#parts + 1] = ("<%s>%s</%s>"):format(pair[1], escape(pair[2]), pair[1])
  end
  parts[#parts + 1] = ("<RequestId>%s</RequestId><HostId>%s</HostId></Error>")
    :format(id, ngx.encode_base64(crypto.random(24)))
  ngx.header["x-amz-request-id"] = id
  ngx.ctx.code = refusal.code
  send(refusal.status, "application/xml", table.concat(parts))
end

--- S3's success without a body.
function answer.stored(etag)
  ngx.header["x-amz-request-id"] = crypto.hex(crypto.random(8)):upper()
  ngx.header["ETag"] = '"' .. etag .. '"'
  send(200, nil, "")
end

return answer
