-- The count of forks, by which a child is recognised, read by many threads at once.
local process = require "spec.support.process"

describe("the count of forks", function()
  it("is one number in all threads of a child, and never the parent's", function()
    local program = os.tmpname()
    local function build(...)
      return process.run { "cc", "-std=c11", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", "-O1", "-g",
        "-Icsrc", "-o", program, "spec/base/forks_threads.c", "csrc/base/forks.c", "-lpthread", ...,
        env = { LD_PRELOAD = "" } }
    end
    local made = build "-fsanitize=thread"
    if made.status ~= 0 then made = build() end
    assert.equal(0, made.status, made.stderr)
    local said = process.run { program, env = { LD_PRELOAD = "" } }
    os.remove(program)
    assert.equal("0 of 20 children disagreed\n", said.stdout, said.stderr)
    assert.equal(0, said.status, said.stderr)
  end)
end)
