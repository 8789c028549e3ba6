-- download_attachment against stores that misbehave: whole, or not at all.
local faults = require "spec.support.faults"
local files = require "spec.support.files"
local participant = require "connectparticipant"
local process = require "spec.support.process"

local read = files.read
local server, client, place, directory
setup(function()
  server = faults.start()
  place = files.new()
  directory = place.directory
end)
teardown(function()
  server:stop()
  place:remove()
end)
before_each(function()
  client = participant.new { endpoint = server.url, connect_timeout = 5, stall_timeout = 5 }
end)
after_each(function() client:close() end)

local SIZE = 500000
local WHOLE = ("0123456789abcdef"):rep(SIZE / 16)

local function download(sink)
  local params = { ConnectionToken = "secret-connection-token", AttachmentId = "attachment-1" }
  for name, value in pairs(sink or {}) do params[name] = value end
  return client:download_attachment(params)
end

local function listed()
  return process.run { "ls", "-A", directory }.stdout
end

local function failed(result, err, expected)
  assert.is_nil(result)
  for name, value in pairs(expected) do
    assert.equal(value, err[name], name .. ": " .. tostring(err))
  end
  assert.equal("attachment-1", err.attachment_id)
  assert.is_nil(tostring(err):find("0123abcd", 1, true))
end

