-- What a fleet's script is asked and what it answers, as text. What need not be told at once (turns
-- given back, tokens, what went through) rides along with the next question. Does no I/O.

local question = {}

-- So many turns are given back in one question.
local MOST_BACK = 50

---@class connectparticipant.FleetCommand what a question is for; its further words are the list
---@field verb string the script's
---@field operation? string
---@field limits? connectparticipant.PaceLimits
---@field least? integer numbers in its answer

---@class connectparticipant.Errands what is to be told with the next question
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

--- An operation of which something is to be told; nil where nothing is.
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

-- Turns can be given back only to whoever gave them; the server's wait until it is asked again.
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

--- The lists KEYS and ARGV: the errands, and then the command itself.
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

--- Reads the script's answer: its first line, and the one of the last command; nil if it is none.
---@param reply any
---@param count integer of commands
---@param least? integer numbers that the last line has
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
