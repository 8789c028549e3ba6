-- Whether a store's answer is the object, or the part of it, that was asked for: by its headers,
-- before a byte of its body is handed out.

local failure = require "connectparticipant.error"

local judge = {}

local WHERE = { operation = "GetAttachment", step = "get" }

local function wrong_size(size, promised)
  return failure.protocol("SizeMismatch",
    ("the store has %.0f bytes, not the %.0f promised"):format(size, promised), WHERE)
end

local function judge_part(flow, exchange)
  local total = tonumber((exchange:header("content-range") or ""):match("/(%d+)$"))
  if total and total ~= flow.size then return wrong_size(total, flow.size) end
  if flow.offset == 0 or exchange:header("etag") == flow.etag then return nil end
  return failure.protocol("ObjectChanged", "the store resumed with another object", WHERE)
end

--- Gives an error where the headers are those of something else.
---@param flow connectparticipant.Download
---@param exchange userdata
---@return connectparticipant.Error|nil
function judge.answer(flow, exchange)
  local status = exchange:info().status
  if status == 206 then return judge_part(flow, exchange) end
  local length = tonumber(exchange:header("content-length") or nil)
  if status == 200 and length and length ~= flow.size then
    return wrong_size(length, flow.size)
  end
end

return judge
