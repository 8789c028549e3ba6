--- The text of nginx.conf and of the Lua file that its worker runs first. There is one worker,
-- since the state is in its memory. nginx's working directory is the emulator's, and all paths in
-- nginx.conf are relative to it, since nginx has no way to quote a dollar sign in a path.

local shell = require "connectparticipant.emulator.shell"

local conf = {}

local TEMPLATE = [[
%(modules)
%(user)
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log warn;
worker_rlimit_nofile %(files);
worker_shutdown_timeout 1s;
%(environment)
events { worker_connections %(connections); multi_accept on; }
http {
  lua_socket_log_errors off;
  # Keeps the underscore in names like x-amz-meta-contact_id.
  lua_transform_underscores_in_response_headers off;
  # Keeps presigned queries and view tokens out of the log.
  map $request_uri $logged {
    "~^/participant/views/" "/participant/views/...";
    "~^(?<path_alone>[^?]*)" $path_alone;
  }
  log_format readable '$time_iso8601 $request_method $logged $status '
    '${body_bytes_sent}B ${request_time}s';
  access_log access.log readable;
  client_body_temp_path incoming;
  proxy_temp_path unused;
  fastcgi_temp_path unused;
  uwsgi_temp_path unused;
  scgi_temp_path unused;
  %(outward)
  # Status 444 closes with a reset.
  reset_timedout_connection on;
  # A client whose body was refused unread can still read the answer.
  lingering_close always;
  lingering_timeout 2s;
  keepalive_requests 1000000;
  keepalive_timeout 75s;
  server_tokens off;
  underscores_in_headers on;
  types { }
  default_type application/octet-stream;
  init_worker_by_lua_block { dofile(ngx.config.prefix() .. "boot.lua") }
  log_by_lua_block { require("connectparticipant.emulator.server").record() }
  server {
    listen 127.0.0.1:%(port) backlog=4096;
    listen 127.0.0.1:%(tls_port) ssl backlog=4096;
    ssl_certificate tls.pem;
    ssl_certificate_key tls.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:tls:1m;
    merge_slashes off;
    error_page 413 = @too_large;
    error_page 416 = @range;
    location @too_large {
      content_by_lua_block { require("connectparticipant.emulator.server").refuse_size() }
    }
    location @close {
      keepalive_timeout 0;
      content_by_lua_block { require("connectparticipant.emulator.server").close() }
    }
    location @range {
      content_by_lua_block { require("connectparticipant.emulator.server").refuse_range() }
    }
    location / {
      client_max_body_size 256k;
      client_body_buffer_size 256k;
      content_by_lua_block { require("connectparticipant.emulator.server").api() }
    }
    location /admin/ {
      client_body_buffer_size 1m;
      content_by_lua_block { require("connectparticipant.emulator.server").admin() }
    }
    location /object/ {
      client_max_body_size 0;
      set $handed "";
      rewrite_by_lua_block {
        local server, method = require "connectparticipant.emulator.server", ngx.req.get_method()
        if method == "GET" then return server.get() end
        if method == "PUT" then return server.check_put() end
        server.refuse_method()
        ngx.exit(ngx.HTTP_OK)
      }
      content_by_lua_block { require("connectparticipant.emulator.server").put() }
    }
    location /internal/ {
      internal;
      alias objects/;
      header_filter_by_lua_block { require("connectparticipant.emulator.server").describe() }
    }
  }
}
]]

-- A failure is printed to standard output, where connectparticipant.emulator.running waits for a
-- line, and ends nginx.
local BOOT = [[
package.path = %s .. ";" .. package.path
package.cpath = %s .. ";" .. package.cpath
local ok, problem = pcall(function()
  require("connectparticipant.emulator.server").start(%s)
end)
if ok then return end
io.stdout:write("the emulator cannot start: ", tostring(problem), "\n")
io.stdout:flush()
local ffi = require "ffi"
ffi.cdef "int kill(int pid, int signal); int getppid(void);"
ffi.C.kill(ffi.C.getppid(), 15)
]]

--- Quotes a string for nginx.conf.
---@param text string
---@return string
function conf.quote(text)
  return '"' .. text:gsub('[\\"]', "\\%0") .. '"'
end

--- The text of nginx.conf.
---@param values table<string, string|integer> of every name in the template
---@return string
function conf.nginx(values)
  return (TEMPLATE:gsub("%%%((%w+_?%w*)%)", function(name) return tostring(values[name]) end))
end

--- The text of the Lua file that the worker runs.
---@param path string for package.path
---@param cpath string for package.cpath
---@param options table those of the emulator
---@return string
function conf.boot(path, cpath, options)
  return BOOT:format(shell.literal(path), shell.literal(cpath), shell.literal(options))
end

return conf
