-- A caller's files: sources that must not change while they are read, and sinks that are complete
-- or do not exist.
local core = require "connectparticipant.core"
local faults = require "spec.support.faults"
local files = require "spec.support.files"
local process = require "spec.support.process"

local directory
setup(function() directory = files.new() end)
teardown(function() directory:remove() end)

local function failed(result, err, kind, code)
  assert.is_nil(result)
  assert.equal(kind, err.kind, tostring(err))
  assert.equal(code, err.code, tostring(err))
  assert.is_false(err.retryable)
end

local function run(...)
  local result = process.run { ... }
  assert.equal(0, result.status, result.stderr)
  return (result.stdout:gsub("\n$", ""))
end

local function listing()
  return run("ls", "-A", directory.directory)
end

describe("a source", function()
  it("is a file with a size", function()
    local path = directory:write("source", "0123456789")
    local source = assert(core.open_source(path))
    assert.equal(10, source:size())
    assert.equal("connectparticipant.source", tostring(source))
    source:close()
    source:close()
    assert.equal("connectparticipant.source (closed)", tostring(source))
    assert.has_error(function() source:size() end)
    run("ln", "-s", path, directory:path "link")
    assert.equal(10, assert(core.open_source(directory:path "link")):size())
  end)

  it("has its size as a whole number", function()
    local source = core.open_source(directory:write("whole", ("x"):rep(1234567)))
    assert.equal("1234567", tostring(source:size()))
  end)

  it("that is not a file is reported by the system's name for the error", function()
    run("mkfifo", directory:path "fifo")
    run("ln", "-s", directory:path "loop", directory:path "loop")
    for path, code in pairs { [directory:path "none"] = "ENOENT", [""] = "ENOENT",
      [directory.directory] = "EISDIR", [directory:path "fifo"] = "NotAFile",
      ["/dev/null"] = "NotAFile", [directory:path "loop"] = "ELOOP",
      [directory:write("file", "x") .. "/x"] = "ENOTDIR",
      [directory:path(("x"):rep(300))] = "ENAMETOOLONG", ["a\0b"] = "EINVAL" } do
      failed(core.open_source(path), select(2, core.open_source(path)), "source", code)
    end
  end)

  it("that is empty breaks AWS's minimum of one byte", function()
    local path = directory:write("empty", "")
    failed(nil, select(2, core.open_source(path)), "validation", "ParamValidationError")
  end)

  it("of a handle begins where that stands, and leaves it alone", function()
    local path = directory:write("handle", "0123456789")
    local file = assert(io.open(path, "rb"))
    assert.equal("012", file:read(3))
    local source = assert(core.file_source(file))
    assert.equal(7, source:size())
    source:close()
    assert.equal("3456789", file:read "*a")
    failed(nil, select(2, core.file_source(file)), "validation", "ParamValidationError")
    file:close()
    assert.has_error(function() core.file_source(file) end)
    assert.has_error(function() core.file_source(path) end)
  end)

  it("of a pipe has no size", function()
    local pipe = io.popen("cat", "w")
    failed(nil, select(2, core.file_source(pipe)), "source", "NotAFile")
    pipe:close()
  end)
end)

