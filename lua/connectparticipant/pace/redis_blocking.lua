-- Reaches Redis from a plain script: lua-redis over a socket that never waits beyond its bound.

local core = require "connectparticipant.core"

local redis_blocking = {}

-- What lua-redis takes for its socket. Each wait ends when the time of the whole question does.
local Socket = {}
Socket.__index = Socket

local function in_time(self)
  local left = self.deadline - core.now()
  self.socket:settimeout(left > 0 and left or 0, "t")
  return self.socket
end

function Socket:send(bytes)
  local _, problem = in_time(self):send(bytes)
  return not problem or nil, problem
end

function Socket:receive(what)
  return in_time(self):receive(what)
end

---@class connectparticipant.BlockingRedis: connectparticipant.RedisConnection
local Connection = {}
Connection.__index = Connection

-- lua-redis raises its problems, with the place in its own file before them.
local function plain(problem)
  problem = tostring(problem)
  local refusal = problem:match "redis error: (.*)$"
  if refusal then return false, refusal end
  return nil, problem:match "connection error: (.*)$" or problem:match "^[^:]*:%d+: (.*)$"
    or problem
end

function Connection:command(left, name, ...)
  self.socket.deadline = core.now() + left
  -- Its newest release is older than EVAL, and knows how to make a command of any name.
  local ok, reply = pcall(self.link.library.command(name:upper()), self.client, ...)
  if ok and reply ~= nil then return reply end
  if ok then return false, "it has answered nothing" end
  return plain(reply)
end

function Connection:keep()
  self.reused = true
  self.link.kept, self.link.pid = self, (core.pid())
end

function Connection:close()
  if self.link.kept == self then self.link.kept = nil end
  self.socket.socket:close()
end

local function open_socket(address)
  if not address.path then return require("socket").tcp() end
  local found, unix = pcall(require, "socket.unix")
  if not found then return nil, "LuaSocket was built without Unix sockets" end
  return (type(unix) == "table" and unix.stream or unix)()
end

local function connect(self, address, left)
  local kept = self.kept
  self.kept = nil
  -- What a forked process has inherited is its parent's.
  if kept and self.pid == (core.pid()) then return kept end
  local socket, problem = open_socket(address)
  if not socket then return nil, problem end
  local own = setmetatable({ socket = socket, deadline = core.now() + left }, Socket)
  local ok
  ok, problem = in_time(own):connect(address.path or address.host, address.port)
  if not ok then
    socket:close()
    return nil, problem
  end
  if address.port then socket:setoption("tcp-nodelay", true) end
  local client
  ok, client = pcall(self.library.connect, { socket = own })
  if not ok then
    socket:close()
    return nil, tostring(client)
  end
  return setmetatable({ socket = own, client = client, link = self, reused = false }, Connection)
end

--- A function that gives a connection; nil where the library is missing.
---@param address connectparticipant.RedisAddress
---@return (fun(address: connectparticipant.RedisAddress, left: number): table|nil, string|nil)|nil
---@return string|nil problem
function redis_blocking.open(address)
  local found, library = pcall(require, "redis")
  if not found or type(library) ~= "table" or not library.connect then return nil end
  if not pcall(require, "socket") then return nil end
  if address.tls then
    return nil, "pace.redis: lua-redis knows no TLS: use a local proxy, as stunnel, or pace.eval"
  end
  local self = { library = library }
  return function(where, left) return connect(self, where, left) end
end

return redis_blocking
