-- Which part of an attachment a request asks for: Range and If-Range of RFC 9110. Does no I/O.

local range = {}

-- Digits. What has more counts as 10^15: no attachment is as large, and a double holds it exactly.
local MOST_DIGITS = 15

local function number(text)
  if #text > MOST_DIGITS then return 10 ^ MOST_DIGITS end
  return tonumber(text)
end

--- What a Range header asks for; nil if it is to be ignored, since it is malformed, has another
--- unit than bytes, or asks for several ranges. RFC 9110 lets a server answer those with the whole.
---@param text string|nil
---@return connectparticipant.Range|nil
function range.read(text)
  if type(text) ~= "string" or #text > 100 then return nil end
  local first, last = text:match "^[ \t]*[Bb][Yy][Tt][Ee][Ss][ \t]*=[ \t]*([0-9]*)-([0-9]*)[ \t]*$"
  if not first or first == "" and last == "" then return nil end
  if first == "" then return { suffix = number(last) } end
  local asked = { first = number(first), last = last ~= "" and number(last) or nil }
  if asked.last and asked.last < asked.first then return nil end
  return asked
end

---@class connectparticipant.Range
---@field first? integer
---@field last? integer the last byte, not the one after it; nil: up to the end
---@field suffix? integer how many bytes at the end, instead of both

--- The range in an attachment of this size; nil if the attachment has no byte of it.
---@param asked connectparticipant.Range
---@param size integer
---@return integer|nil first
---@return integer|nil stop the byte after the last
function range.of(asked, size)
  local first, stop = asked.first, size
  if asked.suffix then
    first = math.max(0, size - asked.suffix)
    if asked.suffix == 0 then return nil end
  elseif asked.last and asked.last < size then
    stop = asked.last + 1
  end
  if first >= size then return nil end
  return first, stop
end

--- The strong ETag that an If-Range header has; nil if there is no such header; false if it has
--- something else, such as a date or a weak ETag, which match nothing: then the whole is sent.
---@param text string|nil
---@return string|false|nil etag
function range.condition(text)
  if text == nil then return nil end
  return text:match '^[ \t]*("[\33\35-\126]*")[ \t]*$' or false
end

--- The value of Content-Range.
---@param first integer|nil nil if the attachment has no byte of the range
---@param stop integer|nil
---@param size integer
---@return string
function range.content_range(first, stop, size)
  if not first then return ("bytes */%.0f"):format(size) end
  return ("bytes %.0f-%.0f/%.0f"):format(first, stop - 1, size)
end

return range
