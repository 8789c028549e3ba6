-- Writes what a fleet's script is asked, and reads its answers. What need not be sent at once
-- (turns and tokens that are given back, how many requests passed) waits as an errand for the next
-- question. Does no I/O.

local question = {}

-- The most turns that one question gives back.
local MOST_BACK = 50

---@class connectparticipant.FleetCommand a command of the script; its list holds the last words
---@field verb string the script's
---@field operation? string
---@field limits? connectparticipant.PaceLimits
---@field least? integer how many numbers its answer has at least

---@class connectparticipant.Errands what the next question takes along
---@field backs connectparticipant.FleetBooking[]
---@field passed table<string, integer> requests that went through, by operation
---@field tokens integer
---@field capacity integer of the quota
local Errands = {}
Errands.__index = Errands

function question.errands(capacity)
  return setmetatable({ backs = {}, passed = {}, tokens = 0, capacity = capacity }, Errands)
end

function Errands:give_back(booking)
  if #self.backs < MOST_BACK then self.backs[#self.backs + 1] = booking end
end

function Errands:count_passed(operation)
  self.passed[operation] = (self.passed[operation] or 0) + 1
end

function Errands:put(count)
  self.tokens = math.min(self.capacity, self.tokens + count)
end

--- An operation with an errand; nil if there is none.
function Errands:operation()
  local back = self.backs[1]
  return back and back.operation or next(self.passed)
end

--- Braces have a cluster keep all of an instance's keys in one place.
---@param instance string
---@return string
function question.prefix_of(instance)
  local plain = instance:gsub("[%c%s{}%%]", function(character)
    return ("%%%02X"):format(character:byte())
  end)
  return ("connectparticipant:{%s}:"):format(plain)
end

-- Adds a command to the lists KEYS and ARGV as they grow.
local function add(self, verb, operation, ...)
  local words, keys, indices = { verb }, self.keys, self.indices
  if operation then
    if not indices[operation] then
      keys[#keys + 1] = self.prefix .. operation
      indices[operation] = #keys
    end
    words[2] = tostring(indices[operation])
  end
  for _, word in ipairs { ... } do
    words[#words + 1] = type(word) == "number" and ("%.0f"):format(word) or word
  end
  self.args[#self.args + 1] = table.concat(words, " ")
end

-- A turn can be given back only to the keeper that assigned it; the server's wait until it is
-- asked.
local function add_errands(self, errands, keeper)
  local others = {}
  for _, back in ipairs(errands.backs) do
    if back.keeper == keeper then
      add(self, "back", back.operation, back.began, back.number)
    elseif back.keeper.is_server then
      others[#others + 1] = back
    end
  end
  for operation, count in pairs(errands.passed) do add(self, "passed", operation, count) end
  if errands.tokens > 0 then add(self, "put", nil, errands.capacity, errands.tokens) end
  errands.backs, errands.passed, errands.tokens = others, {}, 0
end

--- Writes the lists KEYS and ARGV: the errands, then the command.
---@param keeper connectparticipant.Keeper who is asked
---@param head string[] what ARGV begins with
---@param command connectparticipant.FleetCommand
---@param limits? string the script's words for the command's
---@return string[] keys
---@return string[] args
---@return integer count of commands
function question.write(keeper, head, command, limits)
  local prefix, before = keeper.prefix, #head
  local self = { keys = { prefix .. "clients", prefix .. "tokens" }, args = head, indices = {},
    prefix = prefix }
  add_errands(self, keeper.errands, keeper)
  if limits then
    add(self, command.verb, command.operation, limits, command[1], command[2])
  else
    add(self, command.verb, command.operation, command[1], command[2])
  end
  return self.keys, self.args, #self.args - before
end

local function numbers_in(line)
  local numbers = {}
  for word in line:gmatch "%S+" do
    if not word:find "^%d+$" or #word > 16 then return nil end
    numbers[#numbers + 1] = tonumber(word)
  end
  return numbers
end

--- Reads the first line of the script's answer and that of the last command; nil if it is
--- malformed.
---@param reply any
---@param count integer of commands
---@param least? integer how many numbers the last line has at least
---@return integer[]|nil head the time, and how many clients there are
---@return integer[]|nil numbers
function question.read(reply, count, least)
  if type(reply) ~= "string" then return nil end
  local lines = {}
  for line in (reply .. "\n"):gmatch "([^\n]*)\n" do lines[#lines + 1] = numbers_in(line) end
  local head, last = lines[1], lines[#lines]
  if #lines ~= count + 1 or not head or #head ~= 2 or head[2] < 1 then return nil end
  if #last < (least or 0) then return nil end
  return head, last
end

return question
