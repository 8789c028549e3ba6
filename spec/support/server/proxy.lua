-- The server as a proxy: what a CONNECT asks for is connected, on loopback only.
local condition = require "cqueues.condition"
local cqueues = require "cqueues"
local socket = require "cqueues.socket"

local proxy = {}

local LOOPBACK = { localhost = true, ["127.0.0.1"] = true }

-- Copies until one side ends.
local function copy(from, to)
  while true do
    local piece = from:xread(-65536)
    if not piece or not to:xwrite(piece) then break end
  end
  from:shutdown "r"
  to:shutdown "w"
end

-- Connects the client with where it wants to go; tells how the connection goes on.
function proxy.tunnel(connection, request)
  local host, port = request.path:match "^(.-):(%d+)$"
  local there = host and LOOPBACK[host] and socket.connect("127.0.0.1", tonumber(port))
  if not there then
    connection:write "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
    return "close"
  end
  there:setmode("b", "bn")
  there:onerror(function(_, _, problem) return problem end)
  connection:write "HTTP/1.1 200 Connected\r\n\r\n"
  if connection.buffer ~= "" then there:xwrite(connection.buffer) end
  connection.buffer = ""
  local back, ended = condition.new(), false
  cqueues.running():wrap(function()
    copy(there, connection.socket)
    ended = true
    back:signal()
  end)
  copy(connection.socket, there)
  there:shutdown "rw"
  while not ended do back:wait() end
  there:close()
  return "close"
end

return proxy
