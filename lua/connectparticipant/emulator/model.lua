--- The constraints that the service puts on its input, as data, and the check against them. Written
-- apart from the client's model on purpose: one must not hide the other's mistakes.

local cjson = require "cjson.safe"

local model = {}

local function text(least, most, need)
  return { kind = "string", least = least, most = most, required = need == "required" }
end

local function whole(least, most, need)
  return { kind = "whole", least = least, most = most, required = need == "required" }
end

local function one_of(...)
  local values = {}
  for _, value in ipairs { ... } do values[value] = true end
  return { kind = "string", values = values, list = table.concat({ ... }, ", ") }
end

local function list(least, most, of, need)
  return { kind = "list", least = least, most = most, of = of, required = need == "required" }
end

local function struct(members)
  return { kind = "struct", members = members }
end

-- Path, and what the body may hold. ClientToken is AWS's idempotency token.
model.operations = {
  StartAttachmentUpload = {
    path = "/participant/start-attachment-upload",
    members = {
      ContentType = text(1, 255, "required"), AttachmentSizeInBytes = whole(1, nil, "required"),
      AttachmentName = text(1, 256, "required"), ClientToken = text(1, 500, "required"),
    },
  },
  CompleteAttachmentUpload = {
    path = "/participant/complete-attachment-upload",
    members = {
      AttachmentIds = list(1, 1, text(1, 256), "required"),
      ClientToken = text(1, 500, "required"),
    },
  },
  GetAttachment = {
    path = "/participant/attachment",
    members = { AttachmentId = text(1, 256, "required"), UrlExpiryInSeconds = whole(5, 300) },
  },
  CreateParticipantConnection = {
    path = "/participant/connection",
    members = {
      Type = list(1, nil, one_of("WEBSOCKET", "CONNECTION_CREDENTIALS", "WEBRTC_CONNECTION")),
      ConnectParticipant = { kind = "boolean" },
    },
  },
  DisconnectParticipant = {
    path = "/participant/disconnect", members = { ClientToken = text(0, 500) },
  },
  SendMessage = {
    path = "/participant/message",
    members = {
      ContentType = text(1, 100, "required"), Content = text(1, 16384, "required"),
      ClientToken = text(0, 500),
    },
  },
  SendEvent = {
    path = "/participant/event",
    members = {
      ContentType = text(1, 100, "required"), Content = text(1, 16384),
      ClientToken = text(0, 500),
    },
  },
  GetTranscript = {
    path = "/participant/transcript",
    members = {
      ContactId = text(1, 256), MaxResults = whole(0, 100), NextToken = text(1, 1000),
      ScanDirection = one_of("FORWARD", "BACKWARD"), SortOrder = one_of("DESCENDING", "ASCENDING"),
      StartPosition = struct {
        Id = text(1, 256), AbsoluteTime = text(1, 100), MostRecent = whole(0, 100),
      },
    },
  },
  DescribeView = { path = "/participant/views/", method = "GET", members = {} },
  GetAuthenticationUrl = {
    path = "/participant/authentication-url",
    members = { SessionId = text(36, 36, "required"), RedirectUri = text(1, 1024, "required") },
  },
  CancelParticipantAuthentication = {
    path = "/participant/cancel-authentication",
    members = { SessionId = text(36, 36, "required") },
  },
}

for name, operation in pairs(model.operations) do
  operation.name, operation.method = name, operation.method or "POST"
end

-- Characters of UTF-8 text; nil where it is none.
local function characters(value)
  if not value:find("[\128-\255]") then return #value end
  local count, at = 0, 1
  while at <= #value do
    local lead = value:byte(at)
    local size = lead < 0x80 and 1 or lead >= 0xC2 and lead < 0xE0 and 2
      or lead >= 0xE0 and lead < 0xF0 and 3 or lead >= 0xF0 and lead < 0xF5 and 4
    if not size or not value:sub(at + 1, at + size - 1):match("^[\128-\191]*$")
      or at + size - 1 > #value then
      return nil
    end
    count, at = count + 1, at + size
  end
  return count
end

local function constraint(path, rule)
  return ("Value at '%s' failed to satisfy constraint: %s"):format(path, rule)
end

local check_value

local function check_members(members, value, path, problems)
  for name, member in pairs(members) do
    local inner, given = path == "" and name or path .. "." .. name, value[name]
    if given == cjson.null then given = nil end
    if given == nil then
      if member.required then
        problems[#problems + 1] = constraint(inner, "Member must not be null")
      end
    else
      check_value(member, given, inner, problems)
    end
  end
end

local function check_size(member, size, path, unit, problems)
  if size < member.least then
    problems[#problems + 1] = constraint(path, ("Member must have %s greater than or equal to %d")
      :format(unit, member.least))
  elseif member.most and size > member.most then
    problems[#problems + 1] = constraint(path, ("Member must have %s less than or equal to %d")
      :format(unit, member.most))
  end
end

local checks = {}

function checks.string(member, value, path, problems)
  if type(value) ~= "string" then
    problems[#problems + 1] = constraint(path, "Member must be a string")
  elseif member.values then
    if not member.values[value] then
      problems[#problems + 1] = constraint(path,
        ("Member must satisfy enum value set: [%s]"):format(member.list))
    end
  else
    local length = characters(value)
    if not length then
      problems[#problems + 1] = constraint(path, "Member must be valid UTF-8")
    else
      check_size(member, length, path, "length", problems)
    end
  end
end

function checks.whole(member, value, path, problems)
  if type(value) ~= "number" or value % 1 ~= 0 then
    problems[#problems + 1] = constraint(path, "Member must be a whole number")
  elseif value < member.least then
    problems[#problems + 1] = constraint(path,
      ("Member must have value greater than or equal to %d"):format(member.least))
  elseif member.most and value > member.most then
    problems[#problems + 1] = constraint(path,
      ("Member must have value less than or equal to %d"):format(member.most))
  end
end

function checks.boolean(_, value, path, problems)
  if type(value) ~= "boolean" then
    problems[#problems + 1] = constraint(path, "Member must be a boolean")
  end
end

function checks.list(member, value, path, problems)
  if type(value) ~= "table" or (next(value) ~= nil and value[1] == nil) then
    problems[#problems + 1] = constraint(path, "Member must be a list")
    return
  end
  check_size(member, #value, path, "length", problems)
  for index, entry in ipairs(value) do
    check_value(member.of, entry, ("%s.%d.member"):format(path, index), problems)
  end
end

function checks.struct(member, value, path, problems)
  if type(value) ~= "table" or value[1] ~= nil then
    problems[#problems + 1] = constraint(path, "Member must be a structure")
    return
  end
  check_members(member.members, value, path, problems)
end

function check_value(member, value, path, problems)
  if member.least == nil then member.least = 0 end
  checks[member.kind](member, value, path, problems)
end

--- Everything in `input` that violates the operation's constraints, in AWS's words.
---@return string|nil
function model.violations(operation, input)
  local problems = {}
  check_members(operation.members, input, "", problems)
  if #problems == 0 then return nil end
  table.sort(problems)
  return ("%d validation error%s detected: %s"):format(#problems, #problems == 1 and "" or "s",
    table.concat(problems, "; "))
end

return model
