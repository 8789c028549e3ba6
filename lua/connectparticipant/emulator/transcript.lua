--- GetTranscript: which items of a chat are asked for, in which order, and page by page.

local transcript = {}

local DEFAULT_RESULTS = 10

-- The index at which the scan begins.
local function start_index(items, position, forward)
  if not position then return forward and 1 or #items end
  if position.MostRecent then
    return math.max(1, #items - math.max(position.MostRecent, 1) + 1)
  end
  for index, item in ipairs(items) do
    if position.Id and item.Id == position.Id then return index end
    if position.AbsoluteTime and item.AbsoluteTime >= position.AbsoluteTime then return index end
  end
  if position.Id then return nil end
  return forward and #items + 1 or #items
end

local function decode(token)
  local index, direction = (ngx.decode_base64(token) or ""):match("^(%d+)/(%u+)$")
  return tonumber(index), direction
end

--- Gives one page: its items, and the token of the next.
---@return table|nil page
---@return string|nil problem
function transcript.page(items, input)
  local direction = input.ScanDirection or (input.StartPosition and "FORWARD") or "BACKWARD"
  local forward = direction == "FORWARD"
  local index
  if input.NextToken then
    local given
    index, given = decode(input.NextToken)
    if not index or given ~= direction then return nil, "NextToken is not valid" end
  else
    index = start_index(items, input.StartPosition, forward)
    if not index then return nil, "StartPosition names no item" end
  end
  local wanted = input.MaxResults
  if not wanted or wanted == 0 then wanted = DEFAULT_RESULTS end
  local page, step = {}, forward and 1 or -1
  while #page < wanted and items[index] do
    page[#page + 1] = items[index]
    index = index + step
  end
  local descending = input.SortOrder ~= "ASCENDING"
  if descending == forward then
    for left = 1, math.floor(#page / 2) do
      local right = #page - left + 1
      page[left], page[right] = page[right], page[left]
    end
  end
  return {
    items = page,
    next_token = items[index] and ngx.encode_base64(index .. "/" .. direction) or nil,
  }
end

return transcript
