--- The service's constraints on its input, as data, and the check against them. They are written
-- independently of the client's model, so that a mistake in either one shows.

local json = require "connectparticipant.emulator.json"
local unicode = require "connectparticipant.emulator.text"

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

-- Each operation's path, and the members of its body.
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
  DescribeView = {
    path = "/participant/views/", method = "GET",
    members = { ViewToken = text(1, 1000, "required") },
  },
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
  operation.token = name == "CreateParticipantConnection" and "ParticipantToken"
    or "ConnectionToken"
end

local function constraint(path, rule)
  return ("Value at '%s' failed to satisfy constraint: %s"):format(path, rule)
end

local check_value

local function check_members(members, value, path, problems)
  for name, member in pairs(members) do
    local inner, given = path == "" and name or path .. "." .. name, value[name]
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
    local length = unicode.characters(value)
    if not length then
      problems[#problems + 1] = constraint(path, "Member must be valid UTF-8")
    else
      check_size(member, length, path, "length", problems)
    end
  end
end

function checks.whole(member, value, path, problems)
  if type(value) ~= "number" then
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
  if getmetatable(value) ~= json.list then
    problems[#problems + 1] = constraint(path, "Member must be a list")
    return
  end
  check_size(member, #value, path, "length", problems)
  for index, entry in ipairs(value) do
    local inner = ("%s.%d.member"):format(path, index)
    if entry == json.null then
      problems[#problems + 1] = constraint(inner, "Member must not be null")
    else
      check_value(member.of, entry, inner, problems)
    end
  end
end

function checks.struct(member, value, path, problems)
  if type(value) ~= "table" or getmetatable(value) then
    problems[#problems + 1] = constraint(path, "Member must be a structure")
    return
  end
  check_members(member.members, value, path, problems)
end

function check_value(member, value, path, problems)
  checks[member.kind](member, value, path, problems)
end

local TOKEN = text(1, 1000, "required")

--- Everything in the input that violates the operation's constraints, in AWS's words.
---@param operation table a row of `model.operations`
---@param input table members of the body and the path
---@param token string the header X-Amz-Bearer
---@return string|nil
function model.violations(operation, input, token)
  local problems = {}
  check_value(TOKEN, token, operation.token, problems)
  check_members(operation.members, input, "", problems)
  if #problems == 0 then return nil end
  table.sort(problems)
  -- AWS's own messages have at most 2000 characters.
  return ("%d validation error%s detected: %s"):format(#problems, #problems == 1 and "" or "s",
    table.concat(problems, "; ")):sub(1, 2000)
end

return model
