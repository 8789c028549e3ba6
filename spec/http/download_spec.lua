-- Downloads through the engine: what is checked before the first byte is passed on, and to where.
local core = require "connectparticipant.core"
local faults = require "spec.support.faults"
local transfers = require "spec.support.transfers"

local lab = transfers.new()
local transfer, get, reach, finish, move, drain, failed = lab.transfer, lab.get, lab.reach,
  lab.finish, lab.move, lab.drain, transfers.failed
local server, directory, engine
setup(function() server, directory = lab.open() end)
teardown(lab.close)
before_each(function() engine = lab.begin() end)
after_each(function() engine:close() end)

describe("a GET that is drained", function()
  local SIZE = 5000000

  it("yields every byte once, in order", function()
    server:script { { size = SIZE } }
    local exchange = get { sink = "drain" }
    local all = drain(exchange)
    assert.equal(SIZE, #all)
    assert.is_true(all == ("0123456789abcdef"):rep(SIZE / 16))
    assert.equal(SIZE, assert(exchange:result()).size)
    assert.is_nil(exchange:drain())
  end)

  it("takes no more than fits while nobody drains it", function()
    server:script { { size = SIZE } }
    local exchange = get { sink = "drain" }
    reach(exchange, "have_data")
    move(0.1)
    assert.equal("have_data", exchange:state())
    assert.truthy(select(2, exchange:progress()) < 1024 * 1024)
    assert.equal(SIZE, #drain(exchange))
  end)

  it("is stalled when nobody drains it for too long", function()
    server:script { { size = SIZE } }
    local strict = core.settings { endpoint = server.url, stall_timeout = 0.1 }
    local exchange = get { sink = "drain", settings = strict }
    reach(exchange, "done")
    local result, err = exchange:result()
    failed(result, err, { kind = "timeout", code = "OPERATION_TIMEDOUT", retryable = true })
    assert.truthy(err.message:find("caller", 1, true), err.message)
  end)

  it("yields what came before the connection broke, and then the error", function()
    server:script { { size = SIZE, reset = "response", after = 1000 } }
    local exchange = get { sink = "drain" }
    assert.equal(1000, #drain(exchange))
    failed(nil, select(2, exchange:result()), { kind = "transport", retryable = true })
  end)

  it("yields nothing once it is cancelled", function()
    server:script { { size = 100 }, { size = SIZE } }
    for _ = 1, 2 do
      local exchange = get { sink = "drain" }
      reach(exchange, "have_data")
      move(0.05)
      exchange:cancel()
      exchange:cancel()
      assert.equal("done", exchange:state())
      assert.is_nil(exchange:drain())
      failed(nil, select(2, exchange:result()), { kind = "cancelled", code = "Cancelled" })
    end
    assert.equal(0, (engine:step()))
  end)

  it("never yields an error's body as the file", function()
    server:script { faults.s3_error(404, "NoSuchKey", "gone") }
    local exchange = get { sink = "drain" }
    assert.equal("", drain(exchange))
    failed(nil, select(2, exchange:result()), { kind = "storage", code = "NoSuchKey" })
  end)

end)

describe("a part", function()
  local ETAG = { { "ETag", '"e"' } }
  local WHOLE = ("0123456789abcdef"):rep(7):sub(1, 100)

  local function part(fields)
    local all = { sink = "drain", offset = 90, size = 100, etag = '"e"' }
    for name, value in pairs(fields or {}) do all[name] = value end
    return get(all)
  end

  -- Asserts that the answer is refused with this code, and that no byte of it was passed on.
  local function refused(fields, answer, code)
    server:script { answer }
    local exchange = part(fields)
    assert.equal("", drain(exchange))
    failed(nil, select(2, exchange:result()),
      { kind = "protocol", code = code, retryable = false })
  end

  local function answer(range, headers, size)
    local all = { { "Content-Range", range } }
    for _, one in ipairs(headers or ETAG) do all[#all + 1] = one end
    return { status = 206, size = size or 10, headers = all }
  end

  it("goes on from an offset, if the store does", function()
    server:script { { size = 100, range = true, headers = ETAG }, answer "Bytes 90-99/*" }
    local exchange = part()
    assert.equal(WHOLE:sub(91), drain(exchange))
    assert.equal(90, exchange:result().from)
    local sent = server:seen().requests[1].headers
    assert.equal("bytes=90-", sent.range)
    assert.equal('"e"', sent["if-match"])
    assert.equal(10, #drain(part()))
  end)

  it("is refused without proof that it belongs to the same object", function()
    for _, headers in ipairs { {}, { { "ETag", '"other"' } }, { { "ETag", 'W/"e"' } },
      { { "ETag", "" } } } do
      refused(nil, answer("bytes 90-99/100", headers), "ObjectChanged")
    end
    local two = { { "ETag", '"e"' }, { "ETag", '"other"' } }
    refused(nil, answer("bytes 90-99/100", two), "ObjectChanged")
  end)

  it("is refused if its range is unknown", function()
    local range, envelope = { "Content-Range", "bytes 0-9/100" },
      { "Content-Type", "Multipart/Byteranges; boundary=b" }
    refused(nil, answer("bytes 90-99/100", { ETAG[1], range }), "WrongRange")
    refused(nil, answer("bytes 90-99/100", { ETAG[1], envelope }), "WrongRange")
  end)

  it("is refused if the object has another size", function()
    refused(nil, answer "bytes 90-99/101", "WrongRange")
    refused(nil, answer("bytes 90-100/101", nil, 11), "SizeMismatch")
    refused(nil, answer("bytes 90-98/*", nil, 9), "SizeMismatch")
    refused(nil, answer("bytes 90-99/100", nil, 9), "SizeMismatch")
  end)

  it("is refused if it is not the one that was asked for", function()
    for _, range in ipairs { "bytes 89-99/100", "bytes 0-9/100", "bytes x", "", "lines 90-99/100",
      "bytes 90-89/100", "bytes 90-99", "bytes 90-99/", "bytes 90-99/99", "bytes 90-98/100",
      "bytes +90-99/100", "bytes 90-99/100 ,", "bytes 9000000000000000000000000-99/100" } do
      refused(nil, answer(range), "WrongRange")
    end
  end)

  it("that was not asked for is accepted only if it is the whole object", function()
    refused({ offset = 0 }, answer "bytes 0-9/100", "WrongRange")
    refused({ offset = 0 }, answer("bytes 90-99/100"), "WrongRange")
    server:script { answer("bytes 0-99/100", {}, 100) }
    assert.equal(WHOLE, drain(part { offset = 0 }))
  end)

  it("is refused if the whole object comes, and what came before cannot be taken back", function()
    refused(nil, { size = 100, headers = ETAG }, "RangeIgnored")
    refused({ size = 0 }, { size = 0, headers = ETAG }, "RangeIgnored")
  end)

  it("is not requested without a strong ETag", function()
    server:script {}
    for _, etag in ipairs { 'W/"e"', "", "e" } do
      local exchange, err = transfer { method = "GET", sink = "drain", offset = 90, etag = etag }
      failed(exchange, err, { kind = "protocol", code = "RangeIgnored" })
    end
    local exchange, err = transfer { method = "GET", sink = "drain", offset = 90 }
    failed(exchange, err, { kind = "protocol", code = "RangeIgnored" })
    assert.equal(0, #server:seen().requests)
  end)
end)

describe("an object of another size than was promised", function()
  local function refused(fields, answer)
    server:script { answer }
    fields.size = 100
    local exchange = get(fields)
    local got = fields.sink == "drain" and drain(exchange) or finish(exchange)
    failed(nil, select(2, exchange:result()), { kind = "protocol", code = "SizeMismatch",
      status = 200, retryable = false })
    return got, select(2, exchange:progress())
  end

  it("is refused by its Content-Length, before a byte of it is handed out", function()
    for _, size in ipairs { 0, 1, 99, 101, 1000000 } do
      assert.equal("", (refused({ sink = "drain" }, { size = size })))
      assert.is_nil((refused({}, { size = size })))
      local sink = assert(core.open_sink(directory:path "other"))
      refused({ sink = sink }, { size = size })
      assert.equal(0, sink:size())
      sink:discard()
    end
  end)

  it("is refused at the first byte too many, if it has no length", function()
    local head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    local _, received = refused({ sink = "drain" }, { raw = head, flood = ("x"):rep(1000) })
    assert.truthy(received <= 100)
    refused({ sink = "drain" }, { raw = head .. ("x"):rep(99) })
    local chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    refused({ sink = "drain" }, { raw = chunked .. "64\r\n" .. ("x"):rep(100) .. "\r\n1\r\nx" })
    server:script { { raw = head .. ("x"):rep(100) } }
    assert.equal(100, #drain(get { sink = "drain", size = 100 }))
  end)

  it("is not the error if the answer is one of the store's errors", function()
    server:script { faults.s3_error(404, "NoSuchKey", "gone") }
    local result, err = finish(get { size = 100 })
    failed(result, err, { kind = "storage", code = "NoSuchKey" })
  end)
end)

describe("a GET into a file", function()
  it("begins the file again if the store does, even with an empty answer", function()
    for _, answer in ipairs { { size = 70 }, { size = 0 } } do
      server:script { { size = 100 }, answer }
      local sink = assert(core.open_sink(directory:path "again"))
      assert(finish(get { sink = sink }))
      assert.equal(100, sink:size())
      local result = assert(finish(get { sink = sink, offset = 100, etag = '"e"' }))
      assert.equal(0, result.from)
      assert.equal(answer.size, sink:size())
      sink:discard()
    end
  end)

  it("keeps the file if what begins again is not the object that was promised", function()
    server:script { { size = 100 }, { size = 70 } }
    local sink = assert(core.open_sink(directory:path "kept"))
    assert(finish(get { sink = sink, size = 100 }))
    local result, err = finish(get { sink = sink, offset = 100, etag = '"e"', size = 200 })
    failed(result, err, { kind = "protocol", code = "SizeMismatch" })
    assert.equal(100, sink:size())
    sink:discard()
  end)

  it("asks for all of it without an ETag of what it has", function()
    server:script { { size = 100 }, { size = 100, range = true } }
    local sink = assert(core.open_sink(directory:path "unproved"))
    assert(finish(get { sink = sink }))
    assert.equal(0, assert(finish(get { sink = sink, offset = 100 })).from)
    assert.is_nil(server:seen().requests[2].headers.range)
    assert.equal(100, sink:size())
    sink:discard()
  end)

  it("writes no error into it", function()
    server:script { faults.s3_error(404, "NoSuchKey", "gone") }
    local sink = assert(core.open_sink(directory:path "error"))
    local result, err = finish(get { sink = sink })
    failed(result, err, { kind = "storage", code = "NoSuchKey" })
    assert.equal(0, sink:size())
    sink:discard()
  end)

  it("reports a full disk", function()
    server:script { { size = 100 } }
    local full = assert(io.open("/dev/full", "wb"))
    local sink = assert(core.file_sink(full))
    finish(get { sink = sink })
    local result, err = directory.commit(sink)
    full:close()
    failed(result, err, { kind = "sink", code = "ENOSPC", retryable = false })
  end)

  it("ends when the file is closed meanwhile", function()
    server:script { { size = 100 } }
    local sink = assert(core.open_sink(directory:path "closed"))
    local exchange = get { sink = sink }
    sink:discard()
    local result, err = finish(exchange)
    failed(result, err, { kind = "sink", code = "EBADF" })
  end)
end)
