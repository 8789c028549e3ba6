--- Idempotency: what was done for a ClientToken is not done again, and a ClientToken that is used
-- again with other parameters is refused.

local cjson = require "cjson.safe"
local crypto = require "connectparticipant.emulator.crypto"
local json = require "connectparticipant.emulator.json"

local once = {}

local function write(value)
  if type(value) ~= "table" then return cjson.encode(value) end
  local names, parts = {}, {}
  for name in pairs(value) do names[#names + 1] = name end
  table.sort(names)
  for index, name in ipairs(names) do parts[index] = name .. "=" .. write(value[name]) end
  local open, close = "{", "}"
  if getmetatable(value) == json.list then open, close = "[", "]" end
  return open .. table.concat(parts, ",") .. close
end

--- The key of a ClientToken in a chat's table of replies.
function once.key(caller, operation, input)
  return caller.participant.id .. "/" .. operation .. "/" .. input.ClientToken
end

--- Calls `action`, or returns what it returned for the same ClientToken before.
---@param action fun(key: string|nil): table|nil, string|nil, string|nil
---@return table|nil result
---@return string|nil code
---@return string|nil message
---@return boolean|nil again the result is an earlier one
function once.call(emulator, caller, operation, input, action)
  if not input.ClientToken or input.ClientToken == "" then return action() end
  local key = once.key(caller, operation, input)
  local fingerprint = crypto.sha256(write(input))
  local known = emulator.state.recall(caller.chat, key)
  if known and known.input ~= fingerprint then
    return nil, "ValidationException", "The ClientToken was used before with other parameters"
  end
  if known then return known.result, nil, nil, true end
  local result, code, message = action(key)
  if result then
    emulator.state:remember(caller.chat, key, { input = fingerprint, result = result })
  end
  return result, code, message
end

return once
