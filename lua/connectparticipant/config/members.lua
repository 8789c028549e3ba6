-- Validates the parameters of upload_attachment and its like. Members that go to the service are
-- validated by the model.

local core = require "connectparticipant.core"

local members = {}

local function article(kind)
  return (kind:match("^[aeiou]") and "an " or "a ") .. kind
end

local function is_callable(value)
  local meta = type(value) == "table" and getmetatable(value)
  return type(value) == "function" or (type(meta) == "table" and meta.__call ~= nil)
end

-- What is wrong with a member that the model does not know, or nil.
local function problem_of(name, value, kind)
  if kind == "file" then
    if io.type(value) == "file" then return nil end
    return ("%s must be an open file"):format(name)
  end
  if kind == "function" and is_callable(value) then return nil end
  if kind == "seconds" then
    if type(value) == "number" and value > 0 and value < math.huge then return nil end
    return ("%s must be a number of seconds above 0"):format(name)
  end
  if type(value) == kind then return nil end
  return ("%s must be %s, not %s"):format(name, article(kind), type(value))
end

--- The names of the members, sorted, for suggestions.
function members.names(kinds)
  local names = {}
  for name in pairs(kinds) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- Everything that is wrong with `params`, in a fixed order.
---@param params table
---@param kinds table<string, string> each member's type; "service": validated by the model
---@param names string[] of `kinds`
---@param flow string the method, for the message
---@return string[] problems
function members.problems(params, kinds, names, flow)
  local problems = {}
  for name, value in pairs(params) do
    local kind = kinds[name]
    if type(name) ~= "string" then
      problems[#problems + 1] = ("the parameters must have names only, not a %s as key")
        :format(type(name))
    elseif not kind then
      local meant = core.suggest(name, names)
      problems[#problems + 1] = ("%s is not a member of %s%s"):format(name, flow,
        meant and (" (did you mean %s?)"):format(meant) or "")
    elseif kind ~= "service" then
      problems[#problems + 1] = problem_of(name, value, kind)
    end
  end
  table.sort(problems)
  return problems
end

--- Those of the names that are set in the parameters.
---@return string[]
function members.given(params, names)
  local given = {}
  for _, name in ipairs(names) do
    if params[name] ~= nil then given[#given + 1] = name end
  end
  return given
end

return members
