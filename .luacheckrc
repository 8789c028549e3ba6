-- The library runs on every Lua, so only what all of them have may be used.
std = "min"
max_line_length = 100
include_files = { "lua", "spec", "*.rockspec" }

files["spec/**/*_spec.lua"] = { std = "min+busted" }
files["*.rockspec"] = { std = "rockspec" }
