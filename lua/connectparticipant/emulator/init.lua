--- A strict local Participant Service with its object store, run by nginx. `run` becomes it;
-- `start` starts one beside a program, for specs.

local certificate = require "connectparticipant.emulator.certificate"
local cjson = require "cjson.safe"
local conf = require "connectparticipant.emulator.conf"
local core = require "connectparticipant.core"

local emulator = {}

local DEFAULTS = {
  port = 0, tls_port = 0, quota = 35, url_expiry = 900, max_size = 20 * 1024 * 1024,
  scan_seconds = 0.2, body_timeout = 20,
}

local MODULES = {
  "/usr/lib/nginx/modules/", "/usr/share/nginx/modules/", "/usr/lib64/nginx/modules/",
}

local PROGRAMS = {
  "/usr/sbin/nginx", "/usr/local/openresty/nginx/sbin/nginx", "/usr/local/nginx/sbin/nginx",
  "/usr/local/sbin/nginx", "/usr/bin/nginx",
}

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

local function first_line(command)
  local pipe = io.popen(command)
  local line = pipe:read "*l"
  pipe:close()
  return line
end

local function find_nginx()
  for _, path in ipairs(PROGRAMS) do
    if exists(path) then return path end
  end
  local found = first_line "command -v nginx 2>/dev/null"
  if found and found ~= "" then return found end
  return nil, "the emulator needs nginx with ngx_lua: apt-get install nginx-light "
    .. "libnginx-mod-http-lua, or OpenResty"
end

-- Debian keeps ngx_lua in a module of its own; OpenResty has it built in.
local function find_modules(nginx)
  for _, place in ipairs(MODULES) do
    if exists(place .. "ngx_http_lua_module.so") then
      return ("load_module %sndk_http_module.so;\nload_module %sngx_http_lua_module.so;")
        :format(place, place)
    end
  end
  local built_in = first_line(quote(nginx) .. " -V 2>&1 | grep -c lua")
  if tonumber(built_in) and tonumber(built_in) > 0 then return "" end
  return nil, "this nginx has no ngx_lua: apt-get install libnginx-mod-http-lua, or use OpenResty"
end

-- Where this project's Lua files are, for an nginx that has another package.path.
local function own_path()
  local here = debug.getinfo(1, "S").source:match("^@(.*)connectparticipant/emulator/init%.lua$")
  if not here then return package.path end
  if here:sub(1, 1) ~= "/" then here = first_line "pwd" .. "/" .. here end
  return here .. "?.lua;" .. here .. "?/init.lua;;"
end

-- LuaJIT finds lua-cjson where Lua 5.1 has it; LuaRocks trees are told by the caller's own path.
local function own_cpath()
  return package.cpath:gsub("/5%.%d/", "/5.1/") .. ";/usr/lib/x86_64-linux-gnu/lua/5.1/?.so"
    .. ";/usr/lib/aarch64-linux-gnu/lua/5.1/?.so;;"
end

local function make_directory(options)
  local directory = options.dir or first_line "mktemp -d"
  if not directory or directory == "" then return nil, "there is no place for temporary files" end
  local made = os.execute(("umask 077; mkdir -p %s/objects %s/incoming"):format(quote(directory),
    quote(directory)))
  if made ~= true and made ~= 0 then return nil, "the directory cannot be made: " .. directory end
  return first_line("cd " .. quote(directory) .. " && pwd -P")
end

local function write(path, text)
  local file, problem = io.open(path, "w")
  if not file then return nil, problem end
  file:write(text)
  file:close()
  return true
end

-- Sockets are bound here, so that a port is known, and ours, before nginx begins.
local function bind(options)
  local fd, port = core.listen("127.0.0.1", options.port)
  if not fd then return nil, ("port %d: %s"):format(options.port, port) end
  local tls_fd, tls_port = core.listen("127.0.0.1", options.tls_port)
  if not tls_fd then return nil, ("port %d: %s"):format(options.tls_port, tls_port) end
  return { fd = fd, port = port, tls_fd = tls_fd, tls_port = tls_port }
