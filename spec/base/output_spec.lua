-- What a caller's file handle keeps while a download is written to it, whatever its mode.
local core = require "connectparticipant.core"
local process = require "spec.support.process"
local transfers = require "spec.support.transfers"

local lab = transfers.new()
local server, directory, path
setup(function() server, directory = lab.open() end)
teardown(function() lab.close() end)
before_each(function()
  lab.begin()
  path = directory:write("file", "the old bytes, of which none is lost")
end)
after_each(function()
  lab.engine:close()
  os.remove(path)
end)

local OLD, TEN = "the old bytes, of which none is lost", "0123456789"

-- Exactly the number of bytes that wakes the thread, so that it writes all of them at once: of
-- more, it might write the rest later, or leave it to the commit.
local MANY = TEN:rep(13108):sub(1, 131072)

-- Downloads the bytes into the sink.
local function fill(sink, bytes)
  server:script { { body = bytes } }
  return lab.finish(lab.get { sink = sink })
end

-- Downloads many, and waits until they are in the file.
local function fill_with_many(sink)
  assert(fill(sink, MANY))
  local due = core.now() + 10
  local moved
  repeat
    moved = select(2, sink:finished(0.001)) -- bytes that completed writes have written
  until moved == #MANY or core.now() > due
  assert.equal(#MANY, moved)
  return directory.read(path)
end

local function bytes_of(name)
  return directory.read(name)
end

-- Appends to the file, as another program would.
local function append(text)
  local stranger = assert(io.open(path, "ab"))
  stranger:write(text)
  stranger:close()
end

local function refused(result, err, code)
  assert.is_nil(result)
  assert.equal("sink", err.kind, tostring(err))
  assert.equal(code, err.code, tostring(err))
  assert.is_false(err.retryable)
end

-- Every mode of opening a file for writing, the handle's position, and the contents expected in the
-- end.
local WAYS = {
  { mode = "w", expected = TEN },
  { mode = "w+", expected = TEN },
  { mode = "w", first = "head:", expected = "head:" .. TEN },
  { mode = "r+", expected = TEN .. OLD:sub(11) },
  { mode = "r+", at = 4, expected = OLD:sub(1, 4) .. TEN .. OLD:sub(15) },
  { mode = "r+", at = #OLD - 5, expected = OLD:sub(1, -6) .. TEN },
  { mode = "r+", at = #OLD, expected = OLD .. TEN },
  { mode = "r+", at = #OLD + 2, expected = OLD .. "\0\0" .. TEN },
  { mode = "r+", first = "THE", expected = "THE" .. TEN .. OLD:sub(14) },
  { mode = "r+", read = 3, expected = OLD:sub(1, 3) .. TEN .. OLD:sub(14) },
  { mode = "a", expected = OLD .. TEN },
  { mode = "a+", expected = OLD .. TEN },
  { mode = "a+", at = 0, expected = OLD .. TEN },
  { mode = "a+", read = 5, expected = OLD .. TEN },
  { mode = "a", first = "head:", expected = OLD .. "head:" .. TEN },
}

local function open(way)
  local file = assert(io.open(path, way.mode))
  if way.at then file:seek("set", way.at) end
  if way.read then file:read(way.read) end
  if way.first then file:write(way.first) end
  return file
end

describe("a file handle", function()
  for _, way in ipairs(WAYS) do
    local name = ("in mode %s%s%s%s"):format(way.mode, way.at and (" at %d"):format(way.at) or "",
      way.read and " after a read" or "", way.first and " after a write" or "")

    it(name .. " gets the bytes at its position, and is positioned after them", function()
      local file = open(way)
      local sink = assert(core.file_sink(file))
      assert(fill(sink, TEN))
      assert.is_true(directory.commit(sink))
      assert.equal(way.expected, bytes_of(path))
      if way.mode:sub(1, 1) ~= "a" then
        assert.equal(way.expected:find(TEN, 1, true) + 9, file:seek())
      end
      file:write "|"
      file:close()
      assert.truthy(bytes_of(path):find(TEN .. "|", 1, true))
    end)

    it(name .. " is as before once the download begins again", function()
      local file = open(way)
      local sink = assert(core.file_sink(file))
      fill_with_many(sink)
      assert.is_true(sink:restart())
      assert.equal(0, sink:size())
      assert(fill(sink, "0123"))
      assert.is_true(sink:restart())
      assert(fill(sink, MANY))
      assert.is_true(directory.commit(sink))
      file:close()
      local at = way.expected:find(TEN, 1, true)
      assert.is_true(bytes_of(path) == way.expected:sub(1, at - 1) .. MANY)
    end)
  end

  it("takes back what it appended, and nothing else", function()
    for _, mode in ipairs { "a", "a+", "r+" } do
      directory:write("file", OLD)
      local file = assert(io.open(path, mode))
      file:seek "end"
      local sink = assert(core.file_sink(file))
      fill_with_many(sink)
      assert.is_true(sink:restart())
      assert.is_true(directory.commit(sink))
      file:close()
      assert.equal(OLD, bytes_of(path))
    end
  end)

  it("that another program has appended to never loses a byte of that", function()
    for _, mode in ipairs { "a", "a+", "r+" } do
      directory:write("file", OLD)
      local file = assert(io.open(path, mode))
      file:seek "end"
      local sink = assert(core.file_sink(file))
      local before = fill_with_many(sink)
      append "stranger"
      sink:restart()
      fill(sink, MANY)
      local done, err = directory.commit(sink)
      refused(done, err, "SinkChanged")
      file:close()
      assert.is_true(bytes_of(path) == before .. "stranger")
    end
  end)

  it("does not join a download around what another program has written", function()
    for _, mode in ipairs { "a", "r+" } do
      directory:write("file", OLD)
      local file = assert(io.open(path, mode))
      file:seek "end"
      local sink = assert(core.file_sink(file))
      local before = fill_with_many(sink)
      append "stranger"
      fill(sink, MANY)
      local done, err = directory.commit(sink)
      refused(done, err, "SinkChanged")
      file:close()
      assert.is_true(bytes_of(path) == before .. "stranger")
    end
  end)

  it("may grow after a complete download", function()
    local file = assert(io.open(path, "a"))
    local sink = assert(core.file_sink(file))
    fill_with_many(sink)
    append "stranger"
    assert.is_true(directory.commit(sink))
    file:close()
    assert.is_true(bytes_of(path) == OLD .. MANY .. "stranger")
  end)

  it("is read by its owner meanwhile where it only appends", function()
    local file = assert(io.open(path, "a+"))
    local sink = assert(core.file_sink(file))
    fill_with_many(sink)
    file:seek("set", 0)
    assert.equal("the old", file:read(7))
    assert(fill(sink, MANY))
    assert.is_true(directory.commit(sink))
    file:close()
    assert.is_true(bytes_of(path) == OLD .. MANY .. MANY)
  end)

  it("that something else truncates or moves makes the download fail", function()
    local function cut() io.open(path, "w"):close() end
    local function move(file) file:seek("set", 0) end
    for _, disturb in ipairs { cut, move } do
      for _, again in ipairs { true, false } do
        directory:write("file", OLD)
        local file = assert(io.open(path, "r+"))
        file:seek "end"
        local sink = assert(core.file_sink(file))
        fill_with_many(sink)
        disturb(file)
        local before = bytes_of(path)
        if again then sink:restart() end
        local done, err = directory.commit(sink)
        refused(done, err, "SinkChanged")
        assert.is_true(bytes_of(path) == before)
        file:close()
      end
    end
  end)

  it("that other programs share goes on where they stopped, and they where it does", function()
    local script = ([[
      local core = require "connectparticipant.core"
      local engine, sink = core.engine(), assert(core.file_sink(io.stdout))
      local exchange = assert(engine:transfer { method = "GET", url = %q, sink = sink,
        settings = core.settings { endpoint = %q } })
      while exchange:state() ~= "done" do
        engine:step()
        engine:wait(1)
      end
      assert(exchange:result())
      assert(require "spec.support.files".commit(sink))
    ]]):format(server.url .. "/key", server.url)
    for _, redirection in ipairs { ">", ">>" } do
      directory:write("file", OLD)
      server:script { { body = TEN } }
      local line = [[{ printf head:; "$1" -e "$2"; printf :tail; } ]] .. redirection .. [["$3"]]
      local result = process.run { "sh", "-c", line, "sh", process.lua, script, path }
      assert.equal(0, result.status, result.stderr)
      assert.equal((redirection == ">" and "" or OLD) .. "head:" .. TEN .. ":tail", bytes_of(path))
    end
  end)
end)
