-- The emulator's object store: presigned URLs are verified as S3 does, and bytes are kept exactly.
local emulated = require "spec.support.emulated"
local http = require "spec.support.http"
local socket = require "socket"

local service, token
setup(function()
  service = emulated.start()
  token = service:connect()
end)
teardown(function() service:stop() end)

local function refused(answer, status, code)
  assert.equal(status, answer.status, answer.body)
  assert.equal("application/xml", answer.headers["content-type"])
  assert.equal(code, answer.body:match("<Code>(.-)</Code>"))
  assert.truthy(answer.body:match("<RequestId>%x+</RequestId>"))
  return answer.body
end

local function with_url(begun, change)
  local url = change(begun.UploadMetadata.Url)
  local headers = begun.UploadMetadata.HeadersToInclude
  return { UploadMetadata = { Url = url, HeadersToInclude = headers } }
end

describe("a PUT", function()
  it("as the service said is stored", function()
    local answer = emulated.put(service:begin(token, 5), "hello")
    assert.equal(200, answer.status)
    assert.truthy(answer.headers.etag)
    assert.equal("", answer.body)
  end)

  it("keeps every byte", function()
    local bytes = {}
    for index = 0, 99999 do bytes[index + 1] = string.char(index * 7 % 256) end
    local body = table.concat(bytes)
    local begun = service:begin(token, #body)
    emulated.put(begun, body)
    service:complete(token, begun.AttachmentId)
    local got = service:call("attachment", token, { AttachmentId = begun.AttachmentId }).result
    local port, path = http.split(got.Url)
    assert.is_true(http.request { port = port, path = path }.body == body)
    local part = http.request { port = port, path = path, headers = { Range = "bytes=99990-" } }
    assert.equal(206, part.status)
    assert.is_true(part.body == body:sub(99991))
  end)

  it("with a header missing, changed or added is refused", function()
    local begun = service:begin(token, 5)
    for name in pairs(begun.UploadMetadata.HeadersToInclude) do
      if name ~= "Content-Length" then
        refused(emulated.put(begun, "hello", { [name] = false }), 403, "SignatureDoesNotMatch")
        local body = refused(emulated.put(begun, "hello", { [name] = "other" }), 403,
          "SignatureDoesNotMatch")
        assert.truthy(body:find("<StringToSign>", 1, true))
      end
    end
    local body = refused(emulated.put(begun, "hello", { ["x-amz-meta-new"] = "1" }), 403,
      "AccessDenied")
    assert.truthy(body:find("There were headers present in the request which were not signed", 1,
      true))
    refused(emulated.put(begun, "hello", { Authorization = "Bearer x" }), 400, "InvalidArgument")
    assert.equal(200, emulated.put(begun, "hello", { ["User-Agent"] = "free" }).status)
  end)

  it("with another length is refused", function()
    local begun = service:begin(token, 5)
    refused(emulated.put(begun, "hell", { ["Content-Length"] = "4" }), 403, "SignatureDoesNotMatch")
    refused(emulated.put(begun, "hello!", { ["Content-Length"] = "6" }), 403,
      "SignatureDoesNotMatch")
  end)

  it("without a length, or chunked, is refused", function()
    local begun = service:begin(token, 5)
    local headers = {}
    for name, value in pairs(begun.UploadMetadata.HeadersToInclude) do headers[name] = value end
    headers["Content-Length"], headers["Transfer-Encoding"] = nil, "chunked"
    local port, path = http.split(begun.UploadMetadata.Url)
    local answer = http.request { port = port, path = path, method = "PUT", headers = headers,
      body = "5\r\nhello\r\n0\r\n\r\n", framing = false }
    assert.truthy(answer.status >= 400)
    assert.equal(400, service:complete(token, begun.AttachmentId).status)
  end)

  it("to a URL that was changed is refused", function()
    local begun = service:begin(token, 5)
    refused(emulated.put(with_url(begun, function(url)
      return (url:gsub("X%-Amz%-Signature=%x", "X-Amz-Signature=x"))
    end), "hello"), 403, "SignatureDoesNotMatch")
    refused(emulated.put(with_url(begun, function(url)
      return (url:gsub("X%-Amz%-Expires=%d+", "X-Amz-Expires=604800"))
    end), "hello"), 403, "SignatureDoesNotMatch")
    refused(emulated.put(with_url(begun, function(url)
      return (url:gsub("(attachments/)%x%x%x%x", "%1ffff"))
    end), "hello"), 403, "SignatureDoesNotMatch")
    refused(emulated.put(with_url(begun, function(url) return (url:gsub("%?.*", "")) end), "hello"),
      403, "AccessDenied")
  end)

  it("after the URL's end is refused", function()
    local begun = service:begin(token, 5)
    service:admin("POST", "settings", { clock_skew = 901 })
    local answer = emulated.put(begun, "hello")
    service:admin("POST", "settings", { clock_skew = 0 })
    local body = refused(answer, 403, "AccessDenied")
    assert.truthy(body:find("<Message>Request has expired</Message>", 1, true))
    assert.truthy(body:find("<ServerTime>", 1, true))
  end)

  it("by another method is refused", function()
    local port, path = http.split(service:begin(token, 5).UploadMetadata.Url)
    refused(http.request { port = port, path = path, method = "DELETE" }, 405, "MethodNotAllowed")
    refused(http.request { port = port, path = path, method = "GET" }, 403, "SignatureDoesNotMatch")
  end)
end)

-- The PUT as bytes, to be sent in ways in which no proper client would.
local function bytes_of(begun, extra)
  local _, path = http.split(begun.UploadMetadata.Url)
  local lines = { "PUT " .. path .. " HTTP/1.1", "Host: 127.0.0.1:" .. service.port }
  for name, value in pairs(begun.UploadMetadata.HeadersToInclude) do
    lines[#lines + 1] = name .. ": " .. value
  end
  lines[#lines + 1] = extra
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

describe("a PUT that breaks off", function()
  local function send(bytes, how)
    local connection = assert(socket.connect("127.0.0.1", service.port))
    connection:settimeout(10)
    connection:send(bytes)
    if how then connection:shutdown "send" end
    local all, _, partial = connection:receive "*a"
    connection:close()
    return all or partial
  end

  it("is IncompleteBody when it is over, and RequestTimeout when it stalls", function()
    local begun = service:begin(token, 5)
    assert.truthy(send(bytes_of(begun) .. "hel", true):find("<Code>IncompleteBody</Code>", 1, true))
    service:admin("POST", "settings", { body_timeout = 0.05 })
    local answer = send(bytes_of(begun) .. "hel")
    service:admin("POST", "settings", { body_timeout = 20 })
    assert.truthy(answer:match "^HTTP/1.1 400")
    assert.truthy(answer:find("<Code>RequestTimeout</Code>", 1, true))
    assert.truthy(answer:find("Connection: close", 1, true))
    assert.equal(400, service:complete(token, begun.AttachmentId).status)
  end)

  it("was not asked to go on, when it is refused and waits for that", function()
    local connection = assert(socket.connect("127.0.0.1", service.port))
    connection:settimeout(10)
    connection:send(bytes_of(service:begin(token, 5), "Expect: 100-continue\r\nx-amz-new: 1"))
    assert.equal("HTTP/1.1 403 Forbidden", connection:receive "*l")
    connection:close()
    connection = assert(socket.connect("127.0.0.1", service.port))
    connection:settimeout(10)
    connection:send(bytes_of(service:begin(token, 5), "Expect: 100-continue"))
    assert.equal("HTTP/1.1 100 Continue", connection:receive "*l")
    connection:close()
  end)

  it("is refused for being chunked, without length, or too large, whoever signed it", function()
    local begun = service:begin(token, 5)
    local port, path = http.split(begun.UploadMetadata.Url)
    local function put(headers)
      return http.request { port = port, path = path, method = "PUT", headers = headers,
        framing = false }
    end
    refused(put { ["Transfer-Encoding"] = "chunked" }, 501, "NotImplemented")
    refused(put {}, 411, "MissingContentLength")
    refused(put { ["Content-Length"] = "5368709121" }, 400, "EntityTooLarge")
  end)
end)

describe("digests", function()
  it("are the object's MD5, which S3 checks when it is sent along", function()
    local answer = emulated.put(service:begin(token, 5), "hello",
      { ["Content-MD5"] = "XUFAKrxLKna5cZ2REBfFkg==" })
    assert.equal(200, answer.status)
    assert.equal('"5d41402abc4b2a76b9719d911017c592"', answer.headers.etag)
    local begun = service:begin(token, 5)
    refused(emulated.put(begun, "hellO", { ["Content-MD5"] = "XUFAKrxLKna5cZ2REBfFkg==" }), 400,
      "BadDigest")
    refused(emulated.put(begun, "hello", { ["Content-MD5"] = "nonsense" }), 400, "InvalidDigest")
    assert.equal(400, service:complete(token, begun.AttachmentId).status)
  end)
end)

describe("a completed object", function()
  local url, begun
  setup(function()
    begun = service:begin(token, 5)
    emulated.put(begun, "hello")
    service:complete(token, begun.AttachmentId)
    url = service:call("attachment", token, { AttachmentId = begun.AttachmentId }).result.Url
  end)

  local function get(headers, changed)
    local port, path = http.split(changed or url)
    return http.request { port = port, path = path, headers = headers }
  end

  it("stays as it is, whoever still has the URL of its upload", function()
    assert.equal(200, emulated.put(begun, "other").status)
    assert.equal("hello", get().body)
  end)

  it("comes with what S3 says of it", function()
    local answer = get()
    assert.equal('"5d41402abc4b2a76b9719d911017c592"', answer.headers.etag)
    assert.equal("text/plain", answer.headers["content-type"])
    assert.equal('attachment; filename="a.txt"', answer.headers["content-disposition"])
    refused(get { Range = "bytes=5-" }, 416, "InvalidRange")
    refused(get { ["If-Match"] = '"other"' }, 412, "PreconditionFailed")
    assert.equal(200, get({ ["If-Match"] = answer.headers.etag }).status)
  end)

  it("is behind a URL of which no part may be missing or wrong", function()
    for _, name in ipairs { "Algorithm", "Credential", "Date", "Expires", "SignedHeaders" } do
      refused(get(nil, (url:gsub("X%-Amz%-" .. name .. "=[^&]*&?", ""))), 400,
        "AuthorizationQueryParametersError")
    end
    local function changed(name, value)
      return get(nil, (url:gsub("(X%-Amz%-" .. name .. "=)[^&]*", "%1" .. value)))
    end
    local malformed = "AuthorizationQueryParametersError"
    refused(changed("Algorithm", "AWS4"), 400, malformed)
    refused(changed("Credential", "nonsense"), 400, malformed)
    refused(changed("Date", "today"), 400, malformed)
    refused(changed("Expires", "soon"), 400, malformed)
    refused(changed("Expires", "-1"), 400, malformed)
    refused(changed("Expires", "604801"), 400, malformed)
    refused(changed("Security%-Token", "other"), 400, "InvalidToken")
    refused(changed("SignedHeaders", "range"), 403, "AccessDenied")
    refused(get(nil, (url:gsub("ASIA", "AKIA"))), 403, "InvalidAccessKeyId")
    service:admin("POST", "settings", { clock_skew = -1000 })
    local answer = get()
    service:admin("POST", "settings", { clock_skew = 0 })
    assert.truthy(refused(answer, 403, "AccessDenied"):find("Request is not valid yet", 1, true))
  end)
end)

describe("an upload that nobody completes", function()
  it("is forgotten some time after its URL has ended, and no longer counts", function()
    service:admin("POST", "settings", { quota = 1 })
    local own = service:connect()
    local begun = service:begin(own, 5)
    emulated.put(begun, "hello")
    assert.equal(402, service:call("start-attachment-upload", own, { ContentType = "text/plain",
      AttachmentSizeInBytes = 5, AttachmentName = "b.txt", ClientToken = "b" }).status)
    service:admin("POST", "settings", { clock_skew = 1000 })
    assert.truthy(service:begin(own, 5).AttachmentId)
    assert.equal(400, service:complete(own, begun.AttachmentId).status)
    service:admin("POST", "settings", { clock_skew = 0, quota = 35 })
    for _, attachment in ipairs(service:admin("GET", "attachments").attachments) do
      assert.not_equal(begun.AttachmentId, attachment.AttachmentId)
    end
  end)
end)

describe("what the service promises", function()
  it("is what the URL says", function()
    local metadata = service:begin(token, 5).UploadMetadata
    local date, expires = metadata.Url:match("X%-Amz%-Date=(%w+)&X%-Amz%-Expires=(%d+)")
    assert.equal("900", expires)
    local day, hour, minute, second = date:match("^%d%d%d%d%d%d(%d%d)T(%d%d)(%d%d)(%d%d)Z$")
    local function seconds(d, h, m, s) return ((d * 24 + h) * 60 + m) * 60 + s end
    local at = { metadata.UrlExpiry:match("%-(%d%d)T(%d%d):(%d%d):(%d%d)%.000Z$") }
    local difference = seconds(at[1], at[2], at[3], at[4]) - seconds(day, hour, minute, second)
    assert.truthy(difference == 900 or difference < 0) -- over the end of a month
    local signed = metadata.Url:match("X%-Amz%-SignedHeaders=([^&]+)"):gsub("%%3B", ";")
    for name in pairs(metadata.HeadersToInclude) do
      assert.truthy((";" .. signed .. ";"):find(";" .. name:lower() .. ";", 1, true))
    end
    assert.truthy(#metadata.Url <= 2000)
  end)
end)
