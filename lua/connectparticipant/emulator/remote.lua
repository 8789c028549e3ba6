--- A real S3-compatible store in place of the emulator's own: asks it for what was uploaded there.

local sigv4 = require "connectparticipant.emulator.sigv4"

local remote = {}

local TIMEOUT, HEAD = 10000, 4096 -- milliseconds; bytes that are read for the scan

local function connect(external)
  local socket = ngx.socket.tcp()
  socket:settimeout(TIMEOUT)
  local ok, problem = socket:connect(external.address, external.port)
  if ok and external.tls then ok, problem = socket:sslhandshake(nil, external.address, true) end
  if not ok then return nil, problem end
  return socket
end

-- Returns the status, the headers, and the first bytes of the body.
local function exchange(external, path)
  local socket, problem = connect(external)
  if not socket then return nil, problem end
  socket:send(("GET %s HTTP/1.1\r\nHost: %s\r\nRange: bytes=0-%d\r\nConnection: close\r\n\r\n")
    :format(path, external.host, HEAD - 1))
  local line
  line, problem = socket:receive "*l"
  if not line then return nil, problem end
  local answer = { status = tonumber(line:match "^HTTP/1%.%d (%d%d%d)"), headers = {} }
  for header in function() return socket:receive "*l" end do
    local name, value = header:match "^([^:]+):%s*(.-)%s*$"
    if not name then break end
    answer.headers[name:lower()] = value
  end
  local length = math.min(tonumber(answer.headers["content-length"]) or 0, HEAD)
  answer.body = length > 0 and socket:receive(length) or ""
  socket:close()
  return answer
end

local function size_of(answer)
  return tonumber((answer.headers["content-range"] or ""):match "/(%d+)$")
    or tonumber(answer.headers["content-length"])
end

--- Checks that an object has been uploaded completely; returns its first bytes, for the scan.
---@return string|nil
---@return string|nil problem
---@return string|nil code of an exception, when it is not the client's fault
function remote.read(emulator, attachment)
  local external = emulator.external
  local url = sigv4.presign({
    method = "GET", origin = external.origin, host = external.host,
    path = external.path .. attachment.id, expires = 60, now = math.floor(ngx.time()),
  }, emulator.credentials)
  local answer, problem = exchange(external, url:sub(#external.origin + 1))
  if not answer or not answer.status then
    ngx.log(ngx.ERR, "the object store does not answer: ", problem)
    return nil, "The object store does not answer", "InternalServerException"
  end
  if answer.status == 404 then return nil, "The attachment has not been uploaded" end
  if answer.status ~= 200 and answer.status ~= 206 then
    ngx.log(ngx.ERR, "the object store says ", answer.status, ": ", answer.body:sub(1, 300))
    return nil, "The object store refuses", "InternalServerException"
  end
  if size_of(answer) ~= attachment.size then
    return nil, "The attachment has not been uploaded whole"
  end
  return answer.body
end

return remote
