-- The count of forks, by which a child is recognised, read by many threads at once.
local process = require "spec.support.process"

-- What the program says that was built with these options.
local function run(...)
  local program = os.tmpname()
  local function build(...)
    return process.run { env = { LD_PRELOAD = "" }, "cc", "-std=c11", "-D_GNU_SOURCE",
      "-D_FILE_OFFSET_BITS=64", "-O1", "-g", "-Icsrc", "-o", program, "spec/base/forks_threads.c",
      "csrc/base/forks.c", "-lpthread", ... }
  end
  local made = build("-fsanitize=thread", ...)
  if made.status ~= 0 then made = build(...) end
  assert.equal(0, made.status, made.stderr)
  local said = process.run { program, env = { LD_PRELOAD = "" } }
  os.remove(program)
  assert.equal("", said.stderr)
  assert.equal(0, said.status, said.stdout)
  return said.stdout
end

describe("the count of forks", function()
  it("is one number in all threads of a child, and never the parent's", function()
    assert.equal("0 of 20 children disagreed\n", run())
  end)

  it("is that too where a system does not wipe a page, and says that it will", function()
    assert.equal("0 of 20 children disagreed\n", run "-DIGNORED")
  end)
end)
