--- GetTranscript: selects items of a chat, orders them, and divides them into pages. Items are
-- numbered from the beginning of the chat, so that a NextToken stays valid when items are added.

local crypto = require "connectparticipant.emulator.crypto"

local transcript = {}

local DEFAULT_RESULTS = 10

-- The items by number; `first` is the oldest one that is kept.
local function view(chat)
  local items, first = chat.items, chat.first_item
  return {
    first = first, last = first + #items - 1,
    at = function(number) return items[number - first + 1] end,
  }
end

-- ISO 8601 in UTC, in a form that compares as text.
local function normal_time(text)
  local day, time, rest = text:match("^(%d%d%d%d%-%d%d%-%d%d)T(%d%d:%d%d:%d%d)(.*)$")
  local fraction = rest and (rest == "Z" and "" or rest:match("^%.(%d+)Z$"))
  if not fraction then return nil end
  return ("%sT%s.%sZ"):format(day, time, (fraction .. "000"):sub(1, 3))
end

local function find_time(known, time, forward)
  for number = known.first, known.last do
    local at = known.at(number).AbsoluteTime
    if forward and at >= time then return number end
    if not forward and at > time then return number - 1 end
  end
  return forward and known.last + 1 or known.last
end

-- The number at which the scan begins: without a position, the newest item, in both directions.
local function start_number(known, position, forward)
  if not position or not next(position) then return known.last end
  if position.Id then
    for number = known.first, known.last do
      if known.at(number).Id == position.Id then return number end
    end
    return nil, "StartPosition names no item of this chat"
  elseif position.AbsoluteTime then
    local time = normal_time(position.AbsoluteTime)
    if not time then return nil, "AbsoluteTime is not an ISO 8601 time" end
    return find_time(known, time, forward)
  end
  return math.max(known.first, known.last - math.max(position.MostRecent, 1) + 1)
end

local function sign(secret, chat, place)
  return crypto.hex(crypto.hmac(secret, chat.id .. "/" .. place):sub(1, 16))
end

local function encode(secret, chat, number, forward)
  local place = ("%d/%s"):format(number, forward and "F" or "B")
  return ngx.encode_base64(place .. "/" .. sign(secret, chat, place))
end

local function decode(secret, chat, token)
  local place, signature = (ngx.decode_base64(token) or ""):match("^(%d+/[FB])/(%x+)$")
  if not place or signature ~= sign(secret, chat, place) then return nil end
  return tonumber(place:match("^%d+")), place:sub(-1) == "F"
end

local function reverse(list)
  for left = 1, math.floor(#list / 2) do
    local right = #list - left + 1
    list[left], list[right] = list[right], list[left]
  end
end

--- Returns one page: its items, and the token of the next one.
---@param chat table
---@param input table GetTranscript's
---@param secret string makes tokens that only this emulator makes
---@return { items: table[], next_token: string|nil }|nil page
---@return string|nil problem
function transcript.page(chat, input, secret)
  local known = view(chat)
  local direction = input.ScanDirection or (input.StartPosition and "FORWARD") or "BACKWARD"
  local forward = direction == "FORWARD"
  local number, problem
  if input.NextToken then
    number, forward = decode(secret, chat, input.NextToken)
    if not number then return nil, "NextToken is not valid" end
    if input.ScanDirection and forward ~= (input.ScanDirection == "FORWARD") then
      return nil, "NextToken belongs to the other ScanDirection"
    end
  else
    number, problem = start_number(known, input.StartPosition, forward)
    if not number then return nil, problem end
  end
  -- The item at which this page would begin may have been dropped.
  if forward then number = math.max(number, known.first) end
  local wanted = input.MaxResults
  if not wanted or wanted == 0 then wanted = DEFAULT_RESULTS end
  local page, step = {}, forward and 1 or -1
  while #page < wanted and known.at(number) do
    page[#page + 1] = known.at(number)
    number = number + step
  end
  local descending = input.SortOrder ~= "ASCENDING"
  if descending == forward then reverse(page) end
  return {
    items = page,
    next_token = known.at(number) and encode(secret, chat, number, forward) or nil,
  }
end

return transcript