end

-- A directory with state serves one emulator at a time, and only if it can be read.
local function check_state(directory)
  local file = io.open(directory .. "/nginx.pid", "r")
  local pid = file and file:read "*l"
  if file then file:close() end
  file = pid and pid:match "^%d+$" and io.open("/proc/" .. pid .. "/cmdline", "rb")
  local command = file and file:read "*a" or ""
  if file then file:close() end
  if command:find(directory .. "/nginx.conf", 1, true) then
    return nil, ("the emulator of process %s keeps its state there: %s"):format(pid, directory)
  end
  file = io.open(directory .. "/state.json", "r")
  local text = file and file:read "*a"
  if file then file:close() end
  if text and not cjson.decode(text) then
    return nil, directory .. "/state.json is not the emulator's state; remove it to begin anew"
  end
  return true
end

local function prepare(options)
  local nginx, problem = find_nginx()
  if not nginx then return nil, problem end
  local modules
  modules, problem = find_modules(nginx)
  if not modules then return nil, problem end
  local directory
  directory, problem = make_directory(options)
  if not directory then return nil, problem end
  local usable
  usable, problem = check_state(directory)
  if not usable then return nil, problem end
  return { nginx = nginx, modules = modules, directory = directory }
end

local function remove(options, directory)
  if not options.dir then os.execute("rm -rf " .. quote(directory)) end
end

-- How many descriptors, and so connections, there may be.
local function descriptors()
  local most = tonumber(first_line "ulimit -Hn" or "") or 20000
  local files = math.min(most, 20000)
  return files, math.max(64, files - 256)
end

-- What nginx needs to reach a store elsewhere: the keys of the environment, names, and trust.
local function outward(options)
  if not options.s3_endpoint then return "", "", "" end
  local servers = first_line "awk '$1 == \"nameserver\" { print $2 }' /etc/resolv.conf | head -n 1"
  local resolver = servers and servers:match "^[%x.:]+$"
  if resolver and resolver:find(":", 1, true) then resolver = "[" .. resolver .. "]" end
  local bundle = os.getenv "AWS_CA_BUNDLE" or "/etc/ssl/certs/ca-certificates.crt"
  local trusted = exists(bundle) and not bundle:find "[\"\n\\;{}$#%s]"
    and ("lua_ssl_trusted_certificate %s; lua_ssl_verify_depth 5;"):format(bundle) or ""
  return "env AWS_ACCESS_KEY_ID; env AWS_SECRET_ACCESS_KEY; env AWS_SESSION_TOKEN;",
    resolver and "resolver " .. resolver .. ";" or "", trusted
end

local function write_files(plan, sockets, options)
  local directory = plan.directory
  local made, problem = certificate.make(directory, quote)
  if not made then return nil, problem end
  local told = {
    directory = directory, keep = options.dir ~= nil, log_file = directory .. "/error.log",
    endpoint = "http://127.0.0.1:" .. sockets.port,
    tls_endpoint = "https://127.0.0.1:" .. sockets.tls_port, ca_file = directory .. "/ca.pem",
    region = os.getenv "AWS_REGION", pid = (core.pid()),
  }
  for name, value in pairs(options) do
    if told[name] == nil then told[name] = value end
  end
  local environment, resolver, trusted = outward(options)
  local files, connections = descriptors()
  local text
  text, problem = conf.text {
    environment = environment, resolver = resolver, trusted = trusted,
    files = ("%d"):format(files), connections = ("%d"):format(connections),
    modules = plan.modules, directory = directory, log_file = told.log_file,
    lua_path = own_path(), lua_cpath = own_cpath(), options = directory .. "/options.json",
    port = sockets.port, tls_port = sockets.tls_port,
    -- nginx's workers leave root for nobody unless told otherwise.
    user = first_line "id -u" == "0" and "user root root;" or "",
  }
  if not text then return nil, problem end
  if not write(directory .. "/options.json", cjson.encode(told)) then
    return nil, "the directory cannot be written to: " .. directory
  end
  return write(directory .. "/nginx.conf", text)
end

