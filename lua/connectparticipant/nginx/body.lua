-- The body of a request to this nginx: how it is framed, its bytes as they arrive or as nginx has
-- spooled them, and how to end a request whose body was not read. On a kept-alive connection the
-- rest of a body would be parsed as the next request.

local body = {}

local CHUNK = 64 * 1024

-- Seconds, the defaults of nginx's lingering_time and lingering_timeout: a client that is still
-- sending reads the answer only if what it sends is consumed.
local LONGEST_DRAIN, LONGEST_SILENCE = 30, 5

-- Seconds. nginx resets an HTTP/2 stream whose body was not read, and clients such as curl 7.88
-- discard an answer that arrives together with the reset.
local BEFORE_RESET = 0.5

-- Bytes of a spooled body that are read before the worker's other requests get a turn.
local BREATHER = 1024 * 1024

---@class connectparticipant.Body
---@field length? integer bytes, if the client has announced them
---@field chunked boolean
---@field streams boolean whether it can be read as it arrives
---@field socket? table set once it is read as it arrives
---@field left? integer bytes that have not been taken from the socket
---@field spooled? boolean whether nginx has read all of it
---@field problem? string why reading failed
local Body = {}
Body.__index = Body

--- Reads the framing from the headers, and nothing of the body.
---@return connectparticipant.Body
function body.new()
  local version = ngx.req.http_version()
  local chunked = version < 2 and ngx.var.http_transfer_encoding ~= nil
  local length = not chunked and tonumber(ngx.var.http_content_length) or nil
  return setmetatable({
    length = length, chunked = chunked, version = version,
    streams = version < 2 and length ~= nil and length > 0,
  }, Body)
end

--- Whether the headers announce a body. HTTP/2 need not announce one, so there it is assumed.
function Body:is_announced()
  return self.chunked or self.length ~= nil or self.version >= 2
end

-- Whether unread bytes of the body may still arrive on the connection.
local function is_pending(self)
  if self.spooled then return false end
  if self.version >= 2 then return self.length ~= 0 and ngx.req.get_method() ~= "GET" end
  if self.socket then return self.left > 0 end
  return self.chunked or (self.length or 0) > 0
end

--- Returns a function that returns the bytes as they arrive.
---@param seconds number that may pass without a byte
---@return fun(): string|nil, string|nil
function Body:stream(seconds)
  local socket, problem = ngx.req.socket()
  if not socket then
    self.problem = problem
    return function() return nil, problem end
  end
  socket:settimeout(seconds * 1000)
  self.socket, self.left = socket, self.length
  return function() return self:receive() end
end

-- The bytes that have arrived, up to a chunk. ngx_lua before 0.10.14 has no receiveany: there it
-- waits for a whole chunk.
function Body:receive()
  if self.left == 0 then return nil end
  local socket, most = self.socket, math.min(self.left, CHUNK)
  local bytes, problem = (socket.receiveany or socket.receive)(socket, most)
  if not bytes then
    self.problem = problem or "closed"
    return nil, self.problem
  end
  self.left = self.left - #bytes
  return bytes
end

--- Stops asking for the body: a client that waits for 100 Continue is not told to go on.
function Body:refuse()
  if self.version < 2 and not self.socket and is_pending(self) then
    ngx.req.clear_header "Expect"
  end
end

--- Lets nginx read all of it, into memory or a temporary file.
---@return string|nil bytes
---@return string|nil path
function Body:spool()
  ngx.req.read_body()
  self.spooled = true
  return ngx.req.get_body_data(), ngx.req.get_body_file()
end

-- The bytes of a string from an offset on, in chunks.
local function from_memory(bytes, at, stop)
  return function()
    if at >= stop then return nil end
    local chunk = bytes:sub(at + 1, math.min(at + CHUNK, stop))
    at = at + #chunk
    return chunk
  end
end

local function from_file(file, size)
  local since = 0
  return function()
    if since >= BREATHER then
      since = 0
      ngx.sleep(0.001)
    end
    if size and size <= 0 then return nil end
    local chunk, problem = file:read(math.min(CHUNK, size or CHUNK))
    if not chunk then return nil, problem end
    since = since + #chunk
    if size then size = size - #chunk end
    return chunk
  end
end

--- Reads a spooled body in ranges: `range([offset, size])` returns a function that returns the next
--- bytes; `close()` closes the file.
---@param bytes? string
---@param path? string
---@return { range: function, close: function }|nil
---@return string|nil problem
function body.reader(bytes, path)
  if not path then
    bytes = bytes or ""
    return {
      range = function(offset, size)
        return from_memory(bytes, offset or 0, size and offset + size or #bytes)
      end,
      close = function() end,
    }
  end
  local file, problem = io.open(path, "rb")
  if not file then return nil, problem end
  return {
    range = function(offset, size)
      file:seek("set", offset or 0)
      return from_file(file, size)
    end,
    close = function() file:close() end,
  }
end

-- Reads and discards what still arrives, for a limited time; true if that was all of it.
local function drain(self)
  local over = ngx.now() + LONGEST_DRAIN
  self.socket:settimeout(LONGEST_SILENCE * 1000)
  while self.left > 0 do
    if not self:receive() or ngx.now() > over then return false end
  end
  return true
end

--- Ends a request whose answer has been sent, so that no byte of its body is parsed as a request.
function Body:finish()
  if not is_pending(self) then return end
  if self.version >= 2 then return ngx.sleep(BEFORE_RESET) end
  if self.socket then
    -- After a failed read there is nothing left to drain.
    if not self.problem and drain(self) then return end
  elseif ngx.req.socket(true) then
    -- Taking the raw socket keeps nginx from reusing the connection: it lingers, and closes it.
    return
  end
  ngx.exit(444)
end

return body
