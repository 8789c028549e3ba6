-- Which part of an attachment a request asks for: Range and If-Range of RFC 9110. Pure.

local range = {}

-- More digits than any size has, which are whole numbers still.
local MOST_DIGITS = 15

local function number(text)
  if #text > MOST_DIGITS then return 10 ^ MOST_DIGITS end
  return tonumber(text)
end

--- What a Range header asks for: nil where it is to be ignored, as what is malformed, of another
--- unit, or several ranges at once is; the whole is a right answer to all of these.
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

--- The range of so many bytes; nil where there is none of it.
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

--- What an If-Range header demands: a strong ETag; false where nothing can meet it, as a date or a
--- weak ETag: the whole is to be sent then; nil: there is none.
---@param text string|nil
---@return string|false|nil etag
function range.condition(text)
  if text == nil then return nil end
  return text:match '^[ \t]*("[\33\35-\126]*")[ \t]*$' or false
end

--- The value of Content-Range.
---@param first integer|nil nil: there is no such range
---@param stop integer|nil
---@param size integer
---@return string
function range.content_range(first, stop, size)
  if not first then return ("bytes */%.0f"):format(size) end
  return ("bytes %.0f-%.0f/%.0f"):format(first, stop - 1, size)
end

return range