describe("a download", function()
  it("comes into a string", function()
    server:script { faults.got(SIZE), { size = SIZE, headers = { { "Content-Type", "text/x" } } } }
    local attachment, err = download()
    assert.is_nil(err)
    assert.is_true(attachment.body == WHOLE)
    assert.equal(SIZE, attachment.AttachmentSizeInBytes)
    assert.equal("text/x", attachment.ContentType)
  end)

  it("comes into a path, and is nothing else there", function()
    local path = directory .. "/file.bin"
    server:script { faults.got(SIZE), { size = SIZE } }
    local attachment = assert(download { path = path })
    assert.equal(path, attachment.path)
    assert.is_true(read(path) == WHOLE)
    assert.equal("file.bin\n", listed())
    os.remove(path)
  end)

  it("comes into a function, piece by piece, and into a handle", function()
    local pieces = {}
    server:script { faults.got(SIZE), { size = SIZE } }
    assert(download { write = function(piece) pieces[#pieces + 1] = piece end })
    assert.is_true(table.concat(pieces) == WHOLE)
    local path = directory .. "/handle"
    local file = assert(io.open(path, "wb"))
    file:write "head:"
    server:script { faults.got(SIZE), { size = SIZE } }
    assert(download { file = file })
    file:close()
    assert.is_true(read(path) == "head:" .. WHOLE)
    os.remove(path)
  end)

  it("sends neither token nor SDK headers to the store", function()
    server:script { faults.got(5), { size = 5 } }
    assert(download())
    local get = server:seen().requests[2]
    assert.equal("GET", get.method)
    for _, name in ipairs { "x-amz-bearer", "amz-sdk-request", "range" } do
      assert.is_nil(get.headers[name], name)
    end
  end)
end)

describe("a download that breaks off", function()
  it("goes on where it was, into every sink", function()
    for _, sink in ipairs { "path", "write", "body" } do
      local pieces, path = {}, directory .. "/resumed"
      server:script { faults.got(SIZE), { size = SIZE, reset = "response", after = 200000,
        headers = { { "ETag", '"abc"' } } }, { size = SIZE, range = true } }
      local given = { write = { write = function(piece) pieces[#pieces + 1] = piece end },
        path = { path = path }, body = {} }
      local attachment, err = download(given[sink])
      assert.is_nil(err)
      local got = attachment.body or read(path) or table.concat(pieces)
      assert.is_true(got == WHOLE, sink)
      os.remove(path)
      local again = server:seen().requests[3]
      assert.truthy(again.headers.range:match("^bytes=%d+%-$"))
      assert.equal('"abc"', again.headers["if-match"])
    end
  end)

  it("is never completed with the bytes of another object", function()
    local path = directory .. "/mixed"
    local first = { size = SIZE, reset = "response", after = 200000,
      headers = { { "ETag", '"one"' } } }
    for _, second in ipairs {
      { size = SIZE, range = true, headers = { { "ETag", '"two"' } } },
      { size = SIZE + 5000, length = SIZE, range = true },
    } do
      server:script { faults.got(SIZE), first, second }
      local result, err = download { path = path }
      failed(result, err, { kind = "protocol", code = "ObjectChanged", step = "get" })
      assert.is_nil(io.open(path))
    end
  end)

  it("begins again where the store ignores ranges", function()
    local path = directory .. "/again"
    for _, sink in ipairs { { path = path }, {} } do
      server:script { faults.got(SIZE), { size = SIZE, reset = "response", after = 200000 },
        { size = SIZE }, { size = SIZE } }
      local attachment, err = download(sink)
      assert.is_nil(err)
      assert.is_true((attachment.body or read(path)) == WHOLE)
    end
    os.remove(path)
  end)

  it("never gives a function the same bytes twice", function()
    local count = 0
    server:script { faults.got(SIZE), { size = SIZE, reset = "response", after = 200000 },
      { size = SIZE } }
    local result, err = download { write = function(piece) count = count + #piece end }
    failed(result, err, { step = "get" })
    assert.truthy(count < SIZE)
  end)
end)

describe("a download that is not what was promised", function()
  it("is a protocol error, and leaves no file", function()
    for _, answer in ipairs { { size = SIZE - 1 }, { size = SIZE + 1 }, { size = 0 } } do
      for _, sink in ipairs { { path = directory .. "/wrong" }, {} } do
        server:script { faults.got(SIZE), answer }
        local result, err = download(sink)
        failed(result, err, { kind = "protocol", step = "get" })
        assert.equal("", listed())
      end
    end
  end)

  it("is S3's error, and never the file", function()
    for _, sink in ipairs { { path = directory .. "/wrong" }, {} } do
      server:script { faults.got(SIZE), faults.s3_error(404, "NoSuchKey", "gone") }
      local result, err = download(sink)
      failed(result, err, { kind = "storage", code = "NoSuchKey", status = 404, step = "get" })
      assert.equal("", listed())
    end
  end)

  it("keeps a file that was there", function()
    local path = directory .. "/old"
    place:write("old", "precious")
    server:script { faults.got(SIZE), { size = 5 } }
    assert.is_nil(download { path = path })
    assert.equal("precious", read(path))
    server:script { faults.got(SIZE), { size = SIZE } }
    assert(download { path = path })
    assert.is_true(read(path) == WHOLE)
    os.remove(path)
  end)

  it("asks for another URL when the first has expired", function()
    server:script { faults.got(SIZE), faults.s3_error(403, "AccessDenied", "Request has expired"),
      faults.got(SIZE), { size = SIZE } }
    assert.is_true(assert(download()).body == WHOLE)
  end)

  it("is not followed to another place, or to an unsafe one", function()
    server:script { faults.got(SIZE),
      { status = 302, headers = { { "Location", "${origin}/x" } } } }
    local result, err = download()
    failed(result, err, { kind = "storage", status = 302 })
    server:script { { body = '{"Url":"http://example.com/","AttachmentSizeInBytes":5}' } }
    result, err = download()
    failed(result, err, { kind = "protocol", step = "get" })
    assert.equal(1, #server:seen().requests)
  end)
end)

describe("a sink", function()
  it("that cannot be written is told before anything is sent", function()
    server:script {}
    for _, path in ipairs { "/nonexistent/file", directory, "/dev/full" } do
      local result, err = download { path = path }
      assert.is_nil(result)
      assert.equal("sink", err.kind)
    end
    local result, err = download { path = "a", write = print }
    assert.is_nil(result)
    assert.equal("validation", err.kind)
    assert.equal(0, #server:seen().requests)
  end)

  it("that is full is an error", function()
    local full = assert(io.open("/dev/full", "wb"))
    server:script { faults.got(SIZE), { size = SIZE } }
    local result, err = download { file = full }
    full:close()
    failed(result, err, { kind = "sink", code = "ENOSPC", step = "get" })
  end)

  it("that raises or refuses ends the download, and the client stays usable", function()
    server:script { faults.got(SIZE), { size = SIZE } }
    local ok, raised = pcall(download, { write = function() error("no more", 0) end })
    assert.is_false(ok)
    assert.equal("no more", raised)
    server:script { faults.got(SIZE), { size = SIZE } }
    local result, err = download { write = function() return nil, "disk on fire" end }
    failed(result, err, { kind = "sink", step = "get" })
    assert.truthy(err.message:find("disk on fire", 1, true))
    server:script { faults.got(5), { size = 5 } }
    assert.equal("01234", assert(download()).body)
  end)

  it("may be slow, and memory stays flat", function()
    local function peak()
      local file = io.open "/proc/self/status"
      local text = file:read "*a"
      file:close()
      return tonumber(text:match("VmRSS:%s*(%d+)"))
    end
    local size = 64 * 1024 * 1024
    server:script { faults.got(size), { size = size } }
    collectgarbage()
    local before, most, count = peak(), 0, 0
    assert(download { write = function(piece)
      count = count + #piece
      if count % 1048576 < #piece then
        collectgarbage()
        most = math.max(most, peak())
      end
    end })
    assert.equal(size, count)
    assert.truthy(most - before < 16 * 1024, ("%d KiB more"):format(most - before))
  end)
end)
