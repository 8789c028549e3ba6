-- HTTP over one connection: reads heads and bodies, writes bytes, counts both. Reads and writes
-- yield to the loop of spec.support.server.main.
local luasocket = require "socket"

local connection = {}
local Connection = {}
Connection.__index = Connection

local PIECE = 65536
local KEPT = 1048576 -- bytes of a request's body that are remembered

function connection.new(socket, number, origin)
  socket:setmode("b", "bn")
  socket:onerror(function(_, _, problem) return problem end)
  return setmetatable({
    socket = socket, buffer = "", origin = origin,
    counters = { number = number, requests = 0, bytes_in = 0, bytes_out = 0, open = true },
  }, Connection)
end

-- Some more bytes; nil when there are none any more.
function Connection:more()
  local piece = self.socket:xread(-PIECE)
  if piece then self.counters.bytes_in = self.counters.bytes_in + #piece end
  return piece
end

local function parse(head)
  local method, target, version = head:match "^(%S+) (%S+) ?(%S*)"
  local headers, fields = {}, {}
  for name, value in head:gmatch "\r\n([^:\r\n]+):[ \t]*([^\r\n]*)" do
    headers[name:lower()] = value
    fields[#fields + 1] = { name, value }
  end
  local origin, path = (target or ""):match "^(%a+://[^/]+)(/?.*)$"
  return {
    method = method, path = target or "", place = path or target or "", absolute = origin,
    version = version, headers = headers, fields = fields, received = 0, size = 0,
  }
end

-- The next request without its body; nil at the connection's end.
function Connection:read_head()
  local from = 1
  while true do
    local stop = select(2, self.buffer:find("\r\n\r\n", from, true))
    if stop then
      local head = self.buffer:sub(1, stop)
      self.buffer = self.buffer:sub(stop + 1)
      return parse(head)
    end
    from = math.max(1, #self.buffer - 2)
    local piece = self:more()
    if not piece then return nil end
    self.buffer = self.buffer .. piece
  end
end

-- Reads the request's body up to `limit` bytes of it; false when the peer ends before.
function Connection:read_body(request, limit)
  local length = tonumber(request.headers["content-length"]) or 0
  local left = math.min(length, limit or length) - request.received
  local kept = { request.body }
  while left > 0 do
    local piece = self.buffer
    if piece == "" then piece = self:more() end
    if not piece then break end
    self.buffer, piece = piece:sub(left + 1), piece:sub(1, left)
    if request.received < KEPT then kept[#kept + 1] = piece end
    request.received, left = request.received + #piece, left - #piece
  end
  request.body, request.size = table.concat(kept), request.received
  return left <= 0
end

function Connection:write(bytes)
  if bytes == "" then return true end
  local written = self.socket:xwrite(bytes)
  if written then self.counters.bytes_out = self.counters.bytes_out + #bytes end
  return written ~= nil
end

-- Waits until the peer ends the connection, and discards what it sends.
function Connection:wait_for_end()
  while self:more() do self.buffer = "" end
end

function Connection:close()
  if not self.counters.open then return end
  self.counters.open = false
  self.socket:close()
end

-- Closes with a reset. cqueues cannot set SO_LINGER, so LuaSocket borrows the descriptor for that.
function Connection:reset()
  local lender = luasocket.tcp()
  lender:setfd(self.socket:pollfd())
  lender:setoption("linger", { on = true, timeout = 0 })
  lender:setfd(-1)
  self:close()
end

return connection
