--- Text from elsewhere that is to be UTF-8, whatever bytes it has.

local unicode = {}

-- How UTF-8 sequences begin, and what follows: without overlong forms, surrogates, and what is
-- beyond U+10FFFF.
local SEQUENCES = {
  "^[\194-\223][\128-\191]", "^\224[\160-\191][\128-\191]",
  "^[\225-\236][\128-\191][\128-\191]", "^\237[\128-\159][\128-\191]",
  "^[\238\239][\128-\191][\128-\191]", "^\240[\144-\191][\128-\191][\128-\191]",
  "^[\241-\243][\128-\191][\128-\191][\128-\191]", "^\244[\128-\143][\128-\191][\128-\191]",
}

local function sequence(text, at)
  for _, pattern in ipairs(SEQUENCES) do
    local _, last = text:find(pattern, at)
    if last then return last end
  end
end

--- The text with `\xHH` for each byte that is not part of a UTF-8 sequence.
---@param text string
---@return string
function unicode.escape(text)
  local parts, from = {}, 1
  local at = text:find("[\128-\255]")
  while at do
    local last = sequence(text, at)
    if not last then
      parts[#parts + 1] = text:sub(from, at - 1)
      parts[#parts + 1] = ("\\x%02X"):format(text:byte(at))
      from, last = at + 1, at
    end
    at = text:find("[\128-\255]", last + 1)
  end
  return table.concat(parts) .. text:sub(from)
end

--- The text without what could drive a terminal: control characters become "?".
---@param text string
---@return string
function unicode.printable(text)
  return (unicode.escape(text):gsub("[%z\1-\31\127]", "?"):gsub("\194[\128-\159]", "?"))
end

return unicode
