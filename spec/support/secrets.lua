-- Recognisable secrets, one for each place that a secret can have, and a search for them in
-- whatever comes to light: text, tables, and what `tostring` gives of values.
local secrets = {
  TOKEN = "kG7mQ2xZr9LdT4vBwY6c", PARTICIPANT = "pN3hJ8sXe5RfU1aKqD0t",
  SIGNATURE = "9f3b7c1d5e8a2046b4c6d8e0f1a3b5c7", CREDENTIAL = "AKIAQ7ZT3XW5VY9R2MNB",
  SESSION = "FwoGZXIvYXdzEJr4Lk8Pz2Hs", PROXY = "hT5vKw9ZcQ3nXb7L", REDIS = "rD8yMf2GjS6uEp4V",
  KEY = "c3NlLWN1c3RvbWVyLWtleQ7u",
}

-- Shorter pieces of one say nothing.
local PIECE = 10

local BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

-- As Proxy-Authorization has a password; only whole groups of three bytes.
local function base64(text)
  return (text:sub(1, #text - #text % 3):gsub("...", function(group)
    local a, b, c = group:byte(1, 3)
    local number, out = a * 65536 + b * 256 + c, {}
    for index = 4, 1, -1 do
      local digit = number % 64
      out[index], number = BASE64:sub(digit + 1, digit + 1), (number - digit) / 64
    end
    return table.concat(out)
  end))
end

local NEEDLES = {}
for name, secret in pairs(secrets) do
  for from = 1, #secret - PIECE + 1 do
    NEEDLES[secret:sub(from, from + PIECE - 1)] = name
  end
  NEEDLES[base64("user:" .. secret)] = name
end

local function in_text(text)
  local plain = text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  for needle, name in pairs(NEEDLES) do
    if text:find(needle, 1, true) or plain:find(needle, 1, true) then
      return name .. ": " .. text
    end
  end
end

--- The names of those in a long text, verbatim.
---@param text string
---@return string[]
function secrets.all_in(text)
  local names = {}
  for name, secret in pairs(secrets) do
    if type(secret) == "string" and text:find(secret, 1, true) then names[#names + 1] = name end
  end
  return names
end

--- The first secret found in a value, keys and what is inside of it included, with where; nil
--- where there is none. `but` is one that may be there.
---@param value any
---@param but? string
function secrets.found(value, but, seen)
  seen = seen or {}
  if seen[value] then return nil end
  local here = in_text(tostring(value))
  if here and not (but and here:find("^" .. but .. ":")) then return here end
  if type(value) ~= "table" then return nil end
  seen[value] = true
  for key, inner in pairs(value) do
    local there = secrets.found(key, but, seen) or secrets.found(inner, but, seen)
    if there then return there end
  end
end

--- A presigned URL of the object store at `origin`.
function secrets.url(origin, path)
  return ("%s%s?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20260101T000000Z"
    .. "&X-Amz-SignedHeaders=host&X-Amz-Expires=900&X-Amz-Security-Token=%s"
    .. "&X-Amz-Credential=%s%%2F20260101%%2Fus-east-1%%2Fs3%%2Faws4_request&X-Amz-Signature=%s")
    :format(origin, path or "/objects/a", secrets.SESSION, secrets.CREDENTIAL, secrets.SIGNATURE)
end

return secrets
