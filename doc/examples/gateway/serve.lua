-- Serves this example, with an emulator of the service behind it: `make gateway`. Other programs
-- may require it as `doc.examples.gateway.serve`.

local emulator = require "connectparticipant.emulator"
local host = require "connectparticipant.emulator.host"
local participant = require "connectparticipant"
local socket = require "socket"

local HERE = "doc/examples/gateway/"

local function quote(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

local function shell(text, ...)
  local words = { ... }
  for index = 1, #words do words[index] = quote(words[index]) end
  local pipe = assert(io.popen(("set -- %s; %s"):format(table.concat(words, " "), text)))
  local out = pipe:read "*a"
  pipe:close()
  return (out:gsub("\n$", ""))
end

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

local function free_port()
  local listener = assert(socket.bind("127.0.0.1", 0))
  local port = select(2, listener:getsockname())
  listener:close()
  return port
end

local function token_of(running)
  local client = participant.new { endpoint = running.endpoint }
  local connection = assert(client:create_participant_connection {
    ParticipantToken = running.participant_token, Type = { "CONNECTION_CREDENTIALS" },
  })
  client:close()
  return connection.ConnectionCredentials.ConnectionToken
end

-- The example's configuration on a free port, and with a certificate on another one.
local function configure(self)
  shell([[mkdir "$1"/html && cp "$2"index.html "$1"/html && cd "$1" && openssl req -x509 -nodes \
    -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 2 -subj /CN=localhost -keyout tls.key \
    -out tls.pem 2>/dev/null]], self.directory, HERE)
  local listen = ("listen 127.0.0.1:%d;\n    listen 127.0.0.1:%d ssl http2;\n"
    .. "    ssl_certificate tls.pem;\n    ssl_certificate_key tls.key;"):format(self.port, self.tls)
  local text = read(HERE .. "nginx.conf"):gsub("listen 127%.0%.0%.1:8080;", listen)
  local program, modules = host.nginx()
  assert(program, modules)
  local user = shell "id -u" == "0" and "user root root;\n" or ""
  write(self.directory .. "/nginx.conf", modules .. "\n" .. user .. text)
  return program
end

local function start()
  local running = assert(emulator.start { quota = 100000, max_size = 100 * 1024 * 1024 })
  local self = { emulator = running, port = free_port(), tls = free_port(),
    directory = shell "mktemp -d" }
  local program = configure(self)
  self.token = token_of(running)
  self.url = ("http://127.0.0.1:%d/#%s"):format(self.port, self.token)
  self.tls_url = ("https://127.0.0.1:%d/#%s"):format(self.tls, self.token)
  local root = shell "pwd"
  -- Where make has built the module for nginx; see POLL there.
  local built = "/build/luajit" .. ((os.getenv "POLL" or "") ~= "" and "-poll" or "")
  -- nginx before 1.19.5 has no -e.
  local log = shell('"$1" -h 2>&1', program):find(" -e ", 1, true) and " -e error.log" or ""
  self.command = ("env AWS_ENDPOINT_URL_CONNECTPARTICIPANT=%s LUA_PATH=%s LUA_CPATH=%s %s -p %s "
    .. "-c nginx.conf%s"):format(running.endpoint,
    quote(root .. "/lua/?.lua;" .. root .. "/lua/?/init.lua;;"),
    quote(root .. built .. "/?.so;;"), program, self.directory, log)
  function self.stop()
    shell('cd "$1" && test -s nginx.pid && kill "$(cat nginx.pid)"; rm -rf "$1"', self.directory)
    running:stop()
  end
  return self
end

if arg and arg[0] and arg[0]:find "gateway/serve%.lua$" then
  local self = start()
  print("Open " .. self.url .. "\nCtrl-C ends it.")
  os.execute(self.command .. " -g 'daemon off;'")
  self.stop()
end

return { start = start }
