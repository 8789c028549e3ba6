-- The library runs on every Lua, so only what all of them have may be used.
std = "min"
max_line_length = 100
include_files = { "lua", "spec", "doc", "*.rockspec" }

files["spec/**/*_spec.lua"] = { std = "min+busted" }
files["doc/examples/*_spec.lua"] = { std = "min+busted" }
for _, name in ipairs { "alarm", "ngx", "pump" } do
  files["lua/connectparticipant/driver/" .. name .. ".lua"] = { std = "min+ngx_lua" }
end
for _, name in ipairs { "gateway", "request", "body", "upload", "download" } do
  files["lua/connectparticipant/nginx/" .. name .. ".lua"] = { std = "min+ngx_lua" }
end
files["lua/connectparticipant/pace/redis_nginx.lua"] = { std = "min+ngx_lua" }
-- This luacheck does not know ngx.run_worker_thread yet.
files["lua/connectparticipant/worker.lua"] = { std = "min", read_globals = { "ngx" } }
-- An annotation cannot be broken into lines.
files["lua/connectparticipant/types.lua"] = { max_line_length = false }
files["*.rockspec"] = { std = "rockspec" }
-- What runs inside the emulator's nginx, which is LuaJIT.
files["lua/connectparticipant/emulator/"] = { std = "luajit+ngx_lua" }
-- But for the three that run outside of it.
for _, name in ipairs { "init", "conf", "certificate" } do
  files["lua/connectparticipant/emulator/" .. name .. ".lua"] = { std = "min" }
end
