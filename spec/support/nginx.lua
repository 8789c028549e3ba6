-- A real nginx with ngx_lua, for specs: its configuration is a few lines of Lua, and its error log
-- is checked at the end.
local http = require "spec.support.http"
local process = require "spec.support.process"
local socket = require "socket"

local nginx = {}
nginx.__index = nginx

local TEMPLATE = [[
load_module /usr/lib/nginx/modules/ndk_http_module.so;
load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;
daemon on;
worker_processes ${workers};
pid ${directory}/nginx.pid;
error_log ${directory}/error.log ${level};
thread_pool jobs threads=4;
env ENDPOINT; env CA_FILE;
${user}
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 100000;
  client_body_temp_path ${directory}/a; proxy_temp_path ${directory}/b;
  fastcgi_temp_path ${directory}/c; uwsgi_temp_path ${directory}/d; scgi_temp_path ${directory}/e;
  client_max_body_size 0;
  lua_package_path "${root}/lua/?.lua;${root}/lua/?/init.lua;${root}/?.lua;;";
  lua_package_cpath "${root}/build/luajit${variant}/?.so;;";
  lua_code_cache ${code_cache};
  lua_shared_dict pace 1m;
  ${http}
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location /ping { return 200 "pong"; }
    ${locations}
  }
}
]]

function nginx.free_port()
  local listener = assert(socket.bind("127.0.0.1", 0))
  local port = select(2, listener:getsockname())
  listener:close()
  return port
end

local function quoted(env)
  local words = {}
  for name, value in pairs(env) do words[#words + 1] = name .. "=" .. process.quote(value) end
  return table.concat(words, " ")
end

-- start { locations, http, workers, code_cache, env, level }
function nginx.start(given)
  local self = setmetatable({ port = nginx.free_port() }, nginx)
  self.directory = process.run { "mktemp", "-d" }.stdout:gsub("\n", "")
  local values = {
    directory = self.directory, root = process.root, port = self.port,
    workers = given.workers or 1, code_cache = given.code_cache or "on",
    level = given.level or "info",
    variant = process.portable and "-poll" or "",
    http = given.http or "", locations = given.locations or "",
    user = process.run { "id", "-u" }.stdout == "0\n" and "user root root;" or "",
  }
  local file = assert(io.open(self.directory .. "/nginx.conf", "w"))
  file:write((TEMPLATE:gsub("%${([%w_]+)}", function(name) return tostring(values[name]) end)))
  file:close()
  self.command = ("env %s /usr/sbin/nginx -p %s -c %s/nginx.conf"):format(
    quoted(given.env or {}), self.directory, self.directory)
  local help = process.run { "sh", "-c", "/usr/sbin/nginx -h 2>&1" }.stdout
  -- Since 1.19.5: the log to use before nginx.conf has been read.
  if help:find(" -e ", 1, true) then
    self.command = ("%s -e %s/error.log"):format(self.command, self.directory)
  end
  local started = process.run { "sh", "-c", self.command }
  if started.status == 0 then return self end
  process.run { "rm", "-rf", self.directory }
  error(started.stderr)
end

function nginx:get(path, headers)
  return http.request { port = self.port, path = path, headers = headers }
end

function nginx:pid()
  local file = assert(io.open(self.directory .. "/nginx.pid"))
  local pid = file:read "*l"
  file:close()
  return pid
end

function nginx:signal(name)
  process.run { "sh", "-c", ("kill -%s %s"):format(name, self:pid()) }
end

function nginx:log()
  local file = assert(io.open(self.directory .. "/error.log"))
  local text = file:read "*a"
  file:close()
  return text
end

-- The descriptors of the only worker.
function nginx:descriptors()
  local master = self:pid()
  local children = process.run { "cat", ("/proc/%s/task/%s/children"):format(master, master) }
  local pid = children.stdout:match("%d+")
  return tonumber(process.run { "sh", "-c", "ls /proc/" .. pid .. "/fd | wc -l" }.stdout)
end

-- Ends it gracefully; returns the lines of its log that should never be there.
function nginx:stop()
  local pid = self:pid()
  self:signal "QUIT"
  -- A worker that hangs must make the specs fail, not hang.
  local ended = process.run { "timeout", "30", "tail", "--pid=" .. pid, "-f", "/dev/null" }
  if ended.status ~= 0 then self:signal "KILL" end
  self.stopped = true
  local bad = ended.status ~= 0 and { "nginx did not end within 30 s" } or {}
  for line in self:log():gmatch("[^\n]+") do
    if line:match("%[alert%]") or line:match("%[crit%]") or line:match("%[emerg%]")
      or line:match("%[error%]") then
      bad[#bad + 1] = line
    end
  end
  return table.concat(bad, "\n")
end

-- Ends whatever a failed spec has left running.
function nginx:remove()
  if not self.stopped then self:stop() end
  process.run { "rm", "-rf", self.directory }
end

return nginx
