--- Finds what the emulator needs on this machine: nginx with ngx_lua, this project's Lua files, and
-- the resolver and CA certificates for an external store.

local shell = require "connectparticipant.emulator.shell"

local host = {}

local MODULES = {
  "/usr/lib/nginx/modules/", "/usr/share/nginx/modules/", "/usr/lib64/nginx/modules/",
}

local PROGRAMS = {
  "/usr/sbin/nginx", "/usr/local/openresty/nginx/sbin/nginx", "/usr/local/nginx/sbin/nginx",
  "/usr/local/sbin/nginx", "/usr/bin/nginx",
}

local function exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

local function find_program()
  for _, path in ipairs(PROGRAMS) do
    if exists(path) then return path end
  end
  local found = shell.output("command -v nginx"):match "^(/[^\n]*)"
  if found then return found end
  return nil, "the emulator needs nginx with ngx_lua: apt-get install nginx-light "
    .. "libnginx-mod-http-lua, or OpenResty"
end

--- Finds nginx, and the directives that load ngx_lua into it: on Debian it is a dynamic module, in
-- OpenResty it is built in.
---@return string|nil program
---@return string directives, or a problem
function host.nginx()
  local program, problem = find_program()
  if not program then return nil, problem end
  for _, place in ipairs(MODULES) do
    if exists(place .. "ngx_http_lua_module.so") then
      return program, ("load_module %sndk_http_module.so;\nload_module %sngx_http_lua_module.so;")
        :format(place, place)
    end
  end
  if shell.output('"$1" -V', program):find "lua" then return program, "" end
  return nil, "this nginx has no ngx_lua: apt-get install libnginx-mod-http-lua, or use OpenResty"
end

--- The package.path with which nginx's Lua finds this project's files.
---@return string
function host.path()
  local here = debug.getinfo(1, "S").source:match("^@(.*)connectparticipant/emulator/host%.lua$")
  if not here then return package.path end
  if here:sub(1, 1) ~= "/" then here = shell.output("pwd"):gsub("\n$", "") .. "/" .. here end
  return here .. "?.lua;" .. here .. "?/init.lua"
end

--- The package.cpath with which it finds lua-cjson: LuaJIT uses the build for Lua 5.1.
---@return string
function host.cpath()
  return package.cpath:gsub("/5%.%d/", "/5.1/") .. ";/usr/lib/x86_64-linux-gnu/lua/5.1/?.so"
    .. ";/usr/lib/aarch64-linux-gnu/lua/5.1/?.so"
end

--- The directives for an external store: those of the main level pass on the environment's keys,
-- those of the http level set a resolver and the CA certificates.
---@param quote fun(text: string): string
---@return string
function host.outward(quote)
  local lines = { "env AWS_ACCESS_KEY_ID; env AWS_SECRET_ACCESS_KEY; env AWS_SESSION_TOKEN;" }
  local http = {}
  local servers = shell.output "awk '$1 == \"nameserver\" { print $2; exit }' /etc/resolv.conf"
  local resolver = servers:match "^[%x.:]+"
  if resolver then
    if resolver:find(":", 1, true) then resolver = "[" .. resolver .. "]" end
    http[#http + 1] = "resolver " .. resolver .. ";"
  end
  local bundle = os.getenv "AWS_CA_BUNDLE" or "/etc/ssl/certs/ca-certificates.crt"
  if exists(bundle) then
    http[#http + 1] = ("lua_ssl_trusted_certificate %s; lua_ssl_verify_depth 5;")
      :format(quote(bundle))
  end
  return table.concat(lines, "\n"), table.concat(http, "\n")
end

return host
