-- Exchanges when memory runs out, which Lua cannot arrange: a small C program does.
local process = require "spec.support.process"

if not process.thorough then return end

describe("an exchange that finds no memory", function()
  it("fails alone: the next succeeds, and nothing is lost", function()
    local path = os.tmpname()
    local wraps = "-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free,--wrap=strdup"
    local sources = "spec/http/memory.c spec/support/failing.c csrc/http/*.c csrc/base/*.c"
    local libraries = "$(pkg-config --libs libcurl || echo -lcurl) -lpthread -ldl"
    local pipe = assert(io.popen(("unset LD_PRELOAD; cc -std=c11 -D_GNU_SOURCE"
      .. " -D_FILE_OFFSET_BITS=64 -O2 -Icsrc -Ispec -o '%s'"
      .. " %s %s %s 2>&1 && '%s' 2>&1"):format(path, sources, wraps, libraries, path)))
    local said = pipe:read "*a"
    pipe:close()
    os.remove(path)
    assert.truthy(said:match "^%d+ exchanges\n$", said)
  end)
end)
