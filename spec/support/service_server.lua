-- A Participant Service and its object store that misbehave as they are told: the process behind
-- spec.support.service. One thread; a coroutine for each connection; everything in memory.
local core = require "connectparticipant.core"

-- The first run only makes sure that the server ends with the spec that started it.
if not arg[1] then
  local _, parent = core.pid()
  core.exec(os.getenv "LUA_PROGRAM" or "lua", { arg[0], "run" }, {}, parent)
end

local cjson = require "cjson"
local socket = require "socket"

local TOKEN_OF_ROUTE = {
  ["/participant/start-attachment-upload"] = "start",
  ["/participant/complete-attachment-upload"] = "complete",
  ["/participant/attachment"] = "get",
  ["/participant/transcript"] = "transcript",
  ["/participant/message"] = "message",
}

local state
local base, reading, writing, threads = nil, {}, {}, {}

local function begin(script)
  state = { script = script, requests = {}, objects = {}, completed = {}, starts = 0, open = 0,
    most = 0 }
end

begin {}

local function wait_for(list, client)
  list[#list + 1] = client
  coroutine.yield()
end

local function receive(client, buffer, enough)
  while true do
    local size = enough(buffer.data)
    if size then
      local taken = buffer.data:sub(1, size)
      buffer.data = buffer.data:sub(size + 1)
      return taken
    end
    local chunk, problem, partial = client:receive(65536)
    chunk = chunk or partial
    buffer.data = buffer.data .. (chunk or "")
    if problem == "closed" and chunk == "" then return nil end
    if problem == "timeout" and chunk == "" then wait_for(reading, client) end
  end
end

local function send(client, data)
  local at = 1
  while at <= #data do
    local last, problem, partial = client:send(data, at)
    if problem == "closed" then return false end
    at = (last or partial) + 1
    if problem == "timeout" then wait_for(writing, client) end
  end
  return true
end

local function read_head(client, buffer)
  local head = receive(client, buffer, function(data)
    local _, last = data:find("\r\n\r\n", 1, true)
    return last
  end)
  if not head then return nil end
  local method, path = head:match("^(%S+) (%S+)")
  local headers = {}
  for name, value in head:gmatch("\r\n([^:\r\n]+):%s*([^\r\n]*)") do
    headers[name:lower()] = value
  end
  return { method = method, path = path, headers = headers }
end

local REASONS = { [200] = "OK", [206] = "Partial Content" }

local function answer(client, status, headers, body, cut)
  local lines = { ("HTTP/1.1 %d %s"):format(status, REASONS[status] or "Answer") }
  headers["Content-Length"] = headers["Content-Length"] or #body
  for name, value in pairs(headers) do lines[#lines + 1] = ("%s: %s"):format(name, value) end
  local head = table.concat(lines, "\r\n") .. "\r\n\r\n"
  return send(client, head .. (cut and body:sub(1, cut) or body)) and not cut
end

local function presigned(id)
  return ("%s/objects/%s?X-Amz-Signature=%s"):format(base, id, ("5"):rep(64))
end

local ACTIONS = {}

function ACTIONS.start(request, fault)
  state.starts = state.starts + 1
  local id = fault.id or ("attachment-%d"):format(state.starts)
  return cjson.encode {
    AttachmentId = id,
    UploadMetadata = {
      Url = fault.url or presigned(id),
      UrlExpiry = fault.expiry or "2037-01-01T00:00:00.000Z",
      HeadersToInclude = fault.include or {
        ["Content-Length"] = ("%d"):format(cjson.decode(request.body).AttachmentSizeInBytes),
        ["x-amz-meta-contact_id"] = "7",
      },
    },
  }
end

function ACTIONS.complete(request)
  local id = cjson.decode(request.body).AttachmentIds[1]
  if state.completed[id] then
    return '{"Message":"done before"}', 409, { ["x-amzn-errortype"] = "ConflictException" }
  end
  state.completed[id] = true
  return ""
end

function ACTIONS.get(request, fault)
  local id = cjson.decode(request.body).AttachmentId
  local object = state.objects[id]
  if not object then
    return '{"Message":"none"}', 404, { ["x-amzn-errortype"] = "ResourceNotFoundException" }
  end
  return cjson.encode {
    Url = fault.url or presigned(id), UrlExpiry = fault.expiry or "2037-01-01T00:00:00Z",
    AttachmentSizeInBytes = fault.size or #object,
  }
end

function ACTIONS.message()
  return '{"Id":"message-1","AbsoluteTime":"2026-01-01T00:00:00.000Z"}'
end

-- Pages as the script has them, or all objects as attachments in one.
function ACTIONS.transcript(_, fault)
  if fault.page then return cjson.encode(fault.page) end
  local item = { Id = "item-1", Type = "ATTACHMENT", Attachments = {} }
  for id in pairs(state.completed) do
    item.Attachments[#item.Attachments + 1] =
      { AttachmentId = id, AttachmentName = "a", Status = fault.scan or "APPROVED" }
  end
  return #item.Attachments > 0 and cjson.encode { Transcript = { item } } or '{"Transcript":[]}'
end

function ACTIONS.put(request)
  state.objects[request.id] = request.body
  return "", 200, { ETag = '"tag-1"' }
end

function ACTIONS.object(request, fault)
  local object = state.objects[request.id]
  if not object then return "<Error><Code>NoSuchKey</Code></Error>", 404, {} end
  local headers = { ETag = fault.etag or '"tag-1"', ["Content-Type"] = "text/plain" }
  if fault.etag == "" then headers.ETag = nil end
  local from = not fault.no_range and request.headers.range
    and tonumber(request.headers.range:match("^bytes=(%d+)%-$"))
  if not from then return object, 200, headers end
  headers["Content-Range"] = ("bytes %d-%d/%d"):format(from, #object - 1, #object)
  return object:sub(from + 1), 206, headers
end

local function route_of(request)
  local id = request.path:match("^/objects/([^?]+)")
  request.id = id
  if id then return request.method == "PUT" and "put" or "object" end
  return TOKEN_OF_ROUTE[request.path:match("^[^?]*")] or "unknown"
end

local function next_fault(route)
  local list = state.script[route]
  if not list then return {} end
  if #list > 1 or not list[1] or not list[1].always then return table.remove(list, 1) or {} end
  return list[1]
end

local function log(request, route)
  state.requests[#state.requests + 1] = {
    route = route, method = request.method, path = request.path, headers = request.headers,
    size = #request.body, body = #request.body <= 65536 and request.body or nil,
  }
end

local function fixed_answer(fault)
  local headers = fault.headers or {}
  if fault.error then headers["x-amzn-errortype"] = fault.error end
  local body = fault.body or ""
  if fault.xml then
    body = ("<Error><Code>%s</Code><Message>%s</Message></Error>"):format(fault.xml,
      fault.message or "no")
  elseif fault.error then
    body = cjson.encode { Message = fault.message or "no" }
  end
  return body, fault.status, headers
end

-- Answers one request; false when the connection must be closed.
local function serve(client, buffer, request, route, fault)
  local size = tonumber(request.headers["content-length"]) or 0
  if request.headers.expect then send(client, "HTTP/1.1 100 Continue\r\n\r\n") end
  local wanted = fault.read and math.min(fault.read, size) or size
  request.body = receive(client, buffer, function(data)
    return #data >= wanted and wanted or nil
  end)
  if not request.body then return false end
  log(request, route)
  if fault.hang then
    receive(client, buffer, function() return nil end)
    return false
  end
  if fault.read or fault.close then return false end
  if fault.status and not fault.lose then
    local body, status, headers = fixed_answer(fault)
    return answer(client, status, headers, body)
  end
  local action = ACTIONS[route]
  if not action then return answer(client, 404, {}, "") end
  local body, status, headers = action(request, fault)
  if fault.lose then return false end
  headers = headers or {}
  headers["x-amzn-requestid"] = headers["x-amzn-requestid"] or "request-" .. #state.requests
  if fault.body then body = fault.body end
  if fault.length then headers["Content-Length"] = fault.length end
  return answer(client, status or 200, headers, body, fault.cut)
end

local CONTROL = {}

function CONTROL.script(body)
  begin(cjson.decode(body))
  return ""
end

function CONTROL.requests()
  return #state.requests > 0 and cjson.encode(state.requests) or "[]"
end

function CONTROL.state()
  return cjson.encode { starts = state.starts, most = state.most, open = state.open }
end

function CONTROL.put(body, id)
  state.objects[id] = body
  return ""
end

function CONTROL.object(_, id)
  return state.objects[id] or ""
end

function CONTROL.stop()
  os.exit(0)
end

local function control(client, buffer, request)
  local name, id = request.path:match("^/control/(%w+)/?(.*)$")
  local size = tonumber(request.headers["content-length"]) or 0
  local body = receive(client, buffer, function(data) return #data >= size and size or nil end)
  return body and answer(client, 200, {}, CONTROL[name](body, id))
end

local function handle(client)
  local buffer = { data = "" }
  while true do
    local request = read_head(client, buffer)
    if not request then break end
    local going
    if request.path:match("^/control/") then
      going = control(client, buffer, request)
    else
      local route = route_of(request)
      state.open = state.open + 1
      state.most = math.max(state.most, state.open)
      going = serve(client, buffer, request, route, next_fault(route))
      state.open = state.open - 1
    end
    if not going then break end
  end
  client:close()
end

local function resume(client)
  local thread = threads[client]
  if not thread then return end
  assert(coroutine.resume(thread))
  if coroutine.status(thread) == "dead" then threads[client] = nil end
end

local server = assert(socket.bind("127.0.0.1", 0, 1024))
server:settimeout(0)
local _, port = server:getsockname()
base = "http://127.0.0.1:" .. port
io.write(port, "\n")
io.flush()

while true do
  local read, write = { server }, writing
  for _, client in ipairs(reading) do read[#read + 1] = client end
  reading, writing = {}, {}
  local readable, writable = socket.select(read, write)
  local ready = {}
  for _, client in ipairs(readable) do ready[client] = true end
  for _, client in ipairs(writable) do ready[client] = true end
  for _, client in ipairs(read) do
    if client ~= server and not ready[client] then reading[#reading + 1] = client end
  end
  for _, client in ipairs(write) do
    if not ready[client] then writing[#writing + 1] = client end
  end
  if ready[server] then
    local client = server:accept()
    if client then
      client:settimeout(0)
      client:setoption("tcp-nodelay", true)
      threads[client] = coroutine.create(function() handle(client) end)
      resume(client)
    end
    ready[server] = nil
  end
  for client in pairs(ready) do resume(client) end
end
