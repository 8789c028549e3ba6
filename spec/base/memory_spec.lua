-- What held a secret is wiped before its memory serves others. Lua cannot see that, so a small C
-- program looks at each block that is given back.

local function run(program, sources)
  local path = os.tmpname()
  local command = ("cc -std=c11 -D_GNU_SOURCE -O2 -Icsrc -o '%s' %s %s -Wl,"
    .. "--wrap=realloc,--wrap=free 2>&1 && '%s' 2>&1"):format(path, program, sources, path)
  local pipe = assert(io.popen("unset LD_PRELOAD; " .. command))
  local said = pipe:read "*a"
  pipe:close()
  os.remove(path)
  return said
end

describe("memory that held a secret", function()
  it("is wiped when it is freed, cleared, recycled or grown", function()
    assert.equal("clean\n", run("spec/base/memory.c", "csrc/base/buffer.c"))
  end)
end)
