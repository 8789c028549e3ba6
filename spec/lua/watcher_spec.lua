-- core.watcher: a thread that waits for descriptors, and reports them by a byte on a connection.
local core = require "connectparticipant.core"
local process = require "spec.support.process"
local socket = require "socket"
local unix = require "socket.unix"

local function exists(path)
  return process.run({ "test", "-e", path }).status == 0
end

local function threads()
  return tonumber(process.run({ "sh", "-c", "ls /proc/" .. core.pid() .. "/task | wc -l" }).stdout)
end

local function connect(path)
  local connection = unix()
  assert(connection:connect(path))
  connection:settimeout(10)
  return connection
end

local watcher, connection
local function start()
  local path
  watcher, path = assert(core.watcher())
  connection = connect(path)
  assert.is_true(watcher:start())
  return path
end

-- A descriptor that becomes readable when something is written to the other end.
local function pair()
  local listener = assert(socket.bind("127.0.0.1", 0))
  local address, port = listener:getsockname()
  local near = assert(socket.connect(address, port))
  local far = assert(listener:accept())
  listener:close()
  finally(function()
    near:close()
    far:close()
  end)
  return near, far
end

local function nothing_comes()
  connection:settimeout(0)
  assert.equal("timeout", select(2, connection:receive(1)))
  connection:settimeout(10)
end

if process.portable then
  describe("core.watcher", function()
    it("is refused where there is no epoll", function()
      local none, problem = core.watcher()
      assert.is_nil(none)
      assert.equal("string", type(problem))
    end)
  end)
  return
end

describe("a watcher", function()
  after_each(function()
    if watcher then watcher:close() end
    if connection then connection:close() end
    watcher, connection = nil, nil
  end)

  it("sends one byte for each time that a descriptor is armed and readable", function()
    start()
    local near, far = pair()
    assert.is_true(watcher:arm(near:getfd()))
    nothing_comes()
    far:send "x"
    assert.equal("\0", connection:receive(1))
    far:send "y"
    nothing_comes()
    -- A descriptor that is already readable is reported at once.
    assert.is_true(watcher:arm(near:getfd()))
    assert.equal("\0", connection:receive(1))
    nothing_comes()
  end)

  it("sends a byte when it is rung, and never blocks if the bytes are not read", function()
    start()
    watcher:ring()
    assert.equal("\0", connection:receive(1))
    for _ = 1, 100000 do watcher:ring() end
    assert.equal("\0", connection:receive(1))
  end)

  it("goes on when a descriptor that it waits for is closed, and takes its number again", function()
    start()
    local listener = assert(socket.bind("127.0.0.1", 0))
    local number = listener:getfd()
    assert.is_true(watcher:arm(number))
    listener:close()
    assert.is_false(watcher:arm(number))
    local near, far = pair()
    assert.is_true(watcher:arm(near:getfd()))
    far:send "x"
    assert.equal("\0", connection:receive(1))
  end)

  it("leaves no thread, descriptor or file behind", function()
    local before, open = threads(), #process.descriptors()
    local path = start()
    assert.is_false(exists(path))
    assert.is_false(exists((path:gsub("/[^/]*$", ""))))
    assert.equal(before + 1, threads())
    watcher:close()
    watcher:close()
    assert.equal(before, threads())
    assert.equal("closed", select(2, connection:receive(1)))
    connection:close()
    assert.equal(open, #process.descriptors())
    assert.is_false(watcher:arm(0))
    watcher:ring()
    assert.is_nil((watcher:start()))
  end)

  it("removes its socket even if nothing has connected", function()
    local open = #process.descriptors()
    local path
    watcher, path = assert(core.watcher())
    assert.is_true(exists(path))
    watcher:close()
    assert.is_false(exists(path))
    assert.is_false(exists((path:gsub("/[^/]*$", ""))))
    assert.equal(open, #process.descriptors())
  end)

  it("needs a connection, and takes none of another process", function()
    watcher = assert(core.watcher())
    assert.is_nil((watcher:start()))
    watcher:close()
    local path
    watcher, path = assert(core.watcher())
    local other = process.run { process.lua, "-e", ([[
      assert(require("socket.unix")():connect(%q))]]):format(path) }
    assert.equal("", other.stderr)
    local started, problem = watcher:start()
    assert.is_nil(started)
    assert.equal("Operation not permitted", problem)
    assert.is_false(exists(path))
  end)

  it("admits no one else: only its user can enter its directory", function()
    local path
    watcher, path = assert(core.watcher())
    local mode = process.run { "stat", "-c", "%a", (path:gsub("/[^/]*$", "")) }
    assert.equal("700\n", mode.stdout)
  end)

  it("lets its thread end when the other end closes", function()
    local before = threads()
    start()
    connection:close()
    local until_then = core.now() + 10
    while threads() > before and core.now() < until_then do core.sleep(0.01) end
    assert.equal(before, threads())
  end)

  it("has a thread that takes none of the program's signals", function()
    start()
    local masks = process.run { "sh", "-c", ("grep -h SigBlk /proc/%d/task/*/status | sort")
      :format((core.pid())) }.stdout
    -- All but SIGKILL, SIGSTOP and the two that the C library reserves; valgrind reserves the last.
    local last = os.getenv "VALGRIND" and "7" or "f"
    assert.truthy(masks:find("SigBlk:\t" .. last .. "ffffffe7ffbfeff", 1, true), masks)
  end)
end)
