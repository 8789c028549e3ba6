--- The admin endpoint, for specs and experiments: more chats, faults, limits, and what has arrived.
-- Off unless asked for, and for loopback only.

local api = require "connectparticipant.emulator.api"
local attachments = require "connectparticipant.emulator.attachments"
local cjson = require "cjson.safe"
local json = require "connectparticipant.emulator.json"
local settings = require "connectparticipant.emulator.settings"

local admin = {}

local KEPT = 1000

-- Derived from the URI, since an internal redirect to another location has emptied ngx.ctx.
local function operation_of(path, method)
  if not path:find "^/object/" then return api.operation_name(path, method) end
  return method:sub(1, 1) .. method:sub(2):lower() .. "Object"
end

--- Called in the log phase: remembers the newest thousand requests. nginx also logs bytes that are
-- not HTTP; these have no URI.
function admin.record(emulator)
  local path = ngx.var.uri
  if not emulator.options.admin or not path or path:sub(1, 7) == "/admin/" then return end
  local log = emulator.requests
  log.last = log.last + 1
  local method = ngx.req.get_method()
  log[log.last] = {
    operation = operation_of(ngx.var.request_uri, method), method = method,
    path = ngx.var.request_uri,
    headers = ngx.ctx.headers or ngx.req.get_headers(100), body = ngx.ctx.body,
    status = tonumber(ngx.var.status),
    code = ngx.ctx.code, connection = ngx.var.connection,
    body_size = tonumber(ngx.var.http_content_length),
  }
  log[log.last - KEPT] = nil
end

local handlers = {}

-- A list, which is written as one even when it is empty.
local function list_of(entries)
  return setmetatable(entries, json.list)
end

local ROLES = { AGENT = true, CUSTOMER = true, SYSTEM = true, CUSTOM_BOT = true, SUPERVISOR = true }

local function problem_of_participants(participants)
  if participants == nil then return nil end
  if type(participants) ~= "table" or #participants == 0 or #participants > 100 then
    return "participants must be a list of 1 to 100"
  end
  for _, given in ipairs(participants) do
    if type(given) ~= "table" then return "a participant must be an object" end
    if given.role ~= nil and not ROLES[given.role] then return "there is no such role" end
    if given.display_name ~= nil and type(given.display_name) ~= "string" then
      return "display_name must be a string"
    end
  end
end

local function shown_participant(participant)
  return {
    participant_id = participant.id, role = participant.role, open = participant.open,
    display_name = participant.display_name, participant_token = participant.token,
  }
end

local function shown_chat(chat)
  return {
    contact_id = chat.id, open = chat.open, attachments = chat.attachments, items = #chat.items,
    view_token = chat.view_token, session_id = chat.session_id, session = chat.session,
    redirect = chat.redirect,
  }
end

handlers["POST /admin/chats"] = function(emulator, input)
  local problem = problem_of_participants(input.participants)
  if problem then return nil, problem end
  local chat, added = emulator.state:new_chat(input.participants
    or { { display_name = input.display_name } })
  if not chat then return nil, added end
  local result = shown_chat(chat)
  result.participants, result.participant_token = list_of {}, added[1].token
  for index, participant in ipairs(added) do
    result.participants[index] = shown_participant(participant)
  end
  return result
end

handlers["GET /admin/chats"] = function(emulator)
  local list = list_of {}
  for _, chat in pairs(emulator.state.data.chats) do
    local shown = shown_chat(chat)
    shown.participants = list_of {}
    for _, participant in pairs(chat.participants) do
      shown.participants[#shown.participants + 1] = shown_participant(participant)
    end
    list[#list + 1] = shown
  end
  return { chats = list }
end

handlers["POST /admin/faults"] = function(emulator, input)
  local ok, problem = emulator.faults:add(input)
  if not ok then return nil, problem end
  return {}
end

handlers["GET /admin/faults"] = function(emulator)
  return { faults = list_of(emulator.faults.list) }
end

handlers["DELETE /admin/faults"] = function(emulator)
  emulator.faults:clear()
  return {}
end

handlers["GET /admin/requests"] = function(emulator)
  local list, log = list_of {}, emulator.requests
  for index = math.max(1, log.last - KEPT + 1), log.last do list[#list + 1] = log[index] end
  return { requests = list, count = log.last }
end

handlers["DELETE /admin/requests"] = function(emulator)
  emulator.requests = { last = 0 }
  return {}
end

handlers["GET /admin/settings"] = settings.all

handlers["POST /admin/settings"] = function(emulator, input)
  local ok, problem = settings.change(emulator, input)
  if not ok then return nil, problem end
  return settings.all(emulator)
end

handlers["DELETE /admin/settings"] = function(emulator)
  settings.reset(emulator)
  return settings.all(emulator)
end

local STATUSES = { IN_PROGRESS = true, APPROVED = true, REJECTED = true }

handlers["POST /admin/attachments"] = function(emulator, input)
  local attachment = emulator.state:attachment(input.AttachmentId or "")
  if not attachment or attachment.status == "STARTED" then
    return nil, "there is no such completed attachment"
  end
  if not STATUSES[input.Status] then return nil, "there is no such Status" end
  attachments.judge(emulator, attachment, input.Status)
  return {}
end

handlers["GET /admin/attachments"] = function(emulator)
  local list = list_of {}
  for id, attachment in pairs(emulator.state.data.attachments) do
    list[#list + 1] = {
      AttachmentId = id, AttachmentName = attachment.name, Status = attachment.status,
      size = attachment.size, stored = attachment.object ~= nil,
      path = emulator.store.path_of(emulator, attachment),
    }
  end
  return { attachments = list }
end

local function send(status, body)
  ngx.status = status
  local pieces, size = json.pieces(body)
  ngx.header["Content-Type"] = "application/json"
  ngx.header["Content-Length"] = size
  ngx.print(pieces)
end

-- A request of the Lua API, which can only GET: `call` is method and path, `input` is the JSON.
local function run(emulator)
  local given = ngx.req.get_uri_args(2)
  local handler = handlers[tostring(given.call)]
  local input = cjson.decode(given.input or "{}")
  if not handler or type(input) ~= "table" then
    return send(200, { problem = "there is no such call" })
  end
  local result, problem = handler(emulator, input)
  local written = result and emulator.state:commit()
  send(200, written and { result = result } or { problem = problem or "the state is not written" })
end

-- 405 for a path that has other methods, 404 for one that does not exist.
local function refuse(path)
  local allowed = {}
  for _, method in ipairs { "GET", "POST", "DELETE" } do
    if handlers[method .. " " .. path] then allowed[#allowed + 1] = method end
  end
  if #allowed == 0 then return send(404, { message = "Not Found" }) end
  ngx.header["Allow"] = table.concat(allowed, ", ")
  send(405, { message = path .. " takes " .. table.concat(allowed, ", ") })
end

function admin.handle(emulator)
  local address = ngx.var.remote_addr
  if not emulator.options.admin or not (address:match("^127%.") or address == "::1") then
    return send(404, { message = "Not Found" })
  end
  if ngx.var.uri == "/admin/run" then return run(emulator) end
  local handler = handlers[ngx.req.get_method() .. " " .. ngx.var.uri]
  if not handler then return refuse(ngx.var.uri) end
  ngx.req.read_body()
  local input = cjson.decode(ngx.req.get_body_data() or "{}")
  if type(input) ~= "table" then return send(400, { message = "the body must be JSON" }) end
  local result, problem = handler(emulator, input)
  if not result then return send(400, { message = problem }) end
  local written
  written, problem = emulator.state:commit()
  if not written then return send(500, { message = problem }) end
  send(200, result)
end

return admin
