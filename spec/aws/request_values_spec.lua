-- The request writer is plain C: it is compiled here without Lua and without libcurl, and fed
-- arbitrary values.
local process = require "spec.support.process"

if not process.thorough then return end

describe("the writer of requests", function()
  it("builds a whole request or refuses it with a reason, whatever it is given", function()
    local program = os.tmpname()
    local made = process.run { "cc", "-std=c11", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64",
      "-O1", "-g", "-Icsrc", "-o", program, "-fsanitize=address,undefined",
      "-fno-sanitize-recover=all",
      "spec/aws/request_values.c", "csrc/aws/request.c", "csrc/aws/model.c", "csrc/base/buffer.c",
      "csrc/base/escapes.c", "csrc/base/forks.c", "csrc/base/pieces.c", "csrc/base/random.c",
      "csrc/base/secrets.c", "csrc/base/suggest.c", "csrc/base/text.c", "-lm", "-lpthread",
      env = { LD_PRELOAD = "" } }
    assert.equal(0, made.status, made.stderr)
    local said = process.run { program, env = { LD_PRELOAD = "" } }
    os.remove(program)
    assert.truthy(said.stdout:match "^good: ", said.stdout .. said.stderr)
    assert.equal(0, said.status)
  end)
end)
