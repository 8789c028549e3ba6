-- An answer as a step of a script describes it: its head as bytes, its body piece by piece, since a
-- made-up body may be larger than memory.
local cjson = require "cjson"

local answer = {}

local PATTERN = ("0123456789abcdef"):rep(4096)
local REASONS = { [200] = "OK", [206] = "Partial Content", [416] = "Range Not Satisfiable" }

-- A body: `size`, and `piece(first, last)` with places that count from 0.
local function of_text(text)
  return { size = #text, piece = function(first, last) return text:sub(first + 1, last + 1) end }
end

local function made_up(size)
  return { size = size, piece = function(first, last)
    local pieces, left = {}, last - first + 1
    while left > 0 do
      local from = first % #PATTERN
      local piece = PATTERN:sub(from + 1, from + left)
      pieces[#pieces + 1] = piece
      first, left = first + #piece, left - #piece
    end
    return table.concat(pieces)
  end }
end

local function error_body(step)
  if step.xml then
    return ("<Error><Code>%s</Code><Message>%s</Message></Error>"):format(step.xml,
      step.message or "no")
  end
  return step.error and cjson.encode { Message = step.message or "no" }
end

-- cjson gives floats on Lua 5.3 and later; whole numbers are written without a point.
local function written(value)
  return type(value) == "number" and ("%.0f"):format(value) or tostring(value)
end

-- Headers are a map, or a list of pairs where order or repetition matters.
local function add_headers(fields, headers)
  for key, entry in pairs(headers or {}) do
    local name, value = key, entry
    if type(key) == "number" then name, value = entry[1], entry[2] end
    fields[#fields + 1] = { name, written(value) }
  end
end

-- The first and last place of a Range; nil when the request has none of the form `bytes=N-[M]`.
local function range_of(request, size)
  local first, last = (request.headers.range or ""):match "^bytes=(%d+)%-(%d*)$"
  if not first then return nil end
  return tonumber(first), math.min(tonumber(last) or size - 1, size - 1)
end

local function apply_range(made, step, request, usual)
  local range = step.content_range
  if step.range or (usual.range and not step.no_range and not step.status) then
    local first, last = range_of(request, made.body.size)
    if first then
      made.status, made.first, made.last = step.status or 206, first, last
      range = range
        or ("bytes %.0f-%.0f/%s"):format(first, last, written(step.total or made.body.size))
    end
  end
  if range then made.fields[#made.fields + 1] = { "Content-Range", range } end
end

local function add_floods(fields, step)
  for index = 1, step.header_count or 0 do
    fields[#fields + 1] = { ("X-Filler-%d"):format(index), "filler" }
  end
  if step.header_size then
    fields[#fields + 1] = { "X-Long", ("l"):rep(step.header_size) }
  end
end

local function add_framing(made, step)
  local fields = made.fields
  if step.chunked then
    fields[#fields + 1] = { "Transfer-Encoding", "chunked" }
  elseif step.length ~= false then
    fields[#fields + 1] = { "Content-Length", written(step.length or made.last - made.first + 1) }
  end
end

-- Combines a step with the service's usual answer { status, headers, body, range }.
function answer.make(step, request, usual)
  local text = step.body or error_body(step) or usual.body or ""
  local made = { status = step.status or usual.status or 200, fields = {}, first = 0 }
  made.body = step.size and made_up(step.size) or of_text(text)
  made.last = made.body.size - 1
  if not step.status then add_headers(made.fields, usual.headers) end
  if step.error then made.fields[#made.fields + 1] = { "x-amzn-errortype", step.error } end
  add_headers(made.fields, step.headers)
  if step.etag then made.fields[#made.fields + 1] = { "ETag", step.etag } end
  apply_range(made, step, request, usual)
  add_floods(made.fields, step)
  add_framing(made, step)
  return made
end

function answer.head(made, step)
  local lines = { ("%s %d %s"):format(step.version or "HTTP/1.1", made.status,
    step.reason or REASONS[made.status] or "Answer") }
  for _, field in ipairs(made.fields) do lines[#lines + 1] = field[1] .. ": " .. field[2] end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

return answer
