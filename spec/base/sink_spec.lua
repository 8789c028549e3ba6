-- Sinks that block: only their thread waits.
local core = require "connectparticipant.core"
local disk = require "spec.support.disk"
local faults = require "spec.support.faults"
local participant = require "connectparticipant"
local process = require "spec.support.process"
local transfers = require "spec.support.transfers"

local lab = transfers.new()
local server, directory
setup(function() server, directory = lab.open() end)
teardown(function() lab.close() end)
before_each(function() lab.begin() end)
after_each(function() lab.engine:close() end)

local failed = transfers.failed
local SIZE = 3000000
local WHOLE = ("0123456789abcdef"):rep(SIZE / 16)

-- A FIFO that is open for reading, and that nobody reads from.
local function fifo()
  local path = directory:path "fifo"
  os.remove(path)
  process.run { "mkfifo", path }
  return assert(io.open(path, "r+b"))
end

local function descriptors()
  local list = process.run { "ls", ("/proc/%d/fd"):format(core.pid()) }
  return select(2, list.stdout:gsub("\n", ""))
end

-- The thread releases what it holds soon, but not immediately.
local function settle(count)
  local due = core.now() + 10
  while descriptors() > count and core.now() < due do core.sleep(0.01) end
  assert.equal(count, descriptors())
end

describe("a pipe that nobody reads", function()
  it("holds up no other transfer, and ends by stall_timeout", function()
    local before = descriptors()
    local pipe = fifo()
    server:script { { size = SIZE }, { size = SIZE } }
    local settings = core.settings { endpoint = server.url, stall_timeout = 0.5 }
    local sink, other = assert(core.file_sink(pipe)), assert(core.open_sink(directory:path "other"))
    local stuck = lab.get { sink = sink, settings = settings }
    assert(lab.finish(lab.get { sink = other }))
    assert.is_true(directory.commit(other))
    assert.is_true(directory.read(directory:path "other") == WHOLE)
    assert.equal("run", stuck:state())
    local result, err = lab.finish(stuck)
    failed(result, err, { kind = "timeout", code = "OPERATION_TIMEDOUT", retryable = true })
    assert.truthy(err.message:find("stall_timeout", 1, true))
    sink:discard()
    pipe:close()
    lab.engine:close()
    settle(before)
  end)

  it("ends by timeout", function()
    local pipe = fifo()
    server:script { { size = SIZE } }
    local sink = assert(core.file_sink(pipe))
    local result, err = lab.finish(lab.get { sink = sink, timeout = 0.3 })
    failed(result, err, { kind = "timeout", code = "OPERATION_TIMEDOUT" })
    sink:discard()
    pipe:close()
  end)

  it("ends the download, even if only its last bytes are left to write", function()
    for _, size in ipairs { SIZE, 200000 } do
      for _, limit in ipairs { "timeout", "stall_timeout" } do
        local pipe = fifo()
        local client = participant.new { endpoint = server.url, [limit] = 0.5, max_attempts = 1 }
        server:script { faults.got(size), { size = size } }
        local result, err = client:download_attachment { ConnectionToken = "t", AttachmentId = "a",
          file = pipe }
        failed(result, err, { kind = "timeout", code = "OPERATION_TIMEDOUT", step = "get" })
        client:close()
        pipe:close()
      end
    end
  end)

  it("is not flushed if that would never end", function()
    local pipe = fifo()
    pipe:setvbuf("full", 1000000)
    pipe:write(("x"):rep(65536))
    pipe:flush()
    pipe:write "more"
    local sink, err = core.file_sink(pipe)
    failed(sink, err, { kind = "sink", code = "EAGAIN" })
    local reader = assert(io.open(directory:path "fifo", "rb"))
    reader:read(65536)
    pipe:close()
    reader:close()
  end)
end)

