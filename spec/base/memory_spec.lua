-- What held a secret is wiped before its memory serves others, and what cannot be searched for
-- secrets is not shown. Lua cannot see that, so a small C program looks at each block of memory.

local function run(program, sources)
  local path = os.tmpname()
  local wraps = "-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free"
  local command = ("cc -std=c11 -D_GNU_SOURCE -O2 -Icsrc -o '%s' %s %s %s 2>&1 && '%s' 2>&1")
    :format(path, program, sources, wraps, path)
  local pipe = assert(io.popen("unset LD_PRELOAD; " .. command))
  local said = pipe:read "*a"
  pipe:close()
  os.remove(path)
  return said
end

describe("memory that held a secret", function()
  it("is wiped when it is freed, cleared, recycled or grown; and none is shown for want of memory",
    function()
      local sources = "csrc/base/buffer.c csrc/base/escapes.c csrc/base/pieces.c"
        .. " csrc/base/secrets.c csrc/base/text.c"
      assert.equal("clean\n", run("spec/base/memory.c", sources))
    end)
end)
