--- What the emulator finds on this machine: nginx with ngx_lua, this project's Lua files, names and
-- trust for a store elsewhere.

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

--- The nginx to run, and the directives that load ngx_lua into it. Debian keeps ngx_lua in a module
-- of its own; OpenResty has it built in.
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

--- Where nginx's Lua finds this project's files.
---@return string
function host.path()
  local here = debug.getinfo(1, "S").source:match("^@(.*)connectparticipant/emulator/host%.lua$")
  if not here then return package.path end
  if here:sub(1, 1) ~= "/" then here = shell.output("pwd"):gsub("\n$", "") .. "/" .. here end
  return here .. "?.lua;" .. here .. "?/init.lua"
end

--- Where it finds C modules. LuaJIT takes lua-cjson from where Lua 5.1 has it.
---@return string
function host.cpath()
  return package.cpath:gsub("/5%.%d/", "/5.1/") .. ";/usr/lib/x86_64-linux-gnu/lua/5.1/?.so"
    .. ";/usr/lib/aarch64-linux-gnu/lua/5.1/?.so"
end

--- The directives with which nginx reaches a store elsewhere: keys from the environment, a resolver
-- and the certificates to trust.
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