describe("a pipe that is read", function()
  it("gets every byte in its order, however slowly", function()
    local pipe = fifo()
    local reader = assert(io.open(directory:path "fifo", "rb"))
    server:script { { size = SIZE } }
    local sink = assert(core.file_sink(pipe))
    local exchange, pieces, got = lab.get { sink = sink }, {}, 0
    while got < SIZE do
      local ended = exchange:state() == "done"
      if not ended then lab.engine:step() end
      if sink:size() - got >= 65536 or ended then
        local piece = reader:read(math.min(65536, SIZE - got))
        pieces[#pieces + 1] = piece
        got = got + #piece
      end
    end
    assert(exchange:result())
    assert.is_true(directory.commit(sink))
    assert.is_true(table.concat(pieces) == WHOLE)
    pipe:close()
    reader:close()
  end)
end)

-- Runs Lua code with a disk that stops while the gate exists.
local function at_gate(text)
  local gate = directory:write("gate", "")
  os.remove(directory:path "gated")
  local result = disk.run(([[
    local core = require "connectparticipant.core"
    local files = require "spec.support.files"
    local path, gate, url = %q, %q, %q
    local settings = core.settings { endpoint = url }
    local engine = core.engine()
    local function get(sink)
      return assert(engine:transfer { method = "GET", url = url .. "/key", sink = sink,
        settings = settings })
    end
    local function finish(exchange)
      while exchange:state() ~= "done" do
        engine:step()
        engine:wait(1)
      end
      return exchange:result()
    end
  ]]):format(directory:path "gated", gate, server.url) .. text, { DISK_GATE = gate })
  os.remove(gate)
  assert.equal(0, result.status, result.stderr)
  return result.stdout
end

describe("a disk that stops", function()
  it("holds up no other transfer, and continues where it stopped", function()
    server:script { { size = SIZE }, { size = SIZE } }
    assert.equal("drained true true", at_gate [[
      local sink = assert(core.open_sink(path))
      local exchange, other = get(sink), get "drain"
      local size, state = 0
      repeat
        engine:step()
        state = other:state()
        if state == "have_data" then size = size + #other:drain() end
        if state == "run" then engine:wait(1) end
      until state == "done"
      assert(other:result())
      assert(size == 3000000 and exchange:state() == "run" and sink:size() < size)
      io.write "drained "
      os.remove(gate)
      assert(finish(exchange))
      io.write(tostring(files.commit(sink)), " ")
      io.write(tostring(files.read(path) == ("0123456789abcdef"):rep(3000000 / 16)))
    ]])
  end)

  it("is awaited by a commit, which reports that it is pending", function()
    server:script { { body = "0123456789" } }
    assert.equal("pending nil nil true 0123456789", at_gate [[
      local sink = assert(core.open_sink(path))
      assert(finish(get(sink)))
      io.write(sink:commit(), " ", tostring((sink:finished())), " ")
      io.write(tostring(files.read(path)), " ")
      os.remove(gate)
      local done
      repeat
        core.sleep(0.001)
        done = sink:finished()
      until done ~= nil
      io.write(tostring(done), " ", files.read(path))
    ]])
  end)

  it("does not prevent discarding, and never completes what was discarded", function()
    server:script { { size = SIZE }, { body = "0123456789" } }
    assert.equal("done nil nil", at_gate [[
      local hanging, committing = assert(core.open_sink(path)), assert(core.open_sink(path .. "2"))
      local exchange = get(hanging)
      while hanging:size() < 400000 do
        engine:step()
        engine:wait(1)
      end
      assert(finish(get(committing)))
      assert(committing:commit() == "pending")
      hanging:discard()
      committing:discard()
      engine:close()
      os.remove(gate)
      local function busy()
        return io.popen("ls -l /proc/" .. core.pid() .. "/fd"):read "*a":find("deleted", 1, true)
      end
      while busy() do core.sleep(0.01) end
      io.write("done ", tostring(files.read(path)), " ", tostring(files.read(path .. "2")))
    ]])
  end)

  it("does not prevent the program from ending", function()
    server:script { { size = SIZE } }
    assert.equal("", at_gate [[
      local sink = assert(core.open_sink(path))
      get(sink)
      while sink:size() < 400000 do
        engine:step()
        engine:wait(1)
      end
    ]])
    assert.is_nil(directory.read(directory:path "gated"))
  end)
end)

describe("a sink of memory", function()
  local function committed(sink)
    local ok, what = sink:commit()
    while not ok or ok == "pending" do
      assert.not_equal(false, ok, what)
      ok, what = sink:finished(1)
    end
    return sink
  end

  it("collects the object, and returns it once", function()
    server:script { { size = SIZE } }
    local sink = assert(core.memory_sink())
    assert(lab.finish(lab.get { sink = sink }))
    assert.equal(SIZE, sink:size())
    assert.is_true(committed(sink):body() == WHOLE)
    assert.equal("", sink:body())
    sink:discard()
    assert.has_error(function() sink:body() end)
  end)

  -- Bytes that the thread has collected are not in the queue, and the reverse: none may be missing.
  it("collects in the thread", function()
    server:script { { size = SIZE } }
    local sink = assert(core.memory_sink())
    assert(lab.finish(lab.get { sink = sink }))
    local _, moved = sink:finished(0.1)
    assert.is_true(moved > SIZE / 2, moved)
    sink:discard()
  end)

  it("after a restart has no byte from before it", function()
    server:script { { size = SIZE }, { size = 10 } }
    local sink = assert(core.memory_sink())
    assert(lab.finish(lab.get { sink = sink }))
    assert.is_true(sink:restart())
    assert.equal(0, sink:size())
    assert(lab.finish(lab.get { sink = sink }))
    assert.equal(WHOLE:sub(1, 10), committed(sink):body())
    sink:discard()
  end)

  it("may be empty", function()
    local sink = assert(core.memory_sink())
    assert.equal("", committed(sink):body())
    sink:discard()
  end)
end)

describe("a commit", function()
  it("does not touch a file that the thread is about to work on", function()
    local program, path = directory:path "commits", directory:path "committed"
    local compiled = process.run { "sh", "-c", "cc -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64"
      .. " -Icsrc spec/base/sink_commit.c csrc/base/*.c -Wl,--wrap=disk_lock -lpthread -ldl -o "
      .. program, cwd = process.root }
    assert.equal("", compiled.stderr)
    assert.equal("good\n", process.run({ program, path }).stdout)
  end)
end)
