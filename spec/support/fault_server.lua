-- A server that misbehaves as it is told, one behaviour a request, in order. Runs as a process of
-- its own, prints its port, and ends with whoever started it; see spec.support.faults.
--
-- A behaviour: { status, reason, headers = { { name, value } }, body, size (of a made-up body),
--   length (another Content-Length), reset = "request" | "body" | "headers" | "response",
--   after (bytes before the reset), hang = "request" | "response", early (before the body is read),
--   unread (the body is not even read after the early answer), raw (bytes instead of an answer),
--   flood (what follows the raw bytes, without end), close, drip (seconds between bytes),
--   continue = false,
--   range (answers a Range of the made-up body with 206) }
-- In bodies, headers and raw bytes ${origin} stands for the server's own URL.
local cjson = require "cjson"
local socket = require "socket"

local listener = assert(socket.bind("127.0.0.1", 0, 1024))
listener:settimeout(0)
local port = select(2, listener:getsockname())
local origin = "http://127.0.0.1:" .. port

local script, requests, connections = {}, {}, 0
local tasks, waiting_read, waiting_write = {}, {}, {}

local function wait_for(list, connection)
  list[connection] = coroutine.running()
  coroutine.yield()
end

local function receive(connection, count, state)
  while #state.buffer < count do
    local data, problem, partial = connection:receive(65536)
    data = data or partial
    if data and #data > 0 then
      state.buffer = state.buffer .. data
    elseif problem == "timeout" then
      wait_for(waiting_read, connection)
    else
      return nil
    end
  end
  local taken = state.buffer:sub(1, count)
  state.buffer = state.buffer:sub(count + 1)
  return taken
end

local function receive_head(connection, state)
  while true do
    local stop = select(2, state.buffer:find("\r\n\r\n", 1, true))
    if stop then return receive(connection, stop, state) end
    local data, problem, partial = connection:receive(65536)
    data = data or partial
    if data and #data > 0 then
      state.buffer = state.buffer .. data
    elseif problem == "timeout" then
      wait_for(waiting_read, connection)
    else
      return nil
    end
  end
end

local function send(connection, bytes)
  local at = 1
  while at <= #bytes do
    local last, problem, partial = connection:send(bytes, at)
    if last then return true end
    at = partial + 1
    if problem ~= "timeout" then return nil end
    wait_for(waiting_write, connection)
  end
  return true
end

-- Closes so that the peer gets a reset.
local function reset(connection)
  connection:setoption("linger", { on = true, timeout = 0 })
  connection:close()
end

