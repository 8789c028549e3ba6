-- What the gateway answers: the status that an error stands for, bodies of JSON, and nothing that a
-- client should not see.

local cjson = require "cjson"

local answer = {}

-- Where only the kind of an error counts. A client that is told 502 or 504 has made no mistake.
local BY_KIND = {
  validation = 400, source = 400, configuration = 500, raised = 500, sink = 500, storage = 502,
  transport = 502, protocol = 502, timeout = 504, cancelled = 503, service = 502,
}

-- What the service's own statuses become; 402 is a quota of the instance.
local BY_STATUS = {
  [400] = 400, [401] = 401, [402] = 422, [403] = 403, [404] = 404, [409] = 409, [413] = 413,
  [415] = 415, [422] = 422,
}

local BY_CODE = {
  AttachmentRejected = 422, EntityTooLarge = 413, NoSuchKey = 404, ClientTimeout = 408,
  TooLarge = 413, UnsupportedType = 415, InvalidRange = 416,
}

-- These speak of this server, not of the request.
local HIDDEN = { configuration = true, raised = true }

--- The status of an answer that tells of this error.
---@param err connectparticipant.Error
---@return integer
function answer.status_of(err)
  if err.throttled then return 429 end
  local by_code = BY_CODE[err.code]
  if by_code then return by_code end
  return err.kind == "service" and BY_STATUS[err.status] or BY_KIND[err.kind] or 502
end

--- An error as the body of an answer has it.
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

--- An error as an answer.
---@param err connectparticipant.Error
---@param status? integer another one than the error's own
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

--- A table as JSON, with its lists as lists.
---@param body table
---@return string
function answer.encode(body)
  return cjson.encode(body)
end

return answer
