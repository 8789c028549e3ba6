-- Peers that answer before libcurl has even begun to wait for them.
local files = require "spec.support.files"
local flows = require "spec.support.flows"
local faults = require "spec.support.faults"
local process = require "spec.support.process"

local lab = flows.new()
setup(lab.open)
teardown(lab.close)

-- Downloads `size` bytes in a process of its own, in which each answer is there once its request is
-- sent.
local function download(size)
  local place = files.new()
  finally(function() place:remove() end)
  local library = place:path "prompt.so"
  local built = process.run { "cc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", library,
    process.root .. "/spec/http/prompt.c", "-ldl" }
  assert.equal("", built.stderr)
  return process.run { process.lua, "-e", ([[
    local client = require("connectparticipant").new { endpoint = os.getenv "ENDPOINT",
      max_attempts = 1 }
    local got = 0
    local result, err = client:download_attachment { ConnectionToken = "t", AttachmentId = "a",
      write = function(piece)
        got = got + #piece
        return true
      end }
    print(err or got == %d)
  ]]):format(size), env = { ENDPOINT = lab.server.endpoint, LD_PRELOAD = library } }
end

describe("a kept connection whose next answer is there at once", function()
  it("is not taken for idle while that answer waits for room", function()
    lab.server:script { faults.got(500000), { size = 500000 } }
    assert.equal("true\n", download(500000).stdout)
    assert.equal(2, #lab.server:seen().requests)
  end)
end)
