-- An nginx with the gateway in front of an emulator, for specs.
local emulated = require "spec.support.emulated"
local http = require "spec.support.http"
local nginx = require "spec.support.nginx"
local socket = require "socket"

local gateway = {}
gateway.__index = gateway

local HTTP = [[
  lua_check_client_abort on; lua_socket_log_errors off;
  init_by_lua_block {
    gateway = require "connectparticipant.nginx.gateway"
    client = require("connectparticipant").new { endpoint = os.getenv "ENDPOINT",
      stall_timeout = %s, connect_timeout = 30, max_attempts = 1 }
  }
]]

local LOCATIONS = [[
  listen 127.0.0.1:%d http2;
  location = /up { content_by_lua_block { gateway.upload(client, %s) } }
  location = /down { content_by_lua_block { gateway.download(client, %s) } }
  location = /secret { return 200 "SECRET"; }
  location = /state { content_by_lua_block {
    local jobs = 0
    for _ in pairs(client.loop.alive) do jobs = jobs + 1 end
    ngx.print(tostring(client.engine), ", ", jobs, " jobs")
  } }
]]

-- start { upload, download: the options as Lua text; locations, http, endpoint, level,
-- stall_timeout: the client's, 3 s if not given }
function gateway.start(service, given)
  given = given or {}
  local self = setmetatable({ service = service, http2 = nginx.free_port() }, gateway)
  self.nginx = nginx.start {
    http = (given.http or "") .. HTTP:format(given.stall_timeout or 3),
    locations = LOCATIONS:format(self.http2, given.upload or "nil", given.download or "nil")
      .. (given.locations or ""),
    env = { ENDPOINT = given.endpoint or service.endpoint }, level = given.level,
  }
  self.port = self.nginx.port
  return self
end

function gateway.service()
  local service = emulated.start { max_size = 200 * 1024 * 1024, quota = 100000 }
  service.token = service:connect(service.running.participant_token)
  return service
end

local function headers_of(self, more)
  local headers = { ["X-Connection-Token"] = self.service.token }
  for name, value in pairs(more or {}) do headers[name] = value or nil end
  for name, value in pairs(more or {}) do
    if value == false then headers[name] = nil end
  end
  return headers
end

-- Uploads a body; headers that are false are left out.
function gateway:upload(body, headers, method)
  local all = { ["X-File-Name"] = "a.txt" }
  for name, value in pairs(headers or {}) do all[name] = value end
  return http.request { port = self.port, path = "/up", method = method or "POST", body = body,
    headers = headers_of(self, all) }
end

function gateway:download(id, headers, method)
  return http.request { port = self.port, path = "/down?id=" .. id, method = method,
    headers = headers_of(self, headers) }
end

-- Sends bytes on a new connection, which stays open.
function gateway:send(text, ...)
  local connection = assert(socket.connect("127.0.0.1", self.port))
  connection:settimeout(60)
  assert(connection:send(select("#", ...) > 0 and text:format(...) or text))
  return connection
end

-- How many transfers and jobs are under way in the worker.
function gateway:state()
  local body = self.nginx:get("/state").body
  return tonumber(body:match "(%d+) under way"), tonumber(body:match "(%d+) jobs")
end

-- Waits until so many transfers are under way.
function gateway:reach(transfers)
  local until_then = socket.gettime() + 10
  repeat
    local now = self:state()
    if now >= transfers then return end
    socket.select(nil, nil, 0.02)
  until socket.gettime() > until_then
  error("it was never reached")
end

-- Waits until nothing is under way; returns how many seconds that took.
function gateway:rest()
  local began = socket.gettime()
  repeat
    local transfers, jobs = self:state()
    if transfers == 0 and jobs == 0 then return socket.gettime() - began end
    socket.select(nil, nil, 0.05)
  until socket.gettime() - began > 10
  return math.huge
end

-- Waits for a line of the log.
function gateway:logged(text)
  local until_then = socket.gettime() + 6
  repeat
    if self.nginx:log():find(text, 1, true) then return true end
    socket.select(nil, nil, 0.05)
  until socket.gettime() > until_then
  return false
end

function gateway:stop()
  return self.nginx:stop()
end

function gateway:remove()
  self.nginx:remove()
end

return gateway
