-- Transfers: PUTs and GETs with a scripted store.
local core = require "connectparticipant.core"
local process = require "spec.support.process"
local transfers = require "spec.support.transfers"

local lab = transfers.new()
local transfer, get, finish, failed = lab.transfer, lab.get, lab.finish, transfers.failed
local server, directory, engine
setup(function() server, directory = lab.open() end)
teardown(lab.close)
before_each(function() engine = lab.begin() end)
after_each(function() engine:close() end)

describe("a transfer", function()
  it("is described by its result and its info", function()
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

  it("asks for path and query as the URL has them, and encodes what is not ASCII", function()
    local sent = { ["/a/../b/./c?x=%2F&y=1"] = "/a/../b/./c?x=%2F&y=1", ["?a=/b"] = "/?a=/b",
      ["/p?"] = "/p?", [""] = "/", ["/%c3%A4"] = "/%c3%A4",
      ["/\195\164"] = "/%C3%A4" }
    for target, expected in pairs(sent) do
      server:script { {} }
      assert(finish(assert(transfer { source = "x", url = server.url .. target })))
      assert.equal(expected, server:seen().requests[1].path)
    end
  end)

  it("has no result while it is in flight", function()
    server:script { {} }
    local exchange = assert(transfer { source = "bytes" })
    assert.has_error(function() exchange:result() end, "the exchange is not done")
  end)

  it("is refused if its arguments are wrong", function()
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
    assert(finish(get { url = "http://store.invalid/behind?q=%2F", settings = proxied }))
    assert.equal("http://store.invalid/behind?q=%2F", server:seen().requests[1].path)
  end)

  it("goes through that proxy whatever the environment excepts", function()
    server:script { {} }
    local code = ([[local core = require "connectparticipant.core"
      core.get_transcript({ ConnectionToken = "t" }, { endpoint = "http://store.invalid",
        proxy = %q, allow_insecure = true })]]):format(server.url)
    local result = process.run { process.lua, "-e", code, env = { no_proxy = "*", NO_PROXY = "*" } }
    assert.equal("", result.stderr)
    assert.equal("http://store.invalid", server:seen().requests[1].absolute)
  end)

  it("takes no name and no password from anybody's .netrc", function()
    server:script { {} }
    local home = directory:write(".netrc", "machine 127.0.0.1 login me password hush\n")
    local code = ([[local core = require "connectparticipant.core"
      core.get_transcript({ ConnectionToken = "t" }, { endpoint = %q })]]):format(server.url)
    local result = process.run { process.lua, "-e", code,
      env = { HOME = home:match "^(.*)/", NETRC = home } }
    assert.equal("", result.stderr)
    assert.is_nil(server:seen().requests[1].headers.authorization)
  end)

  it("never shows a proxy's password, wherever the proxy was configured", function()
    local proxy = "nonsense://me:hush-hush@proxy.invalid"
    local _, named_error = core.settings { endpoint = "https://host.invalid", proxy = proxy }
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

  it("are sent even if they are blank", function()
    server:script { {} }
    assert(finish(assert(transfer { source = "bytes", headers = { ["x-a"] = " ", ["x-b"] = " \t ",
      ["x-c"] = "" } })))
    local headers = server:seen().requests[1].headers
    for _, name in ipairs { "x-a", "x-b", "x-c" } do assert.equal("", headers[name]) end
  end)

  it("are refused if they cannot be sent, and then nothing is sent", function()
    for name, value in pairs { ["x-a"] = "b\r\nX-Evil: 1", ["x-b\r\nX-Evil"] = "1", [""] = "1",
      ["x-c"] = "nul\0", ["bad name"] = "1", ["bad:name"] = "1", ["\195\169"] = "1",
      ["x-d"] = "\127", ["x-e"] = 5, [5] = "x" } do
      local exchange, err = transfer { source = "bytes", headers = { [name] = value } }
      failed(exchange, err, { kind = "protocol", code = "UnsafeHeader" })
    end
    for _, name in ipairs { "Transfer-Encoding", "EXPECT", "connection", "host", "Range", "te",
      "If-Match", "Upgrade", "keep-alive", "Proxy-Connection", "Trailer" } do
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

  it("that is empty may be requested again", function()
    server:script { { raw = "" } }
    local result, err = finish(get {})
    failed(result, err, { kind = "transport", code = "GOT_NOTHING", retryable = true })
  end)

  it("that ends too early is an error", function()
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
