-- Reaches Redis from nginx: lua-resty-redis, whose waits let the worker go on, over the worker's
-- pool of connections.

local redis_nginx = {}

-- Milliseconds that an idle connection is kept, and how many there may be.
local IDLE, MOST = 60000, 64

---@class connectparticipant.NginxRedis: connectparticipant.RedisConnection
local Connection = {}
Connection.__index = Connection

-- nginx starts a timer at its cached time, which is as old as the worker has been busy: without the
-- update, that would be taken off the bound.
local function set_bound(client, left)
  ngx.update_time()
  client:set_timeout(math.max(1, math.ceil(left * 1000)))
end

function Connection:command(left, name, ...)
  if left <= 0 then return nil, "timeout" end
  local client = self.client
  set_bound(client, left)
  local reply, problem = client[name](client, ...)
  if reply == ngx.null then return false, "it has answered nothing" end
  return reply, problem
end

function Connection:keep()
  self.client:set_keepalive(IDLE, MOST)
end

function Connection:close()
  self.client:close()
end

-- Connections of different users and databases must not be mixed up. The pool's name is in memory
-- of this worker only.
local function pool_of(address)
  return table.concat({ "connectparticipant", address.path or address.host, address.port or "",
    tostring(address.tls), address.database, address.user or "", address.password or "" }, "\n")
end

local function connect(library, address, left)
  local client, problem = library:new()
  if not client then return nil, problem end
  set_bound(client, left)
  local ok
  local options = { pool = pool_of(address) }
  if address.path then
    ok, problem = client:connect("unix:" .. address.path, options)
  else
    ok, problem = client:connect(address.host, address.port, options)
  end
  if not ok then return nil, problem end
  local reused = client:get_reused_times() > 0
  if address.tls and not reused then
    -- lua-resty-core 0.1.25 raises when a certificate is refused.
    local done
    done, ok, problem = pcall(client._sock.sslhandshake, client._sock, nil, address.host, true)
    if not done or not ok then
      client:close()
      return nil, "TLS: " .. (done and problem or "the certificate was refused")
    end
  end
  return setmetatable({ client = client, reused = reused }, Connection)
end

--- A function that gives a connection; nil where the library is missing.
---@return (fun(address: connectparticipant.RedisAddress, left: number): table|nil, string|nil)|nil
function redis_nginx.open()
  local found, library = pcall(require, "resty.redis")
  if not found then found, library = pcall(require, "nginx.redis") end
  if not found or type(library) ~= "table" or not library.new then return nil end
  return function(address, left) return connect(library, address, left) end
end

return redis_nginx
