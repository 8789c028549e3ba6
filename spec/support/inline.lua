-- An HTTP server in the spec's own process, stepped by the client's driver: thousands of exchanges
-- take seconds, and are deterministic. Answers complete requests only.
local socket = require "socket"

local inline = {}
local Server = {}
Server.__index = Server

--- `respond(request)` returns the bytes of the answer, and what to do then: "keep" the connection,
--- "close" it, or "reset" it.
function inline.start(respond)
  local listener = assert(socket.bind("127.0.0.1", 0, 64))
  listener:settimeout(0)
  local port = select(2, listener:getsockname())
  local self = setmetatable({ listener = listener, respond = respond, connections = {},
    url = "http://127.0.0.1:" .. port }, Server)
  -- The driver's `wait`.
  function self.wait(engine)
    self:step()
    engine:wait(0.005) -- what the client waits for has arrived, or is its own timer
  end
  return self
end

local function parse(text)
  local head, rest = text:match("^(.-\r\n)\r\n(.*)$")
  if not head then return nil end
  local method, path = head:match("^(%S+) (%S+)")
  local headers = {}
  for name, value in head:gmatch("\r\n([^:\r\n]+):[ \t]*([^\r\n]*)") do
    headers[name:lower()] = value
  end
  if #rest < tonumber(headers["content-length"] or 0) then return nil end
  return { method = method, path = path, headers = headers, body = rest }
end

local function close(connection, how)
  if how == "reset" then connection.peer:setoption("linger", { on = true, timeout = 0 }) end
  connection.peer:close()
  connection.closed = true
end

local function write(connection)
  local out = connection.out
  local last, problem, partial = connection.peer:send(out)
  connection.out = out:sub((last or partial or 0) + 1)
  if problem == "closed" then return close(connection) end
  if connection.out == "" and connection.how ~= "keep" then close(connection, connection.how) end
end

local function read(self, connection)
  local data, problem, partial = connection.peer:receive(65536)
  connection.text = connection.text .. (data or partial or "")
  local request = parse(connection.text)
  if request then
    connection.text = ""
    connection.out, connection.how = self.respond(request)
    if connection.out == "" then close(connection, connection.how) end
  elseif problem == "closed" then
    close(connection)
  end
end

--- Reads what has arrived, and sends what is pending.
function Server:step()
  local peer = self.listener:accept()
  if peer then
    peer:settimeout(0)
    peer:setoption("tcp-nodelay", true)
    table.insert(self.connections, { peer = peer, text = "", out = "" })
  end
  for index = #self.connections, 1, -1 do
    local connection = self.connections[index]
    if connection.out == "" then read(self, connection) end
    if connection.out ~= "" then write(connection) end
    if connection.closed then table.remove(self.connections, index) end
  end
end

--- Closes all connections.
function Server:drop()
  for _, connection in ipairs(self.connections) do connection.peer:close() end
  self.connections = {}
end

function Server:stop()
  self:drop()
  self.listener:close()
end

return inline
