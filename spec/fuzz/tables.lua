-- Requests from arbitrary tables, which compare two models: what the client's accepts, the
-- emulator's, written independently, must accept, too; and the JSON must be strict.
local core = require "connectparticipant.core"
local json = require "connectparticipant.emulator.json"
local model = require "connectparticipant.emulator.model"
local random = require "spec.fuzz.random"

local names = {}
for name in pairs(model.operations) do names[#names + 1] = name end
table.sort(names)

local TEXTS = { "", "a", "text/plain", "é", "漢😀", "\237\160\128", "\192\128", "a\0b", "\r\n",
  "CONNECTION_CREDENTIALS", "WEBSOCKET", "ASCENDING", "ASCENDING\0", "DESCENDING",
  "FORWARD", "BACKWARD",
  "00000000-0000-4000-8000-000000000000", "application/json", "\127", "%2F/..?#", '"\\' }
local NUMBERS = { 0, 1, -1, 5, 300, 301, 100, 101, 0.5, 1e15, 2 ^ 53, 2 ^ 53 + 2, 1 / 0, -1 / 0,
  0 / 0, 20971520.0 }
local LENGTHS = { 100, 255, 256, 257, 500, 501, 1000, 1001, 1024, 1025, 16384, 16385, 36 }

local function any_text(own)
  if own:pick(3) > 1 then return TEXTS[own:pick(#TEXTS)] end
  local unit = own:pick(2) == 1 and "x" or "é"
  return unit:rep(LENGTHS[own:pick(#LENGTHS)])
end

local any_value

local function any_table(own, member, depth)
  local value = {}
  if member and member.kind == "list" then
    for index = 1, own:pick(3) - 1 do value[index] = any_value(own, member.of, depth + 1) end
  end
  for name, inner in pairs(member and member.members or {}) do
    if own:pick(2) == 1 then value[name] = any_value(own, inner, depth + 1) end
  end
  if own:pick(12) == 1 then value[any_text(own)] = any_text(own) end
  if own:pick(20) == 1 then value[own:pick(3) + 0.5] = true end
  return value
end

-- Mostly of the member's kind, so that some are accepted.
function any_value(own, member, depth)
  local kind = own:pick(10) > 1 and member and member.kind or own:pick(6)
  if depth > 5 then kind = 1 end
  if kind == "string" and member.values and own:pick(8) > 1 then
    local list = {}
    for value in pairs(member.values) do list[#list + 1] = value end
    table.sort(list)
    return list[own:pick(#list)]
  end
  if kind == "string" or kind == 1 then return any_text(own) end
  if kind == "whole" or kind == 2 then return NUMBERS[own:pick(#NUMBERS)] end
  if kind == "boolean" or kind == 3 then return own:pick(2) == 1 end
  if kind == 4 then return print end
  return any_table(own, member, depth)
end

local function any_params(own, operation)
  local params = any_table(own, { kind = "struct", members = operation.members }, 1)
  for name, member in pairs(operation.members) do
    if params[name] == nil and member.required and own:pick(16) > 1 then
      params[name] = any_value(own, member, 1)
    end
  end
  params[operation.token] = own:pick(16) > 1 and "a-token" or any_value(own, nil, 1)
  return params
end

local function input_of(operation, request)
  if operation.method ~= "GET" then return assert(json.object(request.body)) end
  local token = request.url:match "/participant/views/([^/?]+)$"
  return { ViewToken = (token:gsub("%%(%x%x)", function(digits)
    return string.char(tonumber(digits, 16))
  end)) }
end

local accepted = 0

random.run("tables", 3000, function(own)
  local operation = model.operations[names[own:pick(#names)]]
  local request, err = core.build_request(operation.name, any_params(own, operation),
    { region = "us-east-1" })
  if not request then
    assert(err.kind == "validation" and err.message ~= "", tostring(err))
    return
  end
  accepted = accepted + 1
  local problem = model.violations(operation, input_of(operation, request),
    request.headers["X-Amz-Bearer"])
  assert(not problem, problem)
end)
assert(accepted > 100, "hardly any table is accepted")
