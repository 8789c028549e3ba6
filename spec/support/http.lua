-- A client that sends exactly the given bytes, for requests that no well-behaved client would send.
local socket = require "socket"

local http = {}

local TIMEOUT = 60 -- seconds; only a failing spec waits that long

local function connect(port)
  local connection = assert(socket.connect("127.0.0.1", port))
  connection:settimeout(TIMEOUT)
  return connection
end

-- Sends bytes, and returns everything that arrives until the connection is closed.
function http.raw(port, bytes)
  local connection = connect(port)
  connection:send(bytes)
  local all, _, partial = connection:receive "*a"
  connection:close()
  return all or partial
end

local function read_headers(connection)
  local headers = {}
  for line in function() return connection:receive "*l" end do
    if line == "" then break end
    local name, value = line:match("^([^:]+):%s*(.*)$")
    headers[name:lower()] = value
  end
  return headers
end

local function read_chunks(connection)
  local chunks = {}
  while true do
    local size = tonumber((connection:receive "*l" or "0"):match("^%x+"), 16) or 0
    if size == 0 then return table.concat(chunks) end
    chunks[#chunks + 1] = assert(connection:receive(size))
    connection:receive "*l"
  end
end

local function read_body(connection, method, headers)
  if headers["transfer-encoding"] == "chunked" then return read_chunks(connection) end
  if method == "HEAD" then return "" end
  local length = tonumber(headers["content-length"])
  if length then return length > 0 and assert(connection:receive(length)) or "" end
  local all, _, partial = connection:receive "*a"
  return all or partial or ""
end

-- request { port, method, path, headers = { name = value } or { { name, value } }, body, framing }:
-- Content-Length is added unless `framing` is false.
function http.request(request)
  local method = request.method or (request.body and "POST" or "GET")
  local lines = { ("%s %s HTTP/1.1"):format(method, request.path or "/") }
  local given = {}
  for key, entry in pairs(request.headers or {}) do
    local name, value = key, entry
    if type(key) == "number" then name, value = entry[1], entry[2] end
    given[name:lower()] = true
    lines[#lines + 1] = name .. ": " .. value
  end
  if not given.host then lines[#lines + 1] = "Host: 127.0.0.1:" .. request.port end
  if request.framing ~= false and not given["content-length"] and (request.body or method == "PUT")
  then
    lines[#lines + 1] = "Content-Length: " .. #(request.body or "")
  end
  lines[#lines + 1] = "Connection: close"
  local connection = connect(request.port)
  connection:send(table.concat(lines, "\r\n") .. "\r\n\r\n" .. (request.body or ""))
  local first = assert(connection:receive "*l")
  while first:match("^HTTP/1.1 1") do
    read_headers(connection)
    first = assert(connection:receive "*l")
  end
  local headers = read_headers(connection)
  local answer = {
    status = tonumber(first:match("^HTTP/1%.%d (%d+)")), headers = headers,
    body = read_body(connection, method, headers),
  }
  connection:close()
  return answer
end

-- Splits a URL of the emulator.
function http.split(url)
  local port, path = url:match("^https?://[^:/]+:(%d+)(.*)$")
  return tonumber(port), path
end

return http
