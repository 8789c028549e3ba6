-- How the command ends on a signal: nothing is left behind, and its exit status names the signal.
local emulated = require "spec.support.emulated"
local files = require "spec.support.files"
local process = require "spec.support.process"

local service, token, place, id
setup(function()
  service = emulated.start()
  token = service:connect(service.running.participant_token)
  local begun = service:begin(token, 1000) -- long enough for an answer that drips
  id = begun.AttachmentId
  assert.equal(200, emulated.put(begun, ("x"):rep(1000)).status)
  assert.equal(200, service:complete(token, id).status)
  place = files.new()
end)
teardown(function()
  service:stop()
  place:remove()
end)

-- Starts the command in the background; returns a function that ends it and returns how it ended.
local function start(words)
  local all = { "CONNECT_CONNECTION_TOKEN=" .. token, "AWS_ENDPOINT_URL=" .. service.endpoint,
    process.lua, "lua/connectparticipant/command.lua" }
  for _, word in ipairs(words) do all[#all + 1] = word end
  for index, word in ipairs(all) do all[index] = process.quote(word) end
  local out, err = place:path "out", place:path "err"
  -- A shell makes its background commands ignore the terminal's signals.
  local pipe = io.popen(("env --default-signal %s >%s 2>%s & echo $!; wait $!; echo $?")
    :format(table.concat(all, " "), out, err))
  local pid = pipe:read "*l"
  return function(signal, meanwhile)
    process.run { "sh", "-c", ("kill -%s %s"):format(signal, pid) } -- not every system has kill(1)
    if meanwhile then meanwhile() end
    local status = tonumber(pipe:read "*l")
    pipe:close()
    return { status = status, stdout = files.read(out), stderr = files.read(err) }
  end
end

-- Waits until the service has seen this many requests.
local function wait_for(operation, count)
  local limit = os.time() + 20
  while #service:requests(operation) < count do
    assert.truthy(os.time() < limit, "no request within 20 s")
  end
end

describe("a signal", function()
  for signal, status in pairs { INT = 130, TERM = 143, HUP = 129 } do
    it(signal .. " ends a download, and leaves no file", function()
      service:fault { operation = "GetObject", action = "drip", interval = 0.05 }
      local seen = #service:requests "GetAttachment"
      local finish = start { "download", id, "-o", place:path "there" }
      wait_for("GetAttachment", seen + 1)
      local said = finish(signal)
      assert.equal(status, said.status)
      assert.equal("", said.stdout)
      assert.equal(signal == "INT" and "connectparticipant: interrupted\n" or "", said.stderr)
      assert.equal("err\nout\n", process.run { "ls", "-A", place.directory }.stdout)
    end)
  end

  it("ends a wait for the next attempt, and several uploads; what was done is reported", function()
    service:fault { operation = "StartAttachmentUpload", count = 9, status = 429,
      code = "ThrottlingException", retry_after = 60000 }
    local seen = #service:requests "StartAttachmentUpload"
    local finish = start { "upload", place:path "missing", process.root .. "/README.md",
      process.root .. "/LICENSE" }
    wait_for("StartAttachmentUpload", seen + 2)
    local said = finish "INT"
    assert.equal(130, said.status)
    assert.truthy(said.stderr:find("^[^\n]*No such file or directory\n"
      .. "connectparticipant: interrupted\n$"), said.stderr)
  end)

  it("ends the reading of a token", function()
    local fifo = place:path "fifo"
    assert.equal(0, process.run { "mkfifo", fifo }.status)
    local finish = start { "transcript", "--token-file", fifo }
    -- Opening the FIFO waits for the command to open it; then the command reads.
    local writer = assert(io.open(fifo, "w"))
    -- A signal that comes just before the read does not end it; the end of the file does.
    local said = finish("TERM", function() writer:close() end)
    assert.equal(143, said.status)
    assert.equal("", said.stderr)
  end)

  it("that came before another program takes over still ends the process", function()
    local said = process.run { process.lua, "-e", "local core = require 'connectparticipant.core' "
      .. "core.catch_signals(true) os.execute('kill -TERM ' .. core.pid()) "
      .. "print(core.caught_signal()) io.stdout:flush() core.catch_signals(false) print 'on'" }
    assert.equal("15\tSIGTERM\n", said.stdout)
    assert.equal(143, said.status)
  end)

  it("that is ignored, as under nohup, stays ignored", function()
    local said = process.run { "sh", "-c", "trap '' HUP; exec \"$@\"", "sh", process.lua, "-e",
      "local core = require 'connectparticipant.core' core.catch_signals(true) "
        .. "os.execute('kill -HUP ' .. core.pid()) print(core.caught_signal())" }
    assert.equal("\n", said.stdout, said.stderr)
  end)
end)
