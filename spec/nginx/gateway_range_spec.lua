-- Parts of attachments: what a Range header asks for, and how the gateway answers it.
local cjson = require "cjson"
local faults = require "spec.support.faults"
local gateway = require "spec.support.gateway"
local process = require "spec.support.process"
local range = require "connectparticipant.nginx.range"

describe("a Range header", function()
  local function part(text, size)
    local asked = range.read(text)
    if not asked then return "all" end
    local first, stop = range.of(asked, size)
    return first and ("%d-%d"):format(first, stop - 1) or "none"
  end

  it("is read by RFC 9110, and cut to the attachment", function()
    for text, wanted in pairs {
      ["bytes=0-0"] = "0-0", ["bytes=0-"] = "0-99", ["bytes=99-"] = "99-99",
      ["bytes=10-19"] = "10-19", ["bytes=90-500"] = "90-99", ["bytes=-1"] = "99-99",
      ["bytes=-500"] = "0-99", ["  Bytes = 5-6 "] = "5-6",
      ["bytes=0-99999999999999999999"] = "0-99",
      ["bytes=-99999999999999999999"] = "0-99",
    } do
      assert.equal(wanted, part(text, 100), text)
    end
  end)

  it("has no byte if it begins after the end", function()
    for _, text in ipairs { "bytes=100-", "bytes=100-200", "bytes=-0",
      "bytes=99999999999999999999-" } do
      assert.equal("none", part(text, 100), text)
    end
    assert.equal("none", part("bytes=0-", 0))
    assert.equal("none", part("bytes=-5", 0))
  end)

  it("is ignored where it is malformed, of another unit, or of several parts", function()
    for _, text in ipairs { "", "bytes", "bytes=", "bytes=-", "bytes=5-4", "bytes=a-b", "0-5",
      "lines=0-5", "bytes=0-5,10-15", "bytes=0x1-2", "bytes=1.5-2", "bytes=+1-2", "bytes=1 -2",
      "bytes=" .. ("0"):rep(200) .. "-" } do
      assert.equal("all", part(text, 100), text)
    end
    assert.equal("all", part(nil, 100))
  end)

  it("holds for one object only where If-Range has a strong ETag", function()
    assert.is_nil(range.condition(nil))
    assert.equal('"a-1"', range.condition ' "a-1" ')
    for _, text in ipairs { "", "a", 'W/"a"', '"a', '"a"b"', "Wed, 21 Oct 2015 07:28:00 GMT",
      '"a\r\nb"' } do
      assert.is_false(range.condition(text), text)
    end
  end)

  it("survives whatever bytes it holds", function()
    math.randomseed(7)
    local pieces = { "bytes", "=", "-", ",", "0", "9", "99999999", " ", "\t", "a", "\0", "\255" }
    for _ = 1, 20000 do
      local text = {}
      for index = 1, math.random(0, 8) do text[index] = pieces[math.random(#pieces)] end
      local size = math.random(0, 20)
      local asked = range.read(table.concat(text))
      if asked then
        local first, stop = range.of(asked, size)
        assert.truthy(not first or first >= 0 and first < stop and stop <= size)
      end
    end
  end)
end)

-- The rest tests LuaJIT inside nginx, whichever Lua runs busted, so one Lua runs it.
if process.abi ~= "luajit" then return end

local service, body, id, server
setup(function()
  service = gateway.service()
  server = gateway.start(service)
  local bytes = {}
  for index = 1, 3000 do bytes[index] = ("%08d"):format(index) end
  body = table.concat(bytes)
  id = cjson.decode(server:upload(body).body).AttachmentId
end)
teardown(function()
  local said = server:stop()
  server:remove()
  service:stop()
  assert.equal("", said)
end)

describe("a part of an attachment", function()
  it("comes as 206, with the range that it is", function()
    for asked, part in pairs {
      ["bytes=0-0"] = { 0, 0 }, ["bytes=10-99"] = { 10, 99 }, ["bytes=23990-"] = { 23990, 23999 },
      ["bytes=-7"] = { 23993, 23999 }, ["bytes=0-"] = { 0, 23999 },
    } do
      local answer = server:download(id, { Range = asked })
      assert.equal(206, answer.status, asked)
      assert.equal(("bytes %d-%d/24000"):format(part[1], part[2]), answer.headers["content-range"])
      assert.equal(tostring(part[2] - part[1] + 1), answer.headers["content-length"])
      assert.equal("bytes", answer.headers["accept-ranges"])
      assert.truthy(answer.headers["content-disposition"]:find "a%.txt")
      assert.equal(body:sub(part[1] + 1, part[2] + 1), answer.body)
    end
  end)

  it("asks the store for no more than that", function()
    service:admin("DELETE", "requests")
    assert.equal(206, server:download(id, { Range = "bytes=10-99" }).status)
    local got = service:requests "GetObject"
    assert.equal(1, #got)
    assert.equal("bytes=10-99", got[1].headers.range)
  end)

  it("is the whole where several are asked for, or none that is well formed", function()
    for _, asked in ipairs { "bytes=0-5,10-15", "bytes=5-4", "pages=1-2" } do
      local answer = server:download(id, { Range = asked })
      assert.equal(200, answer.status, asked)
      assert.is_nil(answer.headers["content-range"])
      assert.equal(body, answer.body)
    end
  end)

  it("is refused with 416 where there is none of it, and the connection goes on", function()
    for _, asked in ipairs { "bytes=24000-", "bytes=-0" } do
      local answer = server:download(id, { Range = asked })
      assert.equal(416, answer.status)
      assert.equal("bytes */24000", answer.headers["content-range"])
      assert.equal("application/json", answer.headers["content-type"])
      assert.equal("InvalidRange", cjson.decode(answer.body).code)
    end
  end)

  it("is of the object that If-Range names, or else the whole", function()
    local etag = server:download(id).headers.etag
    assert.truthy(etag:find '^"[^"]+"$')
    local function status(condition)
      local answer = server:download(id, { Range = "bytes=10-19", ["If-Range"] = condition })
      assert.equal(answer.status == 206 and body:sub(11, 20) or body, answer.body)
      return answer.status
    end
    assert.equal(206, status(etag))
    assert.equal(200, status '"another"')
    assert.equal(200, status("W/" .. etag))
    assert.equal(200, status "Wed, 21 Oct 2015 07:28:00 GMT")
    local none = server:download(id, { Range = "bytes=99999-", ["If-Range"] = etag })
    assert.equal(200, none.status)
    assert.equal(body, none.body)
  end)

  it("is not sent to a client that has it, and neither is the whole: 304 without a body", function()
    local etag = server:download(id).headers.etag
    for _, asked in ipairs { { "If-None-Match", etag, 304 }, { "If-None-Match", '"another"', 200 },
      { "If-Match", '"another"', 200 },
      { "If-Unmodified-Since", "Wed, 21 Oct 2015 07:28:00 GMT", 200 } } do
      local connection = server:send(("GET /down?id=%s HTTP/1.1\r\nHost: x\r\n"
        .. "X-Connection-Token: %s\r\n%s: %s\r\n\r\nGET /ping HTTP/1.0\r\n\r\n")
        :format(id, service.token, asked[1], asked[2]))
      local all = connection:receive "*a"
      connection:close()
      local first = all:match "^HTTP/1%.1 (%d+)"
      assert.equal(tostring(asked[3]), first, asked[1])
      -- The next request on the same connection gets its own answer.
      assert.truthy(all:find "pong$", all)
      assert.equal(asked[3] == 200, all:find(body, 1, true) ~= nil)
    end
    assert.truthy(server:rest() < 5)
  end)
end)

describe("HEAD of an attachment", function()
  it("gives the headers of the whole, whatever Range says", function()
    local whole = server:download(id)
    for _, headers in ipairs { {}, { Range = "bytes=5-6" }, { Range = "bytes=99999-" } } do
      local answer = server:download(id, headers, "HEAD")
      assert.equal(200, answer.status)
      assert.equal("", answer.body)
      assert.is_nil(answer.headers["content-range"])
      for _, name in ipairs { "content-length", "content-type", "content-disposition", "etag",
        "accept-ranges" } do
        assert.equal(whole.headers[name], answer.headers[name], name)
      end
    end
  end)

  it("fetches one byte of it, and keeps the connection to the store", function()
    service:admin("DELETE", "requests")
    for _ = 1, 3 do assert.equal(200, server:download(id, nil, "HEAD").status) end
    for _, request in ipairs(service:requests "GetObject") do
      assert.equal("bytes=0-0", request.headers.range)
    end
  end)
end)

describe("a part from a store that does not do as it is asked", function()
  local store, own
  setup(function()
    store = faults.start()
    own = gateway.start(service, { endpoint = store.url })
  end)
  teardown(function()
    own:remove()
    store:stop()
  end)

  local function fetch(steps, method, headers)
    store:script { object = steps }
    store:put("x", body)
    return own:download("x", headers or { Range = "bytes=10-19" }, method)
  end

  it("is the whole where the store sends that, another part, or another object's", function()
    for what, step in pairs {
      whole = { no_range = true },
      other = { content_range = "bytes 0-9/24000", body = body:sub(1, 10), status = 206 },
      longer = { content_range = "bytes 10-29/24000", body = body:sub(11, 30), status = 206 },
      envelope = { body = body:sub(11, 20), status = 206,
        headers = { ["Content-Type"] = "multipart/byteranges; boundary=x" } },
      precondition = { status = 412 },
    } do
      local answer = fetch { step }
      assert.equal(200, answer.status, what)
      assert.equal(body, answer.body, what)
    end
    local answer = fetch({ { etag = '"other"' } }, nil,
      { Range = "bytes=10-19", ["If-Range"] = '"tag-1"' })
    assert.equal(200, answer.status)
    assert.equal(body, answer.body)
    answer = fetch({ { no_range = true } }, "HEAD")
    assert.equal(200, answer.status)
    assert.equal("24000", answer.headers["content-length"])
  end)

  it("is an error where it has another size, or none of it", function()
    assert.equal(502, fetch({ { total = 100 } }).status)
    local answer = fetch { { status = 416, xml = "InvalidRange" } }
    assert.equal(416, answer.status)
    assert.equal("bytes */24000", answer.headers["content-range"])
  end)

  it("breaks the connection off where it breaks off", function()
    local result = (function()
      store:script { object = { { cut = 5000 } } }
      store:put("x", body)
      return process.run { "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-r", "0-9999",
        "-H", "X-Connection-Token: t", ("http://127.0.0.1:%d/down?id=x"):format(own.port) }
    end)()
    assert.not_equal(0, result.status)
    assert.equal("206", result.stdout)
  end)
end)