describe("a source that is sent", function()
  local server, settings, engine
  setup(function()
    server = faults.start()
    settings = core.settings { endpoint = server.url, stall_timeout = 5 }
  end)
  teardown(function() server:stop() end)
  before_each(function() engine = core.engine() end)
  after_each(function() engine:close() end)

  local SIZE = 3000000

  local function send(source, meanwhile)
    server:script { {} }
    local exchange = assert(engine:transfer { method = "PUT", url = server.url .. "/key",
      source = source, settings = settings })
    if meanwhile then meanwhile() end
    while exchange:state() ~= "done" do
      engine:step()
      engine:wait(1)
    end
    return exchange:result()
  end

  -- A file with an old mtime, so that every change in a spec gives it another one.
  local function old(name)
    local path = directory:write(name, ("0123456789"):rep(SIZE / 10))
    run("touch", "-d", "2020-01-01", path)
    return path
  end

  it("is the file's bytes, from the first to the last", function()
    local handle = assert(io.open(old "whole.bin", "rb"))
    handle:seek("set", 5)
    assert(send(assert(core.file_source(handle))))
    handle:close()
    local put = server:seen().requests[1]
    assert.equal(SIZE - 5, put.received)
    assert.equal("56789", put.body:sub(1, 5))
  end)

  it("outlives its handle and its name", function()
    local path = old "gone.bin"
    local handle = assert(io.open(path, "rb"))
    local source = assert(core.file_source(handle))
    assert(send(source, function()
      handle:close()
      os.remove(path)
    end))
    assert.equal(SIZE, server:seen().requests[1].received)
  end)

  it("is never whole to the store when the file has changed", function()
    local changes = {
      function(path)
        local file = io.open(path, "ab")
        file:write "more"
        file:close()
      end,
      function(path) directory:write(path:match "[^/]*$", "short") end,
      function(path) directory:write(path:match "[^/]*$", "") end,
      function(path)
        local file = io.open(path, "r+b")
        file:write "X"
        file:close()
      end,
      -- Neither its size nor its mtime shows the change.
      function(path)
        local file = io.open(path, "r+b")
        file:write "X"
        file:close()
        run("touch", "-d", "2020-01-01", path)
      end,
    }
    for _, change in ipairs(changes) do
      local path = old "changed.bin"
      local result, err = send(assert(core.open_source(path)), function() change(path) end)
      failed(result, err, "source", "SourceChanged")
      assert.is_nil(server:seen().requests[1].complete)
    end
  end)

  it("fails when it is closed meanwhile", function()
    local source = assert(core.open_source(old "closed.bin"))
    local result, err = send(source, function() source:close() end)
    failed(result, err, "source", "EBADF")
    assert.has_error(function() send(source) end)
  end)
end)

