--- The nginx.conf of the emulator: one worker, which holds all state, and everything inside its
-- directory.

local conf = {}

local TEMPLATE = [[
%(modules)
%(user)
daemon off;
worker_processes 1;
pid %(directory)/nginx.pid;
error_log %(log_file) warn;
worker_rlimit_nofile %(files);
worker_shutdown_timeout 1s;
%(environment)
events { worker_connections %(connections); multi_accept on; }
http {
  lua_package_path "%(lua_path)";
  lua_package_cpath "%(lua_cpath)";
  lua_socket_log_errors off;
  # Names like x-amz-meta-contact_id stay as they are.
  lua_transform_underscores_in_response_headers off;
  # Neither a presigned query nor a view's token belongs into a file.
  map $request_uri $logged {
    "~^/participant/views/" "/participant/views/...";
    "~^(?<path_alone>[^?]*)" $path_alone;
  }
  log_format readable '$time_iso8601 $request_method $logged $status '
    '${body_bytes_sent}B ${request_time}s';
  access_log %(directory)/access.log readable;
  client_body_temp_path %(directory)/incoming;
  proxy_temp_path %(directory)/unused;
  fastcgi_temp_path %(directory)/unused;
  uwsgi_temp_path %(directory)/unused;
  scgi_temp_path %(directory)/unused;
  %(resolver)
  %(trusted)
  # What ends without an answer ends with a reset.
  reset_timedout_connection on;
  # Who sends a body that is not wanted shall still read why.
  lingering_close always;
  lingering_timeout 2s;
  keepalive_requests 1000000;
  keepalive_timeout 75s;
  server_tokens off;
  underscores_in_headers on;
  types { }
  default_type application/octet-stream;
  init_worker_by_lua_block { require("connectparticipant.emulator.server").start "%(options)" }
  exit_worker_by_lua_block { require("connectparticipant.emulator.server").stop() }
  log_by_lua_block { require("connectparticipant.emulator.server").record() }
  server {
    listen 127.0.0.1:%(port) backlog=4096;
    listen 127.0.0.1:%(tls_port) ssl backlog=4096;
    ssl_certificate %(directory)/server.pem;
    ssl_certificate_key %(directory)/server.key;
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
      alias %(directory)/objects/;
      header_filter_by_lua_block { require("connectparticipant.emulator.server").describe() }
    }
  }
}
]]

-- What is made here, and holds nginx's own signs.
local OURS = {
  modules = true, user = true, lua_path = true, lua_cpath = true, environment = true,
  resolver = true, trusted = true,
}

--- Fills the template; every value is quoted by being free of what nginx gives a meaning.
---@param values table<string, string>
---@return string|nil
---@return string|nil problem
function conf.text(values)
  for name, value in pairs(values) do
    if not OURS[name] and tostring(value):find("[\"\n\\;{}$#]") then
      return nil, ("the %s cannot be used in nginx.conf: %s"):format(name, value)
    end
  end
  return (TEMPLATE:gsub("%%%((%w+_?%w*)%)", function(name) return tostring(values[name]) end))
end

return conf