local function pause(seconds)
  local due = socket.gettime() + seconds
  while socket.gettime() < due do
    tasks[#tasks + 1] = { due = due, routine = coroutine.running() }
    coroutine.yield()
  end
end

local function hang()
  while true do pause(3600) end
end

local function fill(text)
  return (text:gsub("%${origin}", origin))
end

local function parse_head(head)
  local method, path = head:match("^(%S+) (%S+)")
  local headers = {}
  for name, value in head:gmatch("\r\n([^:\r\n]+):[ \t]*([^\r\n]*)") do
    headers[name:lower()] = value
  end
  return { method = method, path = path, headers = headers, received = 0 }
end

-- Takes the body in pieces, remembering its beginning only.
local function take_body(connection, state, request, limit)
  local left = math.min(tonumber(request.headers["content-length"] or 0) - request.received, limit)
  local kept = { request.body }
  while left > 0 do
    local piece = receive(connection, math.min(left, 16384), state)
    if not piece then return false end
    request.received, left = request.received + #piece, left - #piece
    if request.received <= 1048576 then kept[#kept + 1] = piece end
  end
  request.body = table.concat(kept)
  return true
end

local function made_up(size)
  return ("0123456789abcdef"):rep(math.ceil(size / 16)):sub(1, size)
end

local function answer_bytes(behaviour, request)
  if behaviour.raw then return "", fill(behaviour.raw) end
  local body = behaviour.size and made_up(behaviour.size) or fill(behaviour.body or "")
  local from = behaviour.range and tonumber((request.headers.range or ""):match("bytes=(%d+)-"))
  if from then
    behaviour.status = 206
    behaviour.headers = behaviour.headers or {}
    table.insert(behaviour.headers,
      { "Content-Range", ("bytes %d-%d/%d"):format(from, #body - 1, #body) })
    body = body:sub(from + 1)
  end
  local lines = { ("HTTP/1.1 %d %s"):format(behaviour.status or 200, behaviour.reason or "X") }
  for _, pair in ipairs(behaviour.headers or {}) do
    lines[#lines + 1] = pair[1] .. ": " .. fill(pair[2])
  end
  lines[#lines + 1] = ("Content-Length: %d"):format(behaviour.length or #body)
  return table.concat(lines, "\r\n") .. "\r\n\r\n", body
end

local function send_answer(connection, behaviour, request)
  local head, body = answer_bytes(behaviour, request)
  if not send(connection, head) then return false end
  if behaviour.reset == "headers" then return false end
  if behaviour.hang == "response" then hang() end
  if behaviour.drip then
    for index = 1, #body do
      if not send(connection, body:sub(index, index)) then return false end
      pause(behaviour.drip)
    end
  elseif behaviour.reset == "response" then
    send(connection, body:sub(1, behaviour.after or 0))
    return false
  elseif not send(connection, body) then
    return false
  end
  while behaviour.flood and send(connection, behaviour.flood) do end
  return not (behaviour.close or behaviour.raw or behaviour.length)
end

local function control(connection, request)
  local result = {}
  if request.path == "/control/script" then
    script = cjson.decode(request.body)
    requests, connections = {}, 0
  else
    result = { requests = requests, connections = connections, left = #script }
  end
  local body = cjson.encode(result)
  send(connection, ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"):format(#body, body))
end

-- Serves one request by its behaviour; false when the connection is over.
local function misbehave(connection, state, request)
  local behaviour = table.remove(script, 1) or { status = 500, body = "no behaviour is left" }
  requests[#requests + 1] = request
  request.connection = state.number
  if behaviour.reset == "request" then return false, true end
  if behaviour.hang == "request" then hang() end
  if behaviour.early then
    send_answer(connection, behaviour, request)
    if not behaviour.unread then take_body(connection, state, request, math.huge) end
    return false
  end
  if request.headers.expect and behaviour.continue ~= false then
    send(connection, "HTTP/1.1 100 Continue\r\n\r\n")
  end
  local all = behaviour.reset == "body" and (behaviour.after or 0) or math.huge
  if not take_body(connection, state, request, all) then return false end
  if behaviour.reset == "body" then return false, true end
  request.complete = true
  local go_on = send_answer(connection, behaviour, request)
  return go_on, behaviour.reset ~= nil
end

local function serve(connection)
  connections = connections + 1
  local state = { buffer = "", number = connections }
  while true do
    local head = receive_head(connection, state)
    if not head then break end
    local request = parse_head(head)
    if request.path:match("^/control/") then
      take_body(connection, state, request, math.huge)
      control(connection, request)
      connections = connections - 1
      break
    end
    local go_on, rst = misbehave(connection, state, request)
    if rst then return reset(connection) end
    if not go_on then break end
  end
  connection:close()
end

local function resume(routine)
  local ok, problem = coroutine.resume(routine)
  if not ok then io.stderr:write(problem, "\n") end
end

local function run_due()
  local now, due = socket.gettime(), {}
  for index = #tasks, 1, -1 do
    if tasks[index].due <= now then due[#due + 1] = table.remove(tasks, index).routine end
  end
  for _, routine in ipairs(due) do resume(routine) end
end

io.stdout:write(port, "\n")
io.stdout:flush()
while true do
  local reading, writing = { listener }, {}
  for connection in pairs(waiting_read) do reading[#reading + 1] = connection end
  for connection in pairs(waiting_write) do writing[#writing + 1] = connection end
  local timeout = #tasks > 0 and 0.001 or nil
  local readable, writable = socket.select(reading, writing, timeout)
  for _, connection in ipairs(readable) do
    if connection == listener then
      local accepted = listener:accept()
      if accepted then
        accepted:settimeout(0)
        resume(coroutine.create(function() serve(accepted) end))
      end
    else
      local routine = waiting_read[connection]
      waiting_read[connection] = nil
      if routine then resume(routine) end
    end
  end
  for _, connection in ipairs(writable) do
    local routine = waiting_write[connection]
    waiting_write[connection] = nil
    if routine then resume(routine) end
  end
  run_due()
end
