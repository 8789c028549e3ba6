-- Finds the parts of a multipart/form-data body (RFC 7578): where each begins, how long it is, and
-- what its headers say. Reads the body once, and never holds all of it. Does no I/O: a function
-- passes it the bytes.

local core = require "connectparticipant.core"
local name = require "connectparticipant.nginx.name"

local multipart = {}

-- Bounds of the memory that a body can make us use.
local MOST_PARTS, LONGEST_HEADERS, LONGEST_PADDING = 1000, 8192, 64

---@class connectparticipant.Part
---@field field? string the name of the form field
---@field filename? string nil if it is not a file
---@field type? string its Content-Type
---@field offset integer of its first byte in the body
---@field size integer

---@class connectparticipant.MultipartScanner
---@field read fun(): string|nil, string|nil the next bytes
---@field buffer string bytes that are still needed
---@field base integer the offset in the body of the first of them
---@field delimiter string
local Scanner = {}
Scanner.__index = Scanner

--- The boundary that a Content-Type names; nil if it is not a form's, or names none.
---@param content_type string
---@return string|nil boundary
function multipart.boundary(content_type)
  local parameters, word = name.parameters(content_type)
  local boundary = word == "multipart/form-data" and parameters.boundary
  if not boundary or #boundary < 1 or #boundary > 70 then return nil end
  return boundary:find "^[A-Za-z0-9'()+_,./:=? -]*[A-Za-z0-9'()+_,./:=?-]$" and boundary or nil
end

-- Fills the buffer to at least so many bytes; false if the body ends before.
function Scanner:want(count)
  while #self.buffer < count do
    local chunk, problem = self.read()
    if not chunk then
      self.problem = problem
      return false
    end
    self.buffer = self.buffer .. chunk
  end
  return true
end

-- Drops the first bytes of the buffer.
function Scanner:skip(count)
  self.buffer, self.base = self.buffer:sub(count + 1), self.base + count
end

-- Skips to the end of the next delimiter; returns the offset at which it begins.
function Scanner:seek()
  local delimiter = self.delimiter
  while true do
    local from = self.buffer:find(delimiter, 1, true)
    if from then
      local offset = self.base + from - 1
      self:skip(from - 1 + #delimiter)
      return offset
    end
    local useless = #self.buffer - #delimiter + 1
    if useless > 0 then self:skip(useless) end
    if not self:want(#self.buffer + 1) then return nil end
  end
end

-- What follows a delimiter: true for the headers of another part, false for the end of the form.
function Scanner:line()
  if not self:want(2) then return nil end
  if self.buffer:sub(1, 2) == "--" then return false end
  while true do
    local stop = self.buffer:find("\r\n", 1, true)
    if stop then
      if self.buffer:sub(1, stop - 1):find "[^ \t]" then return nil end
      self:skip(stop - 1) -- this line end may also begin the blank line that ends the headers
      return true
    end
    if #self.buffer > LONGEST_PADDING or not self:want(#self.buffer + 1) then return nil end
  end
end

-- The header block, from the line end before it; nil if it has no end.
function Scanner:headers()
  while true do
    local stop = self.buffer:find("\r\n\r\n", 1, true)
    if stop and stop <= LONGEST_HEADERS then
      local block = self.buffer:sub(1, stop + 1)
      self:skip(stop + 3)
      return block
    end
    if #self.buffer > LONGEST_HEADERS or not self:want(#self.buffer + 1) then return nil end
  end
end

local function header(block, wanted)
  for key, value in block:gmatch "\r\n([^:\r\n]+):[ \t]*([^\r\n]*)" do
    if core.lower(key) == wanted then return value end
  end
end

local function describe(block, offset)
  local disposition = header(block, "content-disposition")
  local parameters, word = name.parameters(disposition or "")
  if not parameters or word ~= "form-data" then return nil end
  return {
    field = parameters.name, filename = name.of_part(parameters),
    type = header(block, "content-type"), offset = offset,
  }
end

function Scanner:refuse(problem)
  return nil, self.problem or problem
end

--- Reads a body up to its last delimiter, and ignores the rest.
---@param boundary string
---@param read fun(): string|nil, string|nil the next bytes; nil at the end, or nil and a problem
---@return connectparticipant.Part[]|nil parts
---@return string|nil problem
function multipart.scan(boundary, read)
  -- The first delimiter has no line end before it.
  local self = setmetatable({
    read = read, buffer = "\r\n", base = -2, delimiter = "\r\n--" .. boundary,
  }, Scanner)
  local parts = {}
  if not self:seek() then return self:refuse "the form has no part" end
  while true do
    local more = self:line()
    if more == nil then return self:refuse "a boundary of the form is malformed" end
    if not more then return parts end
    if #parts >= MOST_PARTS then return nil, "the form has too many parts" end
    local block = self:headers()
    if not block then return self:refuse "the headers of a part have no end" end
    local part = describe(block, self.base)
    if not part then return nil, "a part has no Content-Disposition: form-data" end
    local stop = self:seek()
    if not stop then return self:refuse "the form was cut off" end
    part.size = stop - part.offset
    parts[#parts + 1] = part
  end
end

return multipart
