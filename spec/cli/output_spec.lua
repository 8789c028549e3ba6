-- If its output cannot be written, the command fails, and the output goes nowhere else.
local emulated = require "spec.support.emulated"
local files = require "spec.support.files"
local process = require "spec.support.process"

local service, token, place, id
setup(function()
  service = emulated.start()
  token = service:connect(service.running.participant_token)
  place = files.new()
  local begun = service:begin(token, 300000)
  id = begun.AttachmentId
  assert.equal(200, emulated.put(begun, ("x"):rep(300000)).status)
  assert.equal(200, service:complete(token, id).status)
end)
teardown(function()
  service:stop()
  place:remove()
end)

-- Runs the command through a shell, with the given redirections after it.
local function shell(words, behind, before)
  local line = { before or "", process.quote(process.lua), "lua/connectparticipant/command.lua" }
  for _, word in ipairs(words) do line[#line + 1] = process.quote(word) end
  line[#line + 1] = behind
  return process.run { "env", "--default-signal=PIPE", "--default-signal=XFSZ", "bash", "-c",
    table.concat(line, " "),
    env = { CONNECT_CONNECTION_TOKEN = token, AWS_ENDPOINT_URL = service.endpoint } }
end

local function commands()
  return {
    { "--help" }, { "--version" }, { "upload", "--help" }, { "transcript" },
    { "transcript", "--json" }, { "download", id, "-o", "-" },
    { "download", "--json", id, "-o", place:path "back" },
    { "upload", process.root .. "/LICENSE" }, { "upload", "--json", process.root .. "/LICENSE" },
    { "upload", "--json", place:path "missing" },
  }
end

describe("standard output", function()
  it("that is full is reported, with status 1", function()
    for _, words in ipairs(commands()) do
      local said = shell(words, ">/dev/full")
      assert.equal(1, said.status, table.concat(words, " "))
      assert.equal("connectparticipant: standard output: No space left on device\n", said.stderr)
    end
  end)

  it("that is a file at its size limit is reported", function()
    local said = shell({ "download", id, "-o", "-" }, ">" .. place:path "limited", "ulimit -f 100;")
    assert.equal(1, said.status)
    assert.equal("connectparticipant: standard output: File too large\n", said.stderr)
  end)

  it("that is closed is reported, and no connection or file takes its descriptor", function()
    for _, words in ipairs(commands()) do
      local said = shell(words, ">&-")
      assert.equal(1, said.status, table.concat(words, " "))
      assert.equal("connectparticipant: standard output: Bad file descriptor\n", said.stderr)
    end
    assert.equal(("x"):rep(300000), files.read(place:path "back"))
    assert.equal(0, shell({ "download", id, "-o", place:path "back" }, ">&- <&- 2>&-").status)
    assert.equal(("x"):rep(300000), files.read(place:path "back"))
  end)

  it("whose reader has gone ends the command silently", function()
    local fifo = place:path "fifo"
    assert.equal(0, process.run { "mkfifo", fifo }.status)
    -- A FIFO can only be opened for writing while somebody reads.
    local open = ("exec 3<>%s 4>%s 3<&-;"):format(fifo, fifo)
    for _, words in ipairs(commands()) do
      for _, before in ipairs { open, "trap '' PIPE;" .. open } do
        local said = shell(words, ">&4", before)
        assert.equal(141, said.status, table.concat(words, " "))
        assert.equal("", said.stderr)
      end
    end
  end)
end)
