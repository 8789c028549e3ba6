--- UTF-8: checks it, counts its characters, encodes one.

local text = {}

local char = string.char

-- The valid byte sequences. The range of the second byte rules out overlong forms, surrogates, and
-- code points above U+10FFFF.
local FORMS = {
  "[\194-\223][\128-\191]",
  "\224[\160-\191][\128-\191]", "[\225-\236][\128-\191][\128-\191]",
  "\237[\128-\159][\128-\191]", "[\238-\239][\128-\191][\128-\191]",
  "\240[\144-\191][\128-\191][\128-\191]", "[\241-\243][\128-\191][\128-\191][\128-\191]",
  "\244[\128-\143][\128-\191][\128-\191]",
}

--- The number of characters; nil when the text is not valid UTF-8.
---@param value string
---@return integer|nil
function text.characters(value)
  if not value:find("[\128-\255]") then return #value end
  local rest = value
  -- Each is replaced by a dot rather than removed, so that no new sequence forms around it.
  for _, form in ipairs(FORMS) do rest = rest:gsub(form, ".") end
  if rest:find("[\128-\255]") then return nil end
  return #rest
end

--- The UTF-8 of a code point.
---@param code integer
---@return string
function text.encode(code)
  if code < 0x80 then return char(code) end
  local function tail(shift) return 0x80 + math.floor(code / shift) % 0x40 end
  if code < 0x800 then return char(0xC0 + math.floor(code / 0x40), tail(1)) end
  if code < 0x10000 then return char(0xE0 + math.floor(code / 0x1000), tail(0x40), tail(1)) end
  return char(0xF0 + math.floor(code / 0x40000), tail(0x1000), tail(0x40), tail(1))
end

return text
