-- A sink on file systems that lack features, in processes that are killed, and on pipes that nobody
-- reads.
local disk = require "spec.support.disk"
local faults = require "spec.support.faults"
local files = require "spec.support.files"
local process = require "spec.support.process"

local MIB = 1024 * 1024

local directory
setup(function() directory = files.new() end)
teardown(function() directory:remove() end)

local function run(...)
  local result = process.run { ... }
  assert.equal(0, result.status, result.stderr)
  return (result.stdout:gsub("\n$", ""))
end

local function listing()
  return run("ls", "-A", directory.directory)
end

describe("a sink of a path", function()
  local server
  setup(function() server = faults.start() end)
  teardown(function() server:stop() end)
  before_each(function()
    directory:remove()
    directory = files.new()
  end)

  -- The program that writes ten bytes to a sink, and prints the outcome.
  local function program(path, before)
    return ([[
      local core = require "connectparticipant.core"
      local engine, sink = core.engine(), assert(core.open_sink(%q))
      local exchange = assert(engine:transfer { method = "GET", url = %q, sink = sink,
        settings = core.settings { endpoint = %q } })
      while exchange:state() ~= "done" do
        engine:step()
        engine:wait(1)
      end
      assert(exchange:result())
      %s
      local ok, err = require "spec.support.files".commit(sink)
      io.write(tostring(ok), " ", err and err.kind .. " " .. err.code .. ": " .. err.message or "")
    ]]):format(path, server.url .. "/key", server.url, before or "")
  end

  local function get(faults_of_disk, path, before)
    server:script { { body = "0123456789" } }
    local result = disk.run(program(path, before), { DISK_FAULTS = faults_of_disk })
    assert.equal(0, result.status, result.stderr)
    return result.stdout
  end

  it("needs no files without names, and no /proc", function()
    for _, lacking in ipairs { "unnamed", "proc" } do
      local path = directory:write("file", "precious")
      assert.equal("true ", get(lacking, path, ([[
        assert(io.popen("ls -A %s"):read "*a":find "%%.part\n")
      ]]):format(directory.directory)))
      assert.equal("0123456789", files.read(path))
      assert.equal("file", listing())
      assert.equal("true ", get(lacking, directory:path "new"))
      assert.equal("file\nnew", listing())
      os.remove(directory:path "new")
    end
  end)

  it("leaves nothing, and what was there, when its process is killed", function()
    local path = directory:write("file", "precious")
    server:script { { body = "0123456789" } }
    local result = disk.run(program(path, [[os.execute("kill -9 " .. core.pid())]]))
    assert.not_equal(0, result.status)
    assert.equal("precious", files.read(path))
    -- Only Linux has files without a name: elsewhere a killed process leaves its temporary file.
    local left = listing()
    if process.portable then left = left:gsub("^%.connectparticipant%-[%x-]+%.part\n", "") end
    assert.equal("file", left)
  end)

  it("is not committed when its bytes cannot be brought to disk", function()
    for _, more in ipairs { "", " unnamed" } do
      local path = directory:write("file", "precious")
      assert.truthy(get("file" .. more, path):find "^nil sink EIO: cannot bring to disk")
      assert.equal("precious", files.read(path))
      assert.equal("file", listing())
    end
  end)

  it("is written to a new temporary file, never to one that somebody has put there", function()
    local path, victim = directory:write("file", "precious"), directory:write("victim", "theirs")
    local aside = directory:path ".connectparticipant-00000000-0000-4000-8000-000000000000.part"
    local code = ([[local core = require "connectparticipant.core"
      io.write(select(2, core.open_sink(%q)).code)]]):format(path)
    local function refused(faults_of_disk)
      local result = disk.run(code, { DISK_FAULTS = faults_of_disk })
      return result.stdout ~= "" and result.stdout or result.stderr
    end
    directory:write(aside:match "[^/]+$", "another's")
    assert.equal("EEXIST", refused "unnamed random")
    assert.equal("another's", files.read(aside))
    os.remove(aside)
    run("ln", "-s", victim, aside)
    assert.equal("EEXIST", refused "unnamed random")
    -- A network file system may not support O_EXCL.
    assert.equal("ELOOP", refused "unnamed random inclusive")
    assert.equal("theirs", files.read(victim))
    assert.equal("precious", files.read(path))
  end)

  local function get_large(faults_of_disk, log)
    server:script { { size = 20 * MIB } }
    local text = program(directory:path "file"):gsub("assert%(exchange:result%(%)%)", [[
      local _, problem = exchange:result()
      if problem then io.write(problem.code, ": ") end]])
    local result = disk.run(text, { DISK_FAULTS = faults_of_disk, DISK_LOG = log })
    return result.stdout ~= "" and result.stdout or result.stderr
  end

  it("is brought to disk while it is being received", function()
    for _, faults_of_disk in ipairs { "", "old" } do
      local log, pieces = directory:path "log", {}
      assert.equal("true ", get_large(faults_of_disk, log))
      assert.equal(20 * MIB, #files.read(directory:path "file"))
      for piece in files.read(log):gmatch "[^\n]+" do pieces[#pieces + 1] = piece end
      -- The last two are the file's and the directory's fsync.
      local expected = { "range 0 8388608", "range 8388608 8388608", "fsync 0 0", "fsync 0 0" }
      if process.portable then expected = { "fsync 0 0", "fsync 0 0" } end
      assert.same(expected, pieces)
      os.remove(log)
    end
  end)

  it("has failed when its first bytes could not be brought to disk", function()
    -- Elsewhere than on Linux only fsync brings them there.
    local fault = process.portable and "file" or "range"
    local path = directory:write("file", "precious")
    assert.truthy(get_large(fault):find "nil sink EIO: cannot bring to disk")
    assert.equal("precious", files.read(path))
    assert.equal("file", listing())
  end)

  it("is never readable by others where the file that it replaces is not", function()
    for _, more in ipairs { "", " unnamed" } do
      local path = directory:write("private", "precious")
      run("chmod", "600", path)
      assert.equal("true ", get("chmod" .. more, path))
      assert.equal("600", run("stat", "-c", "%a", path))
    end
  end)

  it("that is in place is not said to have failed as if it were not", function()
    local path = directory:write("file", "precious")
    assert.truthy(get("directory", path)
      :find "^nil sink EIO: the download is complete and has its name, but a power failure may")
    assert.equal("0123456789", files.read(path))
    assert.equal("file", listing())
  end)

  it("needs no right to list its directory", function()
    local path = directory:path "file"
    run("chmod", "333", directory.directory)
    server:script { { body = "0123456789" } }
    local words = { process.lua, "-e", program(path) }
    if run("id", "-u") == "0" then
      words = { "setpriv", "--bounding-set=-dac_override,-dac_read_search", process.lua, "-e",
        program(path) }
    end
    local result = process.run(words)
    run("chmod", "700", directory.directory)
    assert.equal("true ", result.stdout, result.stderr)
    assert.equal("0123456789", files.read(path))
    assert.equal("file", listing())
  end)

  it("takes no number that the program's standard files had", function()
    local path = directory:path "file"
    server:script { { body = "0123456789" } }
    local result = process.run { "sh", "-c", [[exec "$0" -e "$1" >&-]], process.lua,
      program(path, [[print(("noise"):rep(100)) io.stdout:flush()]]) }
    assert.equal(0, result.status, result.stderr)
    assert.equal("0123456789", files.read(path))
  end)

  it("ends with an error, and not the program, at a limit for the size of files", function()
    server:script { { size = 100000 } }
    local result = process.run { "sh", "-c",
      [[ulimit -f 8; exec env --default-signal=XFSZ "$0" -e "$1"]], process.lua,
      (program(directory:path "file"):gsub("assert%(exchange:result%(%)%)", [[
        local _, problem = exchange:result()
        if problem then print(problem.kind, problem.code) end]])) }
    assert.equal(0, result.status, result.stderr)
    assert.truthy(result.stdout:find "sink%s+EFBIG", result.stdout)
    assert.equal("", listing())
  end)

  it("ends so, too, where the caller waits for the disk itself", function()
    server:script { { size = 100000 } }
    local text = program(directory:path "file"):gsub("local ok, err = .-%(sink%)",
      "local ok, err = sink:commit(true)")
    local result = process.run { "sh", "-c",
      [[ulimit -f 8; exec env --default-signal=XFSZ "$0" -e "$1"]], process.lua, text }
    assert.equal(0, result.status, result.stderr)
    assert.truthy(result.stdout:find "^nil sink EFBIG", result.stdout)
    assert.equal("", listing())
  end)

  it("ends with an error, and not the program, in a pipe that nobody reads", function()
    server:script { { body = "0123456789" } }
    local text = program("", [[]]):gsub("core%.open_sink%(\"\"%)", [[core.file_sink((function()
        local pipe = io.popen("exec <&-; echo >&2", "w")
        core.sleep(0.2)
        return pipe
      end)())]]):gsub("assert%(exchange:result%(%)%)", [[
        local _, problem = exchange:result()
        if problem then print(problem.kind, problem.code) end]])
    local result = process.run { "env", "--default-signal=PIPE", process.lua, "-e", text }
    assert.equal(0, result.status, result.stderr)
    assert.truthy(result.stdout:find "sink%s+EPIPE", result.stdout)
  end)
end)