--- Becomes the emulator; returns only when it cannot.
---@param given? table the options of the command, with underscores
---@return nil
---@return string problem
function emulator.run(given)
  local options = {}
  for name, value in pairs(DEFAULTS) do options[name] = value end
  for name, value in pairs(given or {}) do options[name] = value end
  if options.s3_endpoint and not options.s3_endpoint:find "^https?://[^/]+/?$" then
    return nil, "--s3-endpoint must be like https://host:port"
  end
  if options.s3_endpoint and not options.s3_bucket then
    return nil, "--s3-endpoint needs --s3-bucket too"
  end
  if options.s3_endpoint and not os.getenv "AWS_SECRET_ACCESS_KEY" then
    return nil, "--s3-endpoint needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
  end
  local plan, problem = prepare(options)
  if not plan then return nil, problem end
  local sockets
  sockets, problem = bind(options)
  local written
  if sockets then written, problem = write_files(plan, sockets, options) end
  if written then
    local directory = plan.directory
    local _
    _, problem = core.exec(plan.nginx, { "-p", directory, "-c", directory .. "/nginx.conf",
      "-e", directory .. "/error.log" }, { ("NGINX=%d;%d;"):format(sockets.fd, sockets.tls_fd) },
      options.parent)
  end
  remove(options, plan.directory)
  return nil, problem
end

---@class connectparticipant.emulator.Running
---@field endpoint string
---@field tls_endpoint string
---@field ca_file string
---@field participant_token string
---@field view_token string
---@field session_id string
---@field contact_id string
---@field pid integer
---@field log_file string
local Running = {}
Running.__index = Running

--- Ends the emulator, and waits until it has.
function Running:stop()
  if not self.pipe then return end
  os.execute(("kill -TERM %d 2>/dev/null"):format(self.pid))
  self.pipe:read "*a"
  self.pipe:close()
  self.pipe = nil
end

-- The Lua that runs, to run the command with. Linux knows; elsewhere it is the first of the own
-- arguments.
local function interpreter()
  local given = os.getenv "LUA_PROGRAM"
  if given and given ~= "" then return given end
  local running = first_line "readlink /proc/$PPID/exe 2>/dev/null"
  if running and running:match "[^/]*$":find "^lua" then return running end
  local program, index = "lua", -1
  local arguments = rawget(_G, "arg") or {}
  while arguments[index] do
    program, index = arguments[index], index - 1
  end
  return program
end

-- `{ max_size = 5, admin = true }` as the command's words, each a Lua string.
local function words_of(options)
  local words = {}
  for name, value in pairs(options) do
    local option = "--" .. name:gsub("_", "-")
    if value == true then
      words[#words + 1] = ("%q"):format(option)
    elseif value ~= false then
      words[#words + 1] = ("%q"):format(option .. "=" .. tostring(value))
    end
  end
  table.sort(words)
  return table.concat(words, ", ")
end

--- Starts an emulator; it ends with `stop`, or with this process.
---@param options? table those of the command, with underscores: `{ admin = true, quota = 5 }`
---@return connectparticipant.emulator.Running|nil
---@return string|nil problem
function emulator.start(options)
  local given = { json = true, parent = (core.pid()) }
  for name, value in pairs(options or {}) do given[name] = value end
  -- Lua 5.1 and 5.2 have no `arg` yet when they run -e, so the words stand in the code.
  local code = ('package.path, package.cpath = %q, %q '
    .. 'os.exit(require("connectparticipant.cli").main { "emulator", %s })')
    :format(package.path, package.cpath, words_of(given))
  local pipe = io.popen(("exec %s -e %s 2>&1 </dev/null"):format(quote(interpreter()), quote(code)))
  local line = pipe:read "*l"
  local told = line and line:sub(1, 1) == "{" and cjson.decode(line)
  if not told then
    local rest = pipe:read "*a"
    pipe:close()
    return nil, ("the emulator did not start: %s\n%s"):format(tostring(line), rest or "")
  end
  told.pipe = pipe
  return setmetatable(told, Running)
end

return emulator
