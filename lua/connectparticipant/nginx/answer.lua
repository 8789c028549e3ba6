-- The gateway's answers: which status an error has, what of it the client may see, and JSON.

local cjson = require "cjson"

local answer = {}

-- By kind, for errors that neither their code nor the service's status decides. A 5xx means that
-- the client is not at fault.
local BY_KIND = {
  validation = 400, source = 400, configuration = 500, raised = 500, sink = 500, storage = 502,
  transport = 502, protocol = 502, timeout = 504, cancelled = 503, service = 502,
}

-- By the service's status. It answers 402 when a quota of the instance is used up.
local BY_STATUS = {
  [400] = 400, [401] = 401, [402] = 422, [403] = 403, [404] = 404, [409] = 409, [413] = 413,
  [415] = 415, [422] = 422,
}

local BY_CODE = {
  AttachmentRejected = 422, EntityTooLarge = 413, NoSuchKey = 404, ClientTimeout = 408,
  TooLarge = 413, UnsupportedType = 415, InvalidRange = 416,
}

-- Kinds whose messages describe this server rather than the request: clients do not see them.
local HIDDEN = { configuration = true, raised = true }

--- The status of the answer that reports an error.
---@param err connectparticipant.Error
---@return integer
function answer.status_of(err)
  if err.throttled then return 429 end
  local by_code = BY_CODE[err.code]
  if by_code then return by_code end
  return err.kind == "service" and BY_STATUS[err.status] or BY_KIND[err.kind] or 502
end

--- The body of the answer that reports an error.
---@param err connectparticipant.Error
---@return table
function answer.describe(err)
  if HIDDEN[err.kind] then
    return { kind = err.kind, code = err.code, message = "the gateway cannot do this now" }
  end
  return {
    kind = err.kind, code = err.code, message = err.message, request_id = err.request_id,
    attachment_id = err.attachment_id,
  }
end

--- The answer that reports an error.
---@param err connectparticipant.Error
---@param status? integer instead of the error's own
---@return connectparticipant.GatewayAnswer
function answer.failure(err, status)
  local headers = {}
  status = status or answer.status_of(err)
  if status == 429 then
    headers["Retry-After"] = ("%d"):format(math.max(1, math.ceil(err.retry_after or 1)))
  elseif status == 401 then
    headers["WWW-Authenticate"] = "Bearer"
  end
  return { status = status, body = answer.describe(err), headers = headers }
end

--- Encodes a body as JSON.
---@param body table
---@return string
function answer.encode(body)
  return cjson.encode(body)
end

return answer
