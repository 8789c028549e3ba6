--- The admin endpoint, for specs and experiments: more chats, faults, limits, and what has arrived.
-- Off unless asked for, and for loopback only.

local cjson = require "cjson.safe"
local crypto = require "connectparticipant.emulator.crypto"

local admin = {}

local KEPT = 1000

--- Keeps what arrived, the newest thousand requests.
function admin.record(emulator)
  if not emulator.options.admin or ngx.var.uri:sub(1, 7) == "/admin/" then return end
  local log = emulator.requests
  log.last = log.last + 1
  log[log.last] = {
    operation = ngx.ctx.operation, method = ngx.req.get_method(), path = ngx.var.request_uri,
    headers = ngx.ctx.headers, body = ngx.ctx.body, status = tonumber(ngx.var.status),
    code = ngx.ctx.code, connection = ngx.var.connection,
    body_size = tonumber(ngx.var.http_content_length),
  }
  log[log.last - KEPT] = nil
end

local handlers = {}

handlers["POST /admin/chats"] = function(emulator, input)
  local chat = emulator.state:new_chat(input.display_name)
  return {
    contact_id = chat.id, participant_token = chat.participant_token,
    view_token = chat.view_token, session_id = chat.session_id,
  }
end

handlers["POST /admin/faults"] = function(emulator, input)
  local ok, problem = emulator.faults:add(input)
  if not ok then return nil, problem end
  return {}
end

handlers["DELETE /admin/faults"] = function(emulator)
  emulator.faults:clear()
  return {}
end

handlers["GET /admin/requests"] = function(emulator)
  local list, log = {}, emulator.requests
  for index = math.max(1, log.last - KEPT + 1), log.last do list[#list + 1] = log[index] end
  return { requests = list, count = log.last }
end

handlers["DELETE /admin/requests"] = function(emulator)
  emulator.requests = { last = 0 }
  return {}
end

local SETTABLE = { max_size = "number", quota = "number", url_expiry = "number",
  scan_seconds = "number", clock_skew = "number" }

handlers["POST /admin/settings"] = function(emulator, input)
  for name, value in pairs(input) do
    if name == "rates" then
      emulator.limits.on = value == "aws"
    elseif name == "extensions" and type(value) == "table" then
      emulator.extensions = {}
      for _, extension in ipairs(value) do emulator.extensions[extension] = true end
    elseif type(value) == SETTABLE[name] then
      emulator.options[name] = value
    else
      return nil, "there is no such setting: " .. tostring(name)
    end
  end
  return {}
end

handlers["POST /admin/attachments"] = function(emulator, input)
  local attachment = emulator.state:attachment(input.AttachmentId or "")
  if not attachment then return nil, "there is no such attachment" end
  attachment.status, attachment.verdict = input.Status, input.Status
  emulator.state:changed()
  return {}
end

handlers["GET /admin/attachments"] = function(emulator)
  local list = {}
  for id, attachment in pairs(emulator.state.data.attachments) do
    list[#list + 1] = {
      AttachmentId = id, AttachmentName = attachment.name, Status = attachment.status,
      size = attachment.size, stored = attachment.stored or false,
      path = emulator.store.path_of(emulator, attachment),
    }
  end
  return { attachments = list }
end

local function send(status, body)
  ngx.status = status
  local text = cjson.encode(body)
  ngx.header["Content-Type"] = "application/json"
  ngx.header["Content-Length"] = #text
  ngx.print(text)
end

function admin.handle(emulator)
  local address = ngx.var.remote_addr
  if not emulator.options.admin or not (address:match("^127%.") or address == "::1") then
    return send(404, { message = "Not Found" })
  end
  local handler = handlers[ngx.req.get_method() .. " " .. ngx.var.uri]
  if not handler then return send(404, { message = "Not Found" }) end
  ngx.req.read_body()
  local input = cjson.decode(ngx.req.get_body_data() or "{}")
  if type(input) ~= "table" then return send(400, { message = "the body must be JSON" }) end
  local result, problem = handler(emulator, input)
  if not result then return send(400, { message = problem }) end
  send(200, result)
end

--- A name for the emulator's run, shown in its log.
admin.run_id = crypto.uuid

return admin
