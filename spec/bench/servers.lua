-- The servers that the benchmark's contenders talk to: an nginx that answers at once, and one that
-- drops what it is sent.
local cjson = require "cjson"
local core = require "connectparticipant.core"
local process = require "spec.support.process"

local servers = {}

-- Debian keeps ngx_lua in a module of its own; OpenResty has it built in.
local MODULES = "/usr/lib/nginx/modules/"

local CONF = [[
%(modules)
daemon off; worker_processes 1; worker_rlimit_nofile 20000;
pid %(directory)/pid-%(port); error_log %(directory)/error.log;
%(user)
events { worker_connections 16384; }
http {
  access_log off; sendfile on; keepalive_requests 100000000;
  client_max_body_size 0; client_body_buffer_size 128k;
  client_body_temp_path %(directory)/a; proxy_temp_path %(directory)/b;
  fastcgi_temp_path %(directory)/c; uwsgi_temp_path %(directory)/d; scgi_temp_path %(directory)/e;
  ssl_certificate %(directory)/server.pem; ssl_certificate_key %(directory)/server.key;
  default_type application/json;
  server {
    listen 127.0.0.1:%(port) backlog=8192;
    location = /participant/start-attachment-upload {
      add_header x-amzn-RequestId 0b8ce8ac-7ab9-4fa4-8a32-1fa13a2ea87f;
      return 200 '%(started)';
    }
    location = /participant/complete-attachment-upload { return 200 '{}'; }
    location = /participant/attachment {
      return 200 '{"Url":"http://127.0.0.1:%(port)/file","AttachmentSizeInBytes":1073741824}';
    }
    location = /file { root %(directory); }
    # Whoever answers before it has read the body is refused, and rightly so.
    location /o/ { content_by_lua_block { ngx.req.read_body() ngx.exit(200) } }
  }
  server {
    listen 127.0.0.1:%(tls_port) ssl; keepalive_timeout 0;
    location / { return 200 '{"AttachmentId":"a"}'; }
  }
}
]]

local UUID = "0b8ce8ac-7ab9-4fa4-8a32-1fa13a2ea87f"

-- An answer as AWS sends it: 1.7 KB, with eight headers to include and a URL signed with the
-- credentials of a session. `%d` is the port; every PUT has as many bytes as Content-Length says.
local STARTED = {
  AttachmentId = UUID,
  UploadMetadata = {
    HeadersToInclude = {
      ["Content-Type"] = "application/pdf",
      ["Content-Length"] = "65536",
      ["Content-Disposition"] = 'attachment; filename="invoice.pdf"',
      ["x-amz-acl"] = "bucket-owner-full-control",
      ["x-amz-meta-account_id"] = "123456789012",
      ["x-amz-meta-contact_id"] = UUID,
      ["x-amz-meta-initial_contact_id"] = UUID,
      ["x-amz-meta-organization_id"] = UUID,
    },
    Url = "http://127.0.0.1:%d/o/connect/example/Attachments/chat/2026/05/04/" .. UUID
      .. "_" .. UUID .. "_20260504T12:00_UTC.pdf?X-Amz-Algorithm=AWS4-HMAC-SHA256"
      .. "&X-Amz-Date=20260504T120000Z"
      .. "&X-Amz-SignedHeaders=content-disposition%3Bcontent-length%3Bcontent-type%3Bhost%3B"
      .. "x-amz-acl%3Bx-amz-meta-account_id%3Bx-amz-meta-contact_id%3B"
      .. "x-amz-meta-initial_contact_id%3Bx-amz-meta-organization_id&X-Amz-Expires=900"
      .. "&X-Amz-Credential=ASIAEXAMPLEEXAMPLE00%2F20260504%2Fus-west-2%2Fs3%2Faws4_request"
      .. "&X-Amz-Security-Token=" .. ("IQoJb3JpZ2luX2VjEB%2F"):rep(25)
      .. "&X-Amz-Signature=" .. ("0123456789abcdef"):rep(4),
    UrlExpiry = "2090-01-01T00:00:00.000Z",
  },
}

-- It as a word of nginx's configuration.
local function started(port)
  local json = cjson.encode(STARTED):gsub("\\/", "/"):gsub("127.0.0.1:%%d", "127.0.0.1:" .. port)
  return (json:gsub("\\", "\\\\"))
end

-- Returns a function that ends the program at the other end of the pipe, whose first line was its
-- pid.
local function stopper(pipe)
  local pid = pipe:read "*l"
  return function()
    process.run { "sh", "-c", "kill " .. pid }
    pipe:close()
  end
end

-- Starts one, on the given core if any.
function servers.nginx(directory, core_number)
  local fd, port = core.listen("127.0.0.1", 0)
  local tls_fd, tls_port = core.listen("127.0.0.1", 0)
  local own = io.open(MODULES .. "ngx_http_lua_module.so")
  if own then own:close() end
  local values = { directory = directory, port = port, tls_port = tls_port,
    started = started(port),
    modules = own and ("load_module %sndk_http_module.so; load_module %sngx_http_lua_module.so;")
      :format(MODULES, MODULES) or "",
    user = process.run { "id", "-u" }.stdout == "0\n" and "user root root;" or "" }
  local path = ("%s/nginx-%d.conf"):format(directory, port)
  local file = assert(io.open(path, "w"))
  file:write((CONF:gsub("%%%((%w+_?%w*)%)", values)))
  file:close()
  -- It ends with us, however we end. The sockets that it inherits are listening already.
  local pin = core_number and "taskset -c " .. core_number or ""
  -- Before 1.19.5 nginx has no -e.
  local pipe = io.popen(("echo $$; export 'NGINX=%d;%d;'; nginx -h 2>&1 | grep -q '^ *-e ' && "
    .. "set -- -e %s/error.log; exec %s setpriv --pdeathsig TERM nginx -p %s -c %s \"$@\" 2>&1")
    :format(fd, tls_fd, directory, pin, directory, path))
  local stop = stopper(pipe)
  return "http://127.0.0.1:" .. port, "https://127.0.0.1:" .. tls_port, stop
end

-- A server that discards what it is sent, over TLS if a certificate is given.
function servers.drop(directory, tls)
  local words = tls and (" %s/server.pem %s/server.key"):format(directory, directory) or ""
  local pipe = io.popen("exec build/bench/drop" .. words)
  local stop = stopper(pipe)
  return tonumber(pipe:read "*l"), stop
end

return servers
