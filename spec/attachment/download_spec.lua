-- download_attachment with stores that misbehave: the file is complete, or does not exist.
local faults = require "spec.support.faults"
local files = require "spec.support.files"
local flows = require "spec.support.flows"
local memory = require "spec.support.memory"
local process = require "spec.support.process"

local lab = flows.new()
setup(lab.open)
teardown(lab.close)
before_each(function() lab.begin() end)
after_each(lab.finish)

local read, download, failed = files.read, lab.download, flows.failed

local EXPIRED = faults.s3_error(403, "AccessDenied", "Request has expired")
local SIZE = 500000
local WHOLE = ("0123456789abcdef"):rep(SIZE / 16)

local function listed()
  return process.run { "ls", "-A", lab.directory }.stdout
end

describe("a download", function()
  it("is returned as a string", function()
    lab.server:script { faults.got(SIZE),
      { size = SIZE, headers = { { "Content-Type", "text/x" } } } }
    local attachment, err = download()
    assert.is_nil(err)
    assert.is_true(attachment.body == WHOLE)
    assert.equal(SIZE, attachment.AttachmentSizeInBytes)
    assert.equal("text/x", attachment.ContentType)
  end)

  it("is written to a path, and leaves no other file there", function()
    local path = lab.directory .. "/file.bin"
    lab.server:script { faults.got(SIZE), { size = SIZE } }
    local attachment = assert(download { path = path })
    assert.equal(path, attachment.path)
    assert.is_true(read(path) == WHOLE)
    assert.equal("file.bin\n", listed())
    os.remove(path)
  end)

  it("is passed to a function piece by piece, and written to a handle", function()
    local pieces = {}
    lab.server:script { faults.got(SIZE), { size = SIZE } }
    assert(download { write = function(piece) pieces[#pieces + 1] = piece end })
    assert.is_true(table.concat(pieces) == WHOLE)
    local path = lab.directory .. "/handle"
    local file = assert(io.open(path, "wb"))
    file:write "head:"
    lab.server:script { faults.got(SIZE), { size = SIZE } }
    assert(download { file = file })
    file:close()
    assert.is_true(read(path) == "head:" .. WHOLE)
    os.remove(path)
  end)

  it("sends neither token nor SDK headers to the store", function()
    lab.server:script { faults.got(5), { size = 5 } }
    assert(download())
    local get = lab.server:seen().requests[2]
    assert.equal("GET", get.method)
    for _, name in ipairs { "x-amz-bearer", "amz-sdk-request", "range" } do
      assert.is_nil(get.headers[name], name)
    end
  end)
end)

describe("a download that is not what was promised", function()
  it("is a protocol error, and leaves no file", function()
    for _, answer in ipairs { { size = SIZE - 1 }, { size = SIZE + 1 }, { size = 0 } } do
      for _, sink in ipairs { { path = lab.directory .. "/wrong" }, {} } do
        lab.server:script { faults.got(SIZE), answer }
        local result, err = download(sink)
        failed(result, err, { kind = "protocol", step = "get" })
        assert.equal("", listed())
      end
    end
  end)

  it("is S3's error, and never the file", function()
    for _, sink in ipairs { { path = lab.directory .. "/wrong" }, {} } do
      lab.server:script { faults.got(SIZE), faults.s3_error(404, "NoSuchKey", "gone") }
      local result, err = download(sink)
      failed(result, err, { kind = "storage", code = "NoSuchKey", status = 404, step = "get" })
      assert.equal("", listed())
    end
  end)

  it("leaves an existing file as it was", function()
    local path = lab.directory .. "/old"
    lab.place:write("old", "precious")
    lab.server:script { faults.got(SIZE), { size = 5 } }
    assert.is_nil(download { path = path })
    assert.equal("precious", read(path))
    lab.server:script { faults.got(SIZE), { size = SIZE } }
    assert(download { path = path })
    assert.is_true(read(path) == WHOLE)
    os.remove(path)
  end)

  it("asks for another URL when the first has expired", function()
    lab.server:script { faults.got(SIZE), EXPIRED,
      faults.got(SIZE), { size = SIZE } }
    assert.is_true(assert(download()).body == WHOLE)
  end)

  it("follows no redirect, and no unsafe URL", function()
    lab.server:script { faults.got(SIZE),
      { status = 302, headers = { { "Location", "${origin}/x" } } } }
    local result, err = download()
    failed(result, err, { kind = "storage", status = 302 })
    lab.server:script { { body = '{"Url":"http://example.com/","AttachmentSizeInBytes":5}' } }
    result, err = download()
    failed(result, err, { kind = "protocol", step = "get" })
    assert.equal(1, #lab.server:seen().requests)
  end)
end)

describe("a sink", function()
  it("that cannot be written is reported before anything is sent", function()
    lab.server:script {}
    for _, path in ipairs { "/nonexistent/file", lab.directory, "/dev/full" } do
      local result, err = download { path = path }
      assert.is_nil(result)
      assert.equal("sink", err.kind)
    end
    local result, err = download { path = "a", write = print }
    assert.is_nil(result)
    assert.equal("validation", err.kind)
    assert.equal(0, #lab.server:seen().requests)
  end)

  it("that is full is an error", function()
    local full = assert(io.open("/dev/full", "wb"))
    lab.server:script { faults.got(SIZE), { size = SIZE } }
    local result, err = download { file = full }
    full:close()
    failed(result, err, { kind = "sink", code = "ENOSPC", step = "get" })
  end)

  it("that raises or refuses ends the download, and the client stays usable", function()
    lab.server:script { faults.got(SIZE), { size = SIZE } }
    local ok, raised = pcall(download, { write = function() error("no more", 0) end })
    assert.is_false(ok)
    assert.equal("no more", raised)
    lab.server:script { faults.got(SIZE), { size = SIZE } }
    local result, err = download { write = function() return nil, "disk on fire" end }
    failed(result, err, { kind = "sink", step = "get" })
    assert.truthy(err.message:find("disk on fire", 1, true))
    lab.server:script { faults.got(5), { size = 5 } }
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
    lab.server:script { faults.got(size), { size = size } }
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
    memory.check((most - before) * 1024, 16 * 1024 * 1024, "a slow sink")
  end)
end)