describe("a sink", function()
  local server, settings, engine
  setup(function()
    server = faults.start()
    settings = core.settings { endpoint = server.url, stall_timeout = 5 }
    engine = core.engine()
  end)
  teardown(function()
    engine:close()
    server:stop()
  end)
  before_each(function()
    directory:remove()
    directory = files.new()
  end)

  local TEN = "0123456789"

  -- Downloads ten bytes into it.
  local function fill(sink)
    server:script { { body = TEN } }
    local exchange = assert(engine:transfer { method = "GET", url = server.url .. "/key",
      sink = sink, settings = settings })
    while exchange:state() ~= "done" do
      engine:step()
      engine:wait(1)
    end
    assert(exchange:result())
  end

  it("is another file until it is committed", function()
    local path = directory:write("file", "precious")
    local sink = assert(core.open_sink(path))
    fill(sink)
    assert.equal(10, sink:size())
    assert.equal("precious", files.read(path))
    assert.is_true(files.commit(sink))
    assert.equal(TEN, files.read(path))
    assert.equal("file", listing())
    assert.equal("connectparticipant.sink (closed)", tostring(sink))
    assert.has_error(function() sink:commit() end)
    assert.has_error(function() sink:size() end)
  end)

  it("leaves nothing when it is discarded, or forgotten", function()
    local sink = assert(core.open_sink(directory:path "discarded"))
    fill(sink)
    sink:discard()
    sink:discard()
    assert.equal("", listing())
    fill(assert(core.open_sink(directory:path "forgotten")))
    collectgarbage()
    collectgarbage()
    assert.equal("", listing())
  end)

  it("can begin again", function()
    local sink = assert(core.open_sink(directory:path "again"))
    fill(sink)
    assert.is_true(sink:restart())
    assert.equal(0, sink:size())
    fill(sink)
    assert.is_true(files.commit(sink))
    assert.equal(TEN, files.read(directory:path "again"))
  end)

  it("has the mode of the file that it replaces, and otherwise what the umask leaves", function()
    local path = directory:write("mode", "x")
    run("chmod", "600", path)
    local sink = assert(core.open_sink(path))
    assert.equal("600", run("sh", "-c", ([[for file in /proc/%d/fd/*; do
      case $(readlink "$file") in %s/*) stat -L -c %%a "$file"; esac; done]])
      :format(core.pid(), directory.directory)))
    files.commit(sink)
    assert.equal("600", run("stat", "-c", "%a", path))
    run("chmod", "664", path)
    files.commit(core.open_sink(path))
    assert.equal("664", run("stat", "-c", "%a", path))

    local usual = run("stat", "-c", "%a", directory:write("usual", "x"))
    files.commit(core.open_sink(directory:path "new"))
    assert.equal(usual, run("stat", "-c", "%a", directory:path "new"))
  end)

  it("writes what a symbolic link points to", function()
    local path = directory:write("target", "x")
    run("ln", "-s", path, directory:path "link")
    local sink = assert(core.open_sink(directory:path "link"))
    fill(sink)
    assert.is_true(files.commit(sink))
    assert.equal(TEN, files.read(path))
    assert.equal(path, run("readlink", directory:path "link"))
  end)

  it("makes what a dangling symbolic link points to", function()
    run("mkdir", directory:path "below")
    for link, target in pairs { absolute = directory:path "below/one", relative = "below/two" } do
      run("ln", "-s", target, directory:path(link))
      run("ln", "-s", link, directory:path(link .. "-too"))
      local sink = assert(core.open_sink(directory:path(link .. "-too")))
      fill(sink)
      assert.is_true(files.commit(sink))
      assert.equal(TEN, files.read(directory:path(link)))
      assert.equal(target, run("readlink", directory:path(link)))
    end
  end)

  it("takes the longest name there is", function()
    local path = directory:path(("x"):rep(255))
    assert.is_true(files.commit(core.open_sink(path)))
    assert.equal("", files.read(path))
  end)

  it("that cannot be opened is reported before anything is sent", function()
    local file = directory:write("file", "x")
    run("mkfifo", directory:path "fifo")
    run("ln", "-s", directory:path "loop", directory:path "loop")
    run("ln", "-s", directory:path "none/deep", directory:path "nowhere")
    for path, code in pairs { [directory.directory] = "EISDIR", ["/dev/full"] = "NotAFile",
      [directory:path "none/file"] = "ENOENT", [file .. "/x"] = "ENOTDIR", [""] = "ENOENT",
      ["a\0b"] = "EINVAL", [directory:path "none/"] = "EISDIR", [file .. "/"] = "ENOTDIR",
      [directory.directory .. "/."] = "EISDIR", [directory:path "fifo"] = "NotAFile",
      [directory:path "loop"] = "ELOOP", [directory:path "nowhere"] = "ENOENT",
      [directory:path(("x"):rep(256))] = "ENAMETOOLONG" } do
      failed(nil, select(2, core.open_sink(path)), "sink", code)
    end
    assert.equal("fifo\nfile\nloop\nnowhere", listing())
  end)

  it("whose directory has gone is not committed", function()
    run("mkdir", directory:path "gone")
    local sink = assert(core.open_sink(directory:path "gone/file"))
    run("rm", "-r", directory:path "gone")
    failed(nil, select(2, files.commit(sink)), "sink", "ENOENT")
    assert.truthy(tostring(sink):find "%(closed%)")
  end)

  it("of a handle that only reads is refused", function()
    local file = assert(io.open(directory:write("read", "x"), "rb"))
    failed(nil, select(2, core.file_sink(file)), "sink", "EBADF")
    file:close()
  end)

  it("of a pipe cannot begin again", function()
    local path = directory:path "piped"
    local pipe = io.popen("cat >" .. process.quote(path), "w")
    local sink = assert(core.file_sink(pipe))
    assert.is_true(sink:restart())
    fill(sink)
    failed(nil, select(2, sink:restart()), "sink", "ESPIPE")
    assert.is_true(files.commit(sink))
    pipe:close()
    assert.equal(TEN, files.read(path))
  end)
end)
