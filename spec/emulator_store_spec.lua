-- The emulator's object store: presigned URLs are verified as S3 does, and bytes are kept exactly.
local emulated = require "spec.support.emulated"
local http = require "spec.support.http"

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
