-- After a fork: parent and child share descriptors, and neither may disturb the other.
local disk = require "spec.support.disk"
local faults = require "spec.support.faults"
local files = require "spec.support.files"
local process = require "spec.support.process"

-- Only LuaJIT can call fork, by its FFI, and forks do not depend on the Lua.
if process.abi ~= "luajit" then return end

local ffi = require "ffi"

-- _Fork runs no atfork handlers; glibc has it since 2.34.
ffi.cdef "int _Fork(void);"
local BARE_FORK = pcall(function() return ffi.C._Fork end) and "_Fork" or "fork"

-- How each script begins: with fork and waitpid, and a client of the server.
local CHILD = [[
local ffi = require "ffi"
local core = require "connectparticipant.core"
ffi.cdef "int fork(void); int _Fork(void); int waitpid(int, int *, int); void _exit(int);"
local url, path = ...
local lab = require("spec.support.transfers").new()
lab.server, lab.settings = { url = url }, core.settings { endpoint = url, stall_timeout = 5 }
local engine, get, finish = lab.begin(), lab.get, lab.finish

local function run(fork, child, parent)
  local pid = ffi.C[fork]()
  if pid == 0 then
    local ok, problem = pcall(child)
    if not ok then io.stderr:write("child: ", tostring(problem), "\n") end
    ffi.C._exit(ok and 0 or 1)
  end
  local status = ffi.new "int[1]"
  assert(ffi.C.waitpid(pid, status, 0) == pid)
  assert(status[0] == 0, "the child failed")
  parent()
end
]]

local server, directory
setup(function() server, directory = faults.start(), files.new() end)
teardown(function()
  server:stop()
  directory:remove()
end)

local function run(script, env)
  local result = disk.run(CHILD:gsub("%.%.%.", ("%q, %q"):format(server.url,
    directory:path "kept")) .. script, env)
  assert.equal("", result.stderr)
  assert.equal(0, result.status)
end

describe("after a fork", function()
  for _, fork in ipairs(BARE_FORK == "fork" and { "fork" } or { "fork", BARE_FORK }) do
    it("the child has connections of its own, and the parent keeps its own: " .. fork, function()
      server:script { {}, {}, {} }
      run(([[
        assert(finish(get {}))
        local old = engine:pollfd()
        run(%q, function()
          local exchange = get {}
          assert(finish(exchange))
          assert(not exchange:info().reused)
          engine:close()
        end, function()
          local exchange = get {}
          assert(finish(exchange))
          assert(exchange:info().reused)
          assert(engine:pollfd() == old)
        end)
      ]]):format(fork))
      assert.equal(2, server:seen().connections)
    end)
  end

  it("the child has random numbers of its own", function()
    run(([[
      core.uuid()
      local pipe = ffi.new "int[2]"
      ffi.cdef "int pipe(int *); long read(int, void *, size_t); long write(int, void *, size_t);"
      ffi.C.pipe(pipe)
      run(%q, function()
        ffi.C.write(pipe[1], ffi.cast("void *", core.uuid()), 36)
      end, function()
        local theirs = ffi.new "char[36]"
        assert(ffi.C.read(pipe[0], theirs, 36) == 36)
        assert(ffi.string(theirs, 36) ~= core.uuid())
      end)
    ]]):format(BARE_FORK))
  end)

  it("exchanges in flight fail in the child, and go on in the parent", function()
    server:script { { body = ("x"):rep(20), drip = 0.01 } }
    run [[
      local sink = assert(core.open_sink(path))
      local exchange = get { sink = sink }
      repeat
        engine:wait(1)
        engine:step()
      until select(2, exchange:progress()) > 0
      run("fork", function()
        engine:step()
        local result, err = finish(exchange)
        assert(not result and err.code == "FORKED", tostring(err))
        exchange, sink, engine, lab.engine = nil, nil, nil, nil
        collectgarbage()
        collectgarbage()
      end, function()
        local result = assert(finish(exchange))
        assert(result.size == 20)
        assert(require "spec.support.files".commit(sink))
      end)
    ]]
    assert.equal(("x"):rep(20), directory.read(directory:path "kept"))
  end)

  it("a download to a file stays the parent's, and the child may write other files", function()
    for _, lacking in ipairs { "", "unnamed" } do
      server:script { { size = 3000000 }, { body = "mine" } }
      run([[
        local files = require "spec.support.files"
        local sink = assert(core.open_sink(path))
        local exchange = get { sink = sink }
        while sink:size() < 400000 do
          engine:step()
          engine:wait(1)
        end
        run("fork", function()
          assert(select(2, sink:restart()).code == "FORKED")
          assert(select(2, sink:commit()).code == "FORKED")
          sink:discard()
          local own = assert(core.open_sink(path .. ".child"))
          assert(finish(get { sink = own }))
          assert(files.commit(own))
          exchange, sink, own, engine, lab.engine = nil, nil, nil, nil, nil
          collectgarbage()
          collectgarbage()
        end, function()
          assert(finish(exchange).size == 3000000)
          assert(files.commit(sink))
        end)
      ]], { DISK_FAULTS = lacking })
      assert.is_true(directory.read(directory:path "kept")
        == ("0123456789abcdef"):rep(3000000 / 16))
      assert.equal("mine", directory.read(directory:path "kept.child"))
      assert.equal("kept\nkept.child\n",
        process.run({ "ls", "-A", directory.directory }).stdout)
      os.remove(directory:path "kept.child")
    end
  end)
end)
