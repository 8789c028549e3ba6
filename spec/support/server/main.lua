-- The process behind spec.support.server: one loop, a coroutine for each connection. It prints its
-- port, and serves until it is killed.
local certificates = require "spec.support.server.certificates"
local cjson = require "cjson"
local condition = require "cqueues.condition"
local connections = require "spec.support.server.connection"
local cqueues = require "cqueues"
local script = require "spec.support.server.script"
local socket = require "cqueues.socket"

local loop = cqueues.new()
local never = condition.new()
local current, all, count, number, served_by = nil, {}, 0, 0, {}

local function begin(given)
  current, count, all = script.new(given), 0, {}
  current.never = never
end

begin {}

local listen -- below

local ports = {}
local controls = {}

function controls.script(body)
  begin(cjson.decode(body))
end

function controls.seen()
  local each = {}
  for index, connection in ipairs(all) do each[index] = connection.counters end
  return cjson.encode {
    requests = current.requests, connections = count, each = each,
    left = #(current.steps or {}), starts = current.service.starts, open = current.open,
    most = current.most,
  }
end

function controls.put(body, id)
  current.service.objects[id] = body
end

function controls.object(_, id)
  return current.service.objects[id]
end

function controls.push(body)
  local wanted = cjson.decode(body)
  for _, connection in ipairs(all) do
    if connection.counters.number == wanted.number and connection.counters.open then
      connection:write(wanted.bytes or "")
      if wanted.close then connection.socket:shutdown "rw" end
    end
  end
end

function controls.tls(_, kind)
  ports[kind] = ports[kind] or listen(certificates.context(kind))
  return tostring(ports[kind])
end

function controls.ca()
  return certificates.ca()
end

-- Serves a call of spec.support.server, which is not recorded.
local function control(connection, request)
  connection:read_body(request, math.huge)
  local name, rest = request.place:match "^/control/(%w+)/?(.*)$"
  local body = controls[name](request.body, rest) or ""
  connection:write(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(#body) .. body)
end

local function forget(connection)
  count = count - 1
  for index = #all, 1, -1 do
    if all[index] == connection then table.remove(all, index) end
  end
end

local function serve(connection)
  while true do
    local request = connection:read_head()
    if not request then break end
    if request.place:find "^/control/" then
      forget(connection)
      control(connection, request)
      break
    end
    connection.counters.requests = connection.counters.requests + 1
    local verdict = current:serve(connection, request)
    if verdict == "reset" then return connection:reset() end
    if verdict ~= "keep" then break end
  end
  connection:close()
end

local function handle(accepted, connection, tls)
  served_by[coroutine.running()] = connection
  if not tls or accepted:starttls(tls, 10) then serve(connection) else connection:close() end
  served_by[coroutine.running()] = nil
end

function listen(tls)
  local listener = socket.listen { host = "127.0.0.1", port = 0 }
  assert(listener:listen())
  local _, _, port = listener:localname()
  local origin = ("%s://127.0.0.1:%d"):format(tls and "https" or "http", port)
  loop:wrap(function()
    while true do
      local accepted = listener:accept { nodelay = true }
      if accepted then
        count, number = count + 1, number + 1
        local connection = connections.new(accepted, number, origin)
        connection.counters.tls = tls ~= nil
        all[#all + 1] = connection
        loop:wrap(function() handle(accepted, connection, tls) end)
      end
    end
  end)
  return port
end

io.stdout:write(listen(), "\n")
io.stdout:flush()
while true do
  local ok, problem, _, thread = loop:step()
  if not ok then
    io.stderr:write("the specs' server: ", tostring(problem), "\n")
    local connection = served_by[thread]
    if connection then connection:close() end
  end
end
