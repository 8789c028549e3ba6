--- Turns this process into the emulator: makes the directory, writes its files, and executes nginx.

local conf = require "connectparticipant.emulator.conf"
local directory = require "connectparticipant.emulator.directory"
local host = require "connectparticipant.emulator.host"

local RESERVED = 256 -- descriptors that are not available for connections, since files use them

local function write(path, text)
  local file, problem = io.open(path, "wb")
  if not file then return nil, problem end
  local written
  written, problem = file:write(text)
  local closed, unflushed = file:close()
  if not (written and closed) then return nil, path .. ": " .. tostring(problem or unflushed) end
  return true
end

-- Binds the sockets, and passes them to nginx in its variable NGINX: this way the kernel can choose
-- a free port, and the port is known.
local function bind(core, given)
  local fd, port = core.listen("127.0.0.1", given.port)
  if not fd then return nil, ("port %d: %s"):format(given.port, port) end
  local tls_fd, tls_port = core.listen("127.0.0.1", given.tls_port)
  if not tls_fd then return nil, ("port %d: %s"):format(given.tls_port, tls_port) end
  return { fd = fd, port = port, tls_fd = tls_fd, tls_port = tls_port }
end

-- The options of the worker.
local function told(given, place, sockets, pid)
  local all = {
    directory = place.path, keep = given.dir ~= nil, log_file = place.path .. "/error.log",
    endpoint = "http://127.0.0.1:" .. sockets.port,
    tls_endpoint = "https://127.0.0.1:" .. sockets.tls_port, ca_file = place.path .. "/tls.pem",
    region = os.getenv "AWS_REGION", pid = pid,
  }
  for name, value in pairs(given) do all[name] = value end
  return all
end

local function write_files(given, modules, place, sockets, pid)
  local environment, outward = "", ""
  if given.s3_endpoint then environment, outward = host.outward(conf.quote) end
  local written, problem = write(place.path .. "/boot.lua",
    conf.boot(host.path(), host.cpath(), told(given, place, sockets, pid)))
  if not written then return nil, problem end
  return write(place.path .. "/nginx.conf", conf.nginx {
    modules = modules, environment = environment, outward = outward, files = place.files,
    connections = math.max(64, place.files - RESERVED), port = sockets.port,
    tls_port = sockets.tls_port,
    -- Started by root, nginx would run its worker as nobody, who cannot write to the directory.
    user = place.root and "user root root;" or "",
  })
end

-- The paths in nginx.conf are relative; see connectparticipant.emulator.conf. nginx before 1.19.5
-- has no -e, and complains about the system's log before it reads which one to use.
local NGINX = [[
cd "$1" || exit
case $("$2" -h 2>&1) in
*" -e "*) exec "$2" -p ./ -c nginx.conf -e error.log ;;
*) exec "$2" -p ./ -c nginx.conf ;;
esac]]

local function begin(core, given, program, modules, place)
  local usable, problem = directory.check(place.path)
  if not usable then return problem end
  local sockets
  sockets, problem = bind(core, given)
  if not sockets then return problem end
  local written
  written, problem = write_files(given, modules, place, sockets, (core.pid()))
  if not written then return problem end
  local _
  _, problem = core.exec("/bin/sh", { "-c", NGINX, "sh", place.path, program },
    { ("NGINX=%d;%d;"):format(sockets.fd, sockets.tls_fd) }, given.parent)
  return problem
end

--- Becomes the emulator; returns only when it cannot.
---@param given table<string, any> the options, complete
---@return string problem
local function become(given)
  local program, modules = host.nginx()
  if not program then return modules end
  local making = directory.make(given.dir)
  -- Loading libcurl takes as long as openssl takes to make the certificate: they run in parallel.
  local core = require "connectparticipant.core"
  local place, problem = making()
  if not place then return problem end
  problem = begin(core, given, program, modules, place)
  if not given.dir then directory.remove(place.path) end
  return problem
end

return become
