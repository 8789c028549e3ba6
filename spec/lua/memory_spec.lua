-- No failed allocation, whether ours, Lua's or libcurl's, passes for success, and none leaks
-- memory.
local process = require "spec.support.process"

-- Builds spec/lua/memory.c with all of csrc, for the Lua that runs these specs.
local COMMAND = [[
make -s LUA=%s SANITIZE= POLL= build || exit 1
objects=$(ls csrc/*/*.c | sed 's|csrc\(.*\)c$|%s/obj\1o|')
cc -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -O1 -Icsrc -Ispec \
  $(pkg-config --cflags %s libcurl) -rdynamic -o %s/memory \
  spec/lua/memory.c spec/lua/memory_server.c spec/support/failing.c $objects \
  -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=free,--no-as-needed \
  $(pkg-config --libs %s libcurl) -lpthread -ldl -lm]]

describe("memory that runs out", function()
  it("is reported, and never drops a part of what was asked for", function()
    local package = process.abi == "luajit" and "luajit" or "lua" .. process.abi
    local build = "build/" .. process.abi
    local made = process.run { "sh", "-c",
      COMMAND:format(process.abi, build, package, build, package), env = { LD_PRELOAD = "" } }
    assert.equal(0, made.status, made.stderr)
    local said = process.run { build .. "/memory", "spec/lua/memory_scenarios.lua",
      env = { LD_PRELOAD = "" } }
    assert.truthy(said.stdout:match "^%d+ scenarios, %d+ failed allocations\n$",
      said.stdout .. said.stderr)
    assert.equal(0, said.status)
  end)
end)
