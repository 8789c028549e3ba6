--- Text for people: valid UTF-8 made from any bytes, fitted to a terminal's columns; sizes.

local unicode = {}

-- The lead bytes of UTF-8 sequences and the range of their second byte, which rules out overlong
-- forms, surrogates, and code points above U+10FFFF.
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

--- The text with control characters, which could drive a terminal, replaced by "?".
---@param text string
---@return string
function unicode.printable(text)
  return (unicode.escape(text):gsub("[%z\1-\31\127]", "?"):gsub("\194[\128-\159]", "?"))
end

-- Code points that take no column, and those that take two: the ranges that occur in file names.
local NARROW = { { 0x300, 0x36F }, { 0x200B, 0x200F }, { 0xFE00, 0xFE0F } }
local WIDE = {
  { 0x1100, 0x115F }, { 0x2E80, 0xA4CF }, { 0xAC00, 0xD7A3 }, { 0xF900, 0xFAFF },
  { 0xFE30, 0xFE6F }, { 0xFF00, 0xFF60 }, { 0x1F300, 0x1FAFF }, { 0x20000, 0x3FFFD },
}

local function is_in(ranges, point)
  for _, range in ipairs(ranges) do
    if point >= range[1] and point <= range[2] then return true end
  end
  return false
end

local function point_of(character)
  local first, rest = character:byte(1), #character - 1
  local point = rest == 0 and first or first % 2 ^ (6 - rest)
  for at = 2, #character do point = point * 64 + character:byte(at) % 64 end
  return point
end

local function columns_of(character)
  local point = point_of(character)
  return is_in(NARROW, point) and 0 or is_in(WIDE, point) and 2 or 1
end

local CHARACTER = "[%z\1-\127\194-\244][\128-\191]*"

--- How many columns printable text takes on a terminal.
---@param text string
---@return integer
function unicode.columns(text)
  local columns = 0
  for character in text:gmatch(CHARACTER) do columns = columns + columns_of(character) end
  return columns
end

--- Printable text in exactly `width` columns: padded with blanks, or shortened with "..." in its
-- middle, since file names differ most at their ends.
---@param text string
---@param width integer
---@return string
function unicode.fit(text, width)
  local columns = unicode.columns(text)
  if columns <= width then return text .. (" "):rep(width - columns) end
  local characters = {}
  for character in text:gmatch(CHARACTER) do characters[#characters + 1] = character end
  local dots = ("."):rep(math.min(3, width))
  local left, right, first, last = "", "", 1, #characters
  local used = #dots
  while first <= last do
    local from_left = #left <= #right
    local character = characters[from_left and first or last]
    used = used + columns_of(character)
    if used > width then
      used = used - columns_of(character)
      break
    end
    if from_left then
      left, first = left .. character, first + 1
    else
      right, last = character .. right, last - 1
    end
  end
  return left .. dots .. right .. (" "):rep(width - used)
end

--- A number of bytes, for people.
---@param count number
---@return string
function unicode.bytes(count)
  if count < 1024 then return ("%.0f B"):format(count) end
  if count < 1024 ^ 2 then return ("%.1f KiB"):format(count / 1024) end
  if count < 1024 ^ 3 then return ("%.1f MiB"):format(count / 1024 ^ 2) end
  return ("%.1f GiB"):format(count / 1024 ^ 3)
end

return unicode
