-- File names in headers: RFC 6266 and 5987, percent-encoding, the quoting of browsers' forms.
-- Strings in, strings out.

local core = require "connectparticipant.core"

local name = {}

-- Characters that override the direction of text, and so can make "exe.jpg" look like "gpj.exe".
local OVERRIDES = "\226\128[\170-\174]"
local ISOLATES = "\226\129[\166-\169]"

-- Control characters of Unicode beyond ASCII, and the separators of lines and paragraphs.
local C1 = "\194[\128-\159]"
local SEPARATORS = "\226\128[\168-\169]"

-- By the first byte of a UTF-8 sequence: its length, and the range of its second byte.
local function sequence(first)
  if first < 0x80 then return 1 end
  if first < 0xC2 or first > 0xF4 then return nil end
  if first < 0xE0 then return 2, 0x80, 0xBF end
  if first < 0xF0 then return 3, first == 0xE0 and 0xA0 or 0x80, first == 0xED and 0x9F or 0xBF end
  return 4, first == 0xF0 and 0x90 or 0x80, first == 0xF4 and 0x8F or 0xBF
end

--- Whether the text is valid UTF-8.
---@param text string
---@return boolean
function name.is_utf8(text)
  local at, size = 1, #text
  while at <= size do
    local length, low, high = sequence(text:byte(at))
    if not length then return false end
    for offset = 1, length - 1 do
      local byte = text:byte(at + offset)
      if not byte or byte < low or byte > high then return false end
      low, high = 0x80, 0xBF
    end
    at = at + length
  end
  return true
end

-- Converts ISO-8859-1, the default encoding of headers, to UTF-8.
local function from_latin1(text)
  return (text:gsub("[\128-\255]", function(char)
    local byte = char:byte()
    return string.char(0xC0 + math.floor(byte / 64), 0x80 + byte % 64)
  end))
end

local function to_utf8(text)
  return name.is_utf8(text) and text or from_latin1(text)
end

local function unescape(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

--- Decodes a percent-encoded name; one that is not encoded, such as "100%.pdf", stays as it is.
---@param text string
---@return string of UTF-8
function name.decode(text)
  local rest = text:gsub("%%%x%x", "")
  if rest:find "[%%\128-\255]" then return to_utf8(text) end
  local decoded = unescape(text)
  return name.is_utf8(decoded) and decoded or text
end

-- RFC 5987: charset'language'percent-encoded.
local function extended(value)
  local charset, encoded = value:match
    "^([A-Za-z0-9_-]+)'[A-Za-z0-9-]*'([A-Za-z0-9!#$&+.^_`|~%%-]*)$"
  if not charset or encoded:gsub("%%%x%x", ""):find("%", 1, true) then return nil end
  local decoded = unescape(encoded)
  charset = core.lower(charset)
  if charset == "utf-8" then return name.is_utf8(decoded) and decoded or nil end
  return charset == "iso-8859-1" and from_latin1(decoded) or nil
end

-- The value at a position, and where it ends: a quoted string, or everything before the next `;`.
local function value_at(text, at)
  if text:sub(at, at) ~= '"' then
    local value, stop = text:match("^([^;]*)()", at)
    return value:match "^(.-)%s*$", stop
  end
  local pieces, from = {}, at + 1
  while true do
    local stop = text:find('["\\]', from)
    if not stop then return nil end
    pieces[#pieces + 1] = text:sub(from, stop - 1)
    if text:sub(stop, stop) == '"' then return table.concat(pieces), stop + 1 end
    -- Browsers do not escape backslashes, so one is an escape only before these two characters.
    local escaped = text:sub(stop + 1, stop + 1)
    pieces[#pieces + 1] = (escaped == '"' or escaped == "\\") and escaped or "\\" .. escaped
    from = stop + 2
  end
end

--- The parameters after the first word of a header such as Content-Disposition or Content-Type,
--- with names in lower case; of two with the same name the first one counts. Nil if they are
--- malformed.
---@param header string
---@return table<string, string>|nil parameters
---@return string|nil word the first one, in lower case
function name.parameters(header)
  local word, at = header:match "^%s*([^;%s]*)%s*()"
  local found = {}
  while at <= #header do
    local key, begin = header:match("^;%s*([^=;%s]+)%s*=%s*()", at)
    if not key then
      -- An empty parameter, as at the end of "a; b=c;".
      if header:find("^;%s*$", at) then break end
      return nil
    end
    local value, stop = value_at(header, begin)
    if not value then return nil end
    key = core.lower(key)
    found[key] = found[key] or value
    at = header:match("^%s*()", stop)
  end
  return found, core.lower(word)
end

--- The file name in an HTTP Content-Disposition: `filename*` is preferred to `filename`, which
--- object stores percent-encode.
---@param header string
---@return string|nil
function name.of_disposition(header)
  local parameters = name.parameters(header)
  if not parameters then return nil end
  local better = parameters["filename*"] and extended(parameters["filename*"])
  return better or parameters.filename and name.decode(parameters.filename)
end

--- The file name of a part of a form, in which browsers encode quotes and line breaks, and nothing
--- else.
---@param parameters table<string, string> of the part's Content-Disposition
---@return string|nil
function name.of_part(parameters)
  local better = parameters["filename*"] and extended(parameters["filename*"])
  if better then return better end
  local given = parameters.filename
  return given and to_utf8((given:gsub("%%22", '"'):gsub("%%0[Dd]", "\r"):gsub("%%0[Aa]", "\n")))
end

--- The name to use: without the folders before it, which old browsers send. Nil and what is wrong
--- if it is not a valid name.
---@param text string of UTF-8
---@return string|nil
---@return string|nil problem
function name.clean(text)
  if text:find "[%z\1-\31\127]" or text:find(C1) or text:find(SEPARATORS) then
    return nil, "the file name holds a control character"
  end
  local last = text:match "[^/\\]*$"
  if last:find "^%s*$" or last == "." or last == ".." then
    return nil, "the file name is empty"
  end
  return (last:gsub(OVERRIDES, "_"):gsub(ISOLATES, "_"))
end

--- A Content-Disposition for an answer: an ASCII name for every browser, and the exact name for
--- those that support RFC 6266.
---@param file_name? string of UTF-8
---@param word string "attachment" or "inline"
---@return string
function name.disposition(file_name, word)
  if not file_name then return word end
  local plain = file_name:gsub("[\194-\244][\128-\191]*", "_"):gsub('["\\%%%z\1-\31\127-\255]', "_")
  if plain == file_name then return ('%s; filename="%s"'):format(word, plain) end
  local encoded = file_name:gsub("[^A-Za-z0-9!#$&+.^_`|~-]", function(char)
    return ("%%%02X"):format(char:byte())
  end)
  return ("%s; filename=\"%s\"; filename*=UTF-8''%s"):format(word, plain, encoded)
end

return name
