-- Transfers: PUTs and GETs with a store that does all that a store can do.
local core = require "connectparticipant.core"
local faults = require "spec.support.faults"
local process = require "spec.support.process"
local transfers = require "spec.support.transfers"

local lab = transfers.new()
local transfer, get, reach, finish, move, drain, failed = lab.transfer, lab.get, lab.reach,
  lab.finish, lab.move, lab.drain, transfers.failed
local server, directory, engine
setup(function() server, directory = lab.open() end)
teardown(lab.close)
before_each(function() engine = lab.begin() end)
after_each(function() engine:close() end)

describe("a transfer", function()
  it("is told by its result and its info", function()
    server:script { { headers = { { "ETag", '"e"  ' }, { "X-Empty", "" } } }, { size = 100 } }
    local put = assert(transfer { source = "bytes" })
    local stored = assert(finish(put))
    assert.equal(200, stored.status)
    assert.equal('"e"', put:header "etag")
    assert.equal("", put:header "x-empty")
    local info = put:info()
    assert.is_false(info.reused)
    assert.equal(5, info.bytes_sent)
    assert.truthy(info.seconds > 0 and info.connect_seconds > 0)

    local fetch = get {}
    local fetched = assert(finish(fetch))
    assert.equal(("0123456789abcdef"):rep(7):sub(1, 100), fetched.body)
    assert.equal(100, fetched.size)
    assert.equal(0, fetched.from)
    assert.is_true(fetch:info().reused)
    assert.equal(100, fetch:info().bytes_received)
  end)

  it("has no result while it is under way", function()
    server:script { {} }
    local exchange = assert(transfer { source = "bytes" })
    assert.has_error(function() exchange:result() end, "the exchange is not done")
  end)

  it("is refused where its caller is wrong", function()
    for _, fields in ipairs { { method = "DELETE" }, { method = 5 }, { source = 5 }, {},
      { size = 0 }, { size = -1 }, { size = 1.5 }, { size = 0 / 0 }, { size = 1 / 0 },
      { sink = "/tmp/file" }, { sink = "drain", offset = -1 }, { sink = "drain", offset = 0.5 },
      { source = "bytes", timeout = "1" }, { source = "bytes", settings = {} } } do
      assert.has_error(function() transfer(fields) end)
    end
    assert.has_error(function() engine:transfer(5) end)
    assert.equal(0, (engine:step()))
  end)

  it("has nothing sent to an unsafe URL", function()
    for _, url in ipairs { "http://example.com/", "https://user@127.0.0.1/", "https://:pw@host/",
      "file:///etc/passwd", "ftp://127.0.0.1/", "//127.0.0.1/", "", "nonsense",
      "http://127.0.0.1/a#b", "http://127.0.0.1/a b", "http://127.0.0.1/a\r\nX: y",
      "http://127.0.0.1/a\0b", "http://127.0.0.1.example.com/", "http://127.0.0.1@example.com/",
      "http://128.0.0.1/", "https://127.0.0.1/" .. ("x"):rep(5000) } do
      local exchange, err = transfer { source = "bytes", url = url }
      failed(exchange, err, { kind = "protocol", code = "UnsafeUrl", step = "put" })
    end
    local exchange, err = transfer { source = "bytes", url = 5 }
    failed(exchange, err, { kind = "protocol", code = "UnsafeUrl" })
  end)

  it("may go to loopback without TLS, unless the endpoint has it", function()
    local safe = core.settings { endpoint = "https://127.0.0.1:1" }
    for _, host in ipairs { "127.0.0.1", "127.9.9.9", "localhost", "[::1]" } do
      local url = "http://" .. host .. ":1/"
      assert.truthy(transfer { source = "bytes", url = url })
      local exchange, err = transfer { source = "bytes", url = url, settings = safe }
      failed(exchange, err, { kind = "protocol", code = "UnsafeUrl" })
    end
    local insecure = core.settings { endpoint = "http://example.com", allow_insecure = true }
    assert.truthy(transfer { source = "bytes", url = "http://example.com/", settings = insecure })
  end)

  it("follows no redirect", function()
    server:script { { status = 302, headers = { { "Location", "${origin}/other" } } } }
    failed(nil, select(2, finish(get {})), { kind = "storage", status = 302 })
    assert.equal(1, #server:seen().requests)
  end)

  it("goes through the proxy that is named", function()
    server:script { {} }
    local proxied = core.settings { endpoint = server.url, proxy = server.url,
      allow_insecure = true }
    assert(finish(get { url = "http://store.invalid/behind", settings = proxied }))
    assert.equal("http://store.invalid/behind", server:seen().requests[1].path)
  end)

  it("never tells a proxy's password, whoever named the proxy", function()
    local proxy = "nonsense://me:hush-hush@proxy.invalid"
    local named = core.settings { endpoint = "https://host.invalid", proxy = proxy }
    local _, named_error = finish(get { url = "https://host.invalid/", settings = named })
    assert.truthy(named_error.message:find("proxy", 1, true))
    local code = [[local core = require "connectparticipant.core"
      io.write(tostring(select(2, core.get_transcript({ ConnectionToken = "t" },
        { endpoint = "https://host.invalid" }))))]]
    for _, name in ipairs { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" } do
      local result = process.run { process.lua, "-e", code, env = { [name] = proxy } }
      assert.truthy(result.stdout:find("proxy", 1, true), result.stderr)
      for _, text in ipairs { result.stdout, tostring(named_error) } do
        assert.is_nil(text:find("hush", 1, true), text)
      end
    end
  end)

  it("goes to loopback without any proxy", function()
    server:script { {}, {} }
    local proxied = core.settings { endpoint = server.url, proxy = "http://127.0.0.1:1" }
    assert(finish(get { url = server.url .. "/direct", settings = proxied }))
    local code = ([[local core = require "connectparticipant.core"
      local engine = core.engine()
      local exchange = assert(engine:transfer { method = "GET", url = %q .. "/direct",
        settings = assert(core.settings { endpoint = %q }) })
      repeat engine:wait(1) until engine:step() == 0
      assert(exchange:result())]]):format(server.url, server.url)
    local result = process.run { process.lua, "-e", code,
      env = { http_proxy = "http://127.0.0.1:1", ALL_PROXY = "http://127.0.0.1:1" } }
    assert.equal("", result.stderr)
    assert.equal("/direct", server:seen().requests[2].path)
  end)
end)

describe("the headers of a transfer", function()
  it("are those of the map, and what HTTP needs", function()
    server:script { {} }
    assert(finish(assert(transfer { source = "bytes", headers = { ["Content-Length"] = "5",
      ["x-empty"] = "", ["Content-Disposition"] = 'attachment; filename="\195\169 \t.txt"' } })))
    local headers = server:seen().requests[1].headers
    assert.equal('attachment; filename="\195\169 \t.txt"', headers["content-disposition"])
    assert.equal("", headers["x-empty"])
    assert.equal("5", headers["content-length"])
    assert.truthy(headers["user-agent"]:find("lua-connectparticipant", 1, true))
    local count = 0
    for _ in pairs(headers) do count = count + 1 end
    assert.equal(6, count, "and Host and Accept")
  end)

  it("name another User-Agent if the map does", function()
    server:script { {} }
    assert(finish(assert(transfer { source = "bytes", headers = { ["user-agent"] = "me" } })))
    assert.equal("me", server:seen().requests[1].headers["user-agent"])
  end)

  it("are sent even where they are empty but for blanks", function()
    server:script { {} }
    assert(finish(assert(transfer { source = "bytes", headers = { ["x-a"] = " ", ["x-b"] = " \t ",
      ["x-c"] = "" } })))
    local headers = server:seen().requests[1].headers
    for _, name in ipairs { "x-a", "x-b", "x-c" } do assert.equal("", headers[name]) end
  end)

  it("are refused where they cannot be sent, and nothing is", function()
    for name, value in pairs { ["x-a"] = "b\r\nX-Evil: 1", ["x-b\r\nX-Evil"] = "1", [""] = "1",
      ["x-c"] = "nul\0", ["bad name"] = "1", ["bad:name"] = "1", ["\195\169"] = "1",
      ["x-d"] = "\127", ["x-e"] = 5, [5] = "x" } do
      local exchange, err = transfer { source = "bytes", headers = { [name] = value } }
      failed(exchange, err, { kind = "protocol", code = "UnsafeHeader" })
    end
    for _, name in ipairs { "Transfer-Encoding", "EXPECT", "connection", "host", "Range", "te" } do
      local exchange, err = transfer { source = "bytes", headers = { [name] = "x" } }
      failed(exchange, err, { kind = "protocol", code = "UnsafeHeader" })
    end
    for _, length in ipairs { "6", "5 ", "05x", "five", "", "-5", "5,5" } do
      local exchange, err = transfer { source = "bytes", headers = { ["content-length"] = length } }
      failed(exchange, err, { kind = "protocol", code = "ContentLengthMismatch" })
    end
    local exchange, err = transfer { source = "bytes", headers = "Content-Length: 5" }
    failed(exchange, err, { kind = "protocol", code = "UnsafeHeader" })
  end)

  it("ask for 100 Continue beyond 1 MiB", function()
    server:script { {}, {} }
    assert(finish(assert(transfer { source = ("x"):rep(1024 * 1024) })))
    assert(finish(assert(transfer { source = ("x"):rep(1024 * 1024 + 1) })))
    local requests = server:seen().requests
    assert.is_nil(requests[1].headers.expect)
    assert.equal("100-continue", requests[2].headers.expect)
  end)
end)

describe("a PUT", function()
  it("is sent again by itself when a kept connection turns out to be dead", function()
    server:script { {}, { raw = "" }, {} }
    assert(finish(assert(transfer { source = "bytes" })))
    assert(finish(assert(transfer { source = ("x"):rep(300000) })))
    assert.equal(300000, server:seen().requests[3].received)
  end)

  it("without Expect follows a 417", function()
    server:script { { status = 417, early = true }, {} }
    assert(finish(assert(transfer { source = ("x"):rep(2000000) })))
    local again = server:seen().requests[2]
    assert.is_nil(again.headers.expect)
    assert.equal(2000000, again.received)
  end)

  it("has not succeeded before all its bytes were sent", function()
    server:script { { status = 200, early = true, unread = true, close = true } }
    local result, err = finish(assert(transfer { source = ("x"):rep(20000000) }))
    failed(result, err, { kind = "transport" })
    server:script { { status = 200, early = true, close = true } }
    result, err = finish(assert(transfer { source = ("x"):rep(30000000) }))
    -- libcurl 8 sends the rest, and that is as good.
    if result then return assert.equal(30000000, server:seen().requests[1].received) end
    failed(result, err, { kind = "transport" })
  end)

  it("that is refused before its bytes were sent is told the reason", function()
    local refusal = faults.s3_error(403, "AccessDenied", "no")
    refusal.early, refusal.close = true, true
    server:script { refusal }
    local result, err = finish(assert(transfer { source = ("x"):rep(20000000) }))
    failed(result, err, { kind = "storage", code = "AccessDenied", status = 403 })
  end)

  it("that is broken off after 100 Continue has no status", function()
    server:script { { raw = "HTTP/1.1 100 Continue\r\n\r\n" } }
    local exchange = assert(transfer { source = "bytes" })
    local result, err = finish(exchange)
    failed(result, err, { kind = "transport", retryable = true })
    assert.is_nil(exchange:info().status)
  end)
end)

describe("a PUT that is fed", function()
  local function feed_all(exchange, pieces)
    for _, piece in ipairs(pieces) do
      reach(exchange, "need_data")
      assert(exchange:feed(piece))
    end
  end

  it("sends what it is given, with its length", function()
    server:script { {} }
    local exchange = assert(transfer { size = 10 })
    feed_all(exchange, { "012", "3456", "789" })
    reach(exchange, "need_data")
    assert(exchange:feed(nil))
    assert(finish(exchange))
    local put = server:seen().requests[1]
    assert.equal("0123456789", put.body)
    assert.equal("10", put.headers["content-length"])
    assert.is_nil(put.headers["transfer-encoding"])
  end)

  it("keeps its last byte until the end is confirmed", function()
    server:script { {} }
    local exchange = assert(transfer { size = 10 })
    feed_all(exchange, { "0123456789" })
    reach(exchange, "need_data")
    assert.equal(9, (exchange:progress()))
    assert(exchange:feed(nil))
    assert(finish(exchange))
    assert.equal(10, (exchange:progress()))
  end)

  it("fails where there are more bytes, or fewer, than announced", function()
    server:script { {}, {} }
    local exchange = assert(transfer { size = 10 })
    feed_all(exchange, { "0123456789" })
    local fed, err = exchange:feed("x")
    failed(fed, err, { kind = "source", code = "SourceTooLong", step = "put" })
    assert.equal("done", exchange:state())
    failed(nil, select(2, exchange:result()), { kind = "source", code = "SourceTooLong" })

    exchange = assert(transfer { size = 10 })
    feed_all(exchange, { "012345678" })
    fed, err = exchange:feed(nil)
    failed(fed, err, { kind = "source", code = "SourceTooShort" })
    failed(nil, select(2, exchange:result()), { kind = "source", code = "SourceTooShort" })
    assert.equal(0, (engine:step()))
    for _, request in ipairs(server:seen().requests) do assert.is_nil(request.complete) end
  end)

  it("hears a refusal while it waits for data, and drops what it is fed then", function()
    local refusal = faults.s3_error(403, "AccessDenied", "no")
    refusal.early, refusal.close = true, true
    server:script { refusal }
    local exchange = assert(transfer { size = 100 })
    reach(exchange, "done")
    assert.is_true(exchange:feed("late"))
    assert.is_true(exchange:feed(nil))
    failed(nil, select(2, exchange:result()), { kind = "storage", code = "AccessDenied" })
  end)

  it("takes a connection of its own, and cannot be repeated", function()
    server:script { {}, { reset = "body", after = 5 } }
    assert(finish(assert(transfer { source = "bytes" })))
    local exchange = assert(transfer { size = 100000 })
    feed_all(exchange, { ("x"):rep(50000) })
    while exchange:state() ~= "done" do
      if reach(exchange, "need_data", "done") == "need_data" then exchange:feed("x") end
    end
    failed(nil, select(2, exchange:result()), { kind = "transport", retryable = false })
    assert.equal(2, server:seen().connections)
  end)

  it("is stalled when its caller gives nothing for too long", function()
    server:script { {} }
    local strict = core.settings { endpoint = server.url, stall_timeout = 0.1 }
    local exchange = assert(transfer { size = 2, settings = strict })
    reach(exchange, "need_data")
    local result, err = finish(exchange)
    failed(result, err, { kind = "timeout", code = "OPERATION_TIMEDOUT", retryable = true })
    assert.truthy(err.message:find("caller", 1, true), err.message)
  end)

  it("is not stalled as long as its caller gives something", function()
    server:script { {} }
    local strict = core.settings { endpoint = server.url, stall_timeout = 0.3 }
    local exchange = assert(transfer { size = 10, settings = strict })
    for _ = 1, 10 do
      reach(exchange, "need_data")
      move(0.06)
      assert(exchange:feed "x")
    end
    assert(exchange:feed(nil))
    assert(finish(exchange))
  end)

  it("is not stalled by time in which nobody moves the engine", function()
    server:script { {} }
    local strict = core.settings { endpoint = server.url, stall_timeout = 0.1 }
    local exchange = assert(transfer { size = 2, settings = strict })
    reach(exchange, "need_data")
    core.sleep(0.3)
    engine:step()
    assert.equal("need_data", exchange:state())
    assert(exchange:feed "ok")
    assert(exchange:feed(nil))
    assert(finish(exchange))
  end)

  it("may be fed everything before the first step", function()
    server:script { {} }
    local exchange = assert(transfer { size = 10 })
    assert(exchange:feed "0123456789")
    assert(exchange:feed(nil))
    assert(finish(exchange))
    assert.equal("0123456789", server:seen().requests[1].body)
  end)

  it("alone can be fed", function()
    server:script { {} }
    local exchange = assert(transfer { source = "bytes" })
    assert.has_error(function() exchange:feed("x") end, "the exchange is not fed")
  end)
end)

describe("a GET that is drained", function()
  local SIZE = 5000000

  it("gives every byte once, in order", function()
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

  it("gives what came before the connection broke, and then the error", function()
    server:script { { size = SIZE, reset = "response", after = 1000 } }
    local exchange = get { sink = "drain" }
    assert.equal(1000, #drain(exchange))
    failed(nil, select(2, exchange:result()), { kind = "transport", retryable = true })
  end)

  it("gives nothing any more once it is cancelled", function()
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

  it("never gives an error's words as the file", function()
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

  -- The answer is refused with this code, and not one byte of it has been handed out.
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

  it("is not taken without proof that it is one of the same object", function()
    for _, headers in ipairs { {}, { { "ETag", '"other"' } }, { { "ETag", 'W/"e"' } },
      { { "ETag", "" } } } do
      refused(nil, answer("bytes 90-99/100", headers), "ObjectChanged")
    end
    local two = { { "ETag", '"e"' }, { "ETag", '"other"' } }
    refused(nil, answer("bytes 90-99/100", two), "ObjectChanged")
  end)

  it("is not taken where it cannot be told which it is", function()
    local range, envelope = { "Content-Range", "bytes 0-9/100" },
      { "Content-Type", "Multipart/Byteranges; boundary=b" }
    refused(nil, answer("bytes 90-99/100", { ETAG[1], range }), "WrongRange")
    refused(nil, answer("bytes 90-99/100", { ETAG[1], envelope }), "WrongRange")
  end)

  it("is not taken where the object has another size", function()
    refused(nil, answer "bytes 90-99/101", "WrongRange")
    refused(nil, answer("bytes 90-100/101", nil, 11), "SizeMismatch")
    refused(nil, answer("bytes 90-98/*", nil, 9), "SizeMismatch")
    refused(nil, answer("bytes 90-99/100", nil, 9), "SizeMismatch")
  end)

  it("is not another than was asked for", function()
    for _, range in ipairs { "bytes 89-99/100", "bytes 0-9/100", "bytes x", "", "lines 90-99/100",
      "bytes 90-89/100", "bytes 90-99", "bytes 90-99/", "bytes 90-99/99", "bytes 90-98/100",
      "bytes +90-99/100", "bytes 90-99/100 ,", "bytes 9000000000000000000000000-99/100" } do
      refused(nil, answer(range), "WrongRange")
    end
  end)

  it("was never asked for, and yet sent: only all of it is taken", function()
    refused({ offset = 0 }, answer "bytes 0-9/100", "WrongRange")
    refused({ offset = 0 }, answer("bytes 90-99/100"), "WrongRange")
    server:script { answer("bytes 0-99/100", {}, 100) }
    assert.equal(WHOLE, drain(part { offset = 0 }))
  end)

  it("is refused where the whole object comes, and what came cannot be taken back", function()
    refused(nil, { size = 100, headers = ETAG }, "RangeIgnored")
    refused({ size = 0 }, { size = 0, headers = ETAG }, "RangeIgnored")
  end)

  it("is not even asked for without a strong ETag", function()
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

  it("is refused with the first byte that is too many, where it has no length", function()
    local head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    local _, received = refused({ sink = "drain" }, { raw = head, flood = ("x"):rep(1000) })
    assert.truthy(received <= 100)
    refused({ sink = "drain" }, { raw = head .. ("x"):rep(99) })
    local chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    refused({ sink = "drain" }, { raw = chunked .. "64\r\n" .. ("x"):rep(100) .. "\r\n1\r\nx" })
    server:script { { raw = head .. ("x"):rep(100) } }
    assert.equal(100, #drain(get { sink = "drain", size = 100 }))
  end)

  it("is no object where the store only says why there is none", function()
    server:script { faults.s3_error(404, "NoSuchKey", "gone") }
    local result, err = finish(get { size = 100 })
    failed(result, err, { kind = "storage", code = "NoSuchKey" })
  end)
end)

describe("a GET into a file", function()
  it("begins the file again where the store begins again, even with nothing", function()
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

  it("keeps the file where what begins again is not the object that was promised", function()
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

  it("tells when there is no room", function()
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

describe("an answer", function()
  it("with headers without end is given up", function()
    local line = "X-Header: " .. ("x"):rep(1000) .. "\r\n"
    for _, raw in ipairs { "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n" } do
      local interim = raw:find "100"
      server:script { { raw = raw, flood = interim and line .. "\r\n" .. raw or line } }
      local result, err = finish(assert(transfer { source = "bytes" }))
      failed(result, err, { kind = "protocol", code = "HeadersTooLarge", retryable = false })
    end
  end)

  it("with one header without end is given up, too", function()
    for _, raw in ipairs { "HTTP/1.1 200 OK\r\nX-Header: ", "HTTP/1.1 " } do
      server:script { { raw = raw, flood = ("x"):rep(1000) } }
      local result, err = finish(assert(transfer { source = "bytes" }))
      failed(result, err, { kind = "protocol", retryable = false })
    end
  end)

  it("after 103 Early Hints is the one that counts", function()
    server:script { { raw = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
      .. "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi" } }
    local exchange = get {}
    local result = assert(finish(exchange))
    assert.equal(200, result.status)
    assert.equal("hi", result.body)
    assert.is_nil(exchange:header "link")
  end)

  it("that is not HTTP is a protocol error", function()
    server:script { { raw = "SSH-2.0-OpenSSH\r\n" } }
    local result, err = finish(get {})
    failed(result, err, { kind = "protocol", retryable = false })
  end)

  it("that is nothing may be asked for again", function()
    server:script { { raw = "" } }
    local result, err = finish(get {})
    failed(result, err, { kind = "transport", code = "GOT_NOTHING", retryable = true })
  end)

  it("that ends too early is no answer", function()
    server:script { { size = 100, length = 200, close = true } }
    local result, err = finish(get {})
    failed(result, err, { kind = "transport", code = "PARTIAL_FILE", retryable = true })
  end)

  it("in chunks is put together", function()
    server:script { { raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      .. "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n" } }
    assert.equal("abcde", assert(finish(get {})).body)
  end)

  it("that is larger than allowed is a protocol error", function()
    server:script { { size = 100 }, { size = 100 } }
    local result, err = finish(get { limit = 99 })
    failed(result, err, { kind = "protocol", code = "ResponseTooLarge", status = 200 })
    assert.equal(100, #assert(finish(get { limit = 100 })).body)
  end)

  it("of an error keeps its status however long it is", function()
    server:script { { status = 503, size = 1000000 } }
    local result, err = finish(get {})
    failed(result, err, { kind = "storage", status = 503, retryable = true })
  end)
end)
