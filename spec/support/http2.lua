-- Just enough of HTTP/2 (RFC 9113) to ask for one thing and to see how the answer ends. curl 7.74
-- takes a stream that was reset for a connection that was closed, if it reads both at once.
local socket = require "socket"

local http2 = {}

local DATA, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE = 0, 1, 3, 4, 8
local END_STREAM, END_HEADERS = 1, 4
local STREAM = 1
local WINDOW = "\0\127\255\255" -- 8 MiB, so that nothing needs to be acknowledged

local function frame(kind, flags, stream, payload)
  return string.char(0, math.floor(#payload / 256), #payload % 256, kind, flags, 0, 0, 0, stream)
    .. payload
end

-- HPACK (RFC 7541): a string that is not compressed, and a field that enters no table.
local function text(value)
  assert(#value < 127)
  return string.char(#value) .. value
end

local function field(name, value)
  return "\0" .. text(name) .. text(value)
end

local function request(path, headers)
  local fields = { "\130\134\4", text(path), "\1", text "localhost" } -- GET, http, a path
  for name, value in pairs(headers) do fields[#fields + 1] = field(name, value) end
  return table.concat(fields)
end

local function read_frame(connection)
  local head = connection:receive(9)
  if not head then return nil end
  local a, b, c, kind, flags, _, _, _, stream = head:byte(1, 9)
  local size = (a * 256 + b) * 256 + c
  if size > 0 and not connection:receive(size) then return nil end
  return { kind = kind, flags = flags, stream = stream, size = size }
end

--- Gets a path from a server of this machine. Returns how many bytes of a body came, and how the
--- answer ended: "whole" if its sender said that this was its end, "reset", or "closed".
function http2.get(port, path, headers)
  local connection = assert(socket.connect("127.0.0.1", port))
  connection:settimeout(30)
  assert(connection:send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    .. frame(SETTINGS, 0, 0, "\0\4" .. WINDOW) .. frame(WINDOW_UPDATE, 0, 0, WINDOW)
    .. frame(HEADERS, END_STREAM + END_HEADERS, STREAM, request(path, headers))))
  local size, ending = 0, nil
  repeat
    local got = read_frame(connection)
    if got and got.kind == DATA then size = size + got.size end
    if not got then
      ending = "closed"
    elseif got.stream == STREAM and got.kind == RST_STREAM then
      ending = "reset"
    elseif got.stream == STREAM and got.kind <= HEADERS and got.flags % 2 == END_STREAM then
      ending = "whole"
    end
  until ending
  connection:close()
  return size, ending
end

return http2
