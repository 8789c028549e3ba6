-- The error object: its fields, how it prints, and what it never shows.
local core = require "connectparticipant.core"
local process = require "spec.support.process"

local function new(changes)
  local fields = { kind = "storage", code = "AccessDenied", message = "Request has expired" }
  for name, value in pairs(changes or {}) do fields[name] = value end
  return core.new_error(fields)
end

describe("an error", function()
  it("prints as one line that says where, what, and the request id", function()
    local err = new { operation = "StartAttachmentUpload", step = "put", status = 403,
      request_id = "4242" }
    assert.equal("StartAttachmentUpload: put: AccessDenied: Request has expired"
      .. " [status 403, request id 4242]", tostring(err))
    assert.equal("AccessDenied: Request has expired", tostring(new()))
    assert.equal("AccessDenied: Request has expired [request id 1]",
      tostring(new { request_id = "1" }))
  end)

  it("shows our advice beside the message, and keeps the message as it was said", function()
    local err = new { hint = "start over with a new URL", status = 403 }
    assert.equal("Request has expired", err.message)
    assert.equal("AccessDenied: Request has expired (start over with a new URL) [status 403]",
      tostring(err))
    err = new { hint = "not tok_1234", token = "tok_1234" }
    assert.equal("not [redacted]", err.hint)
  end)

  it("carries the option that is wrong, and what was raised", function()
    local cause = {}
    local err = new { option = "ca_file", cause = cause }
    assert.equal("ca_file", err.option)
    assert.equal(cause, err.cause)
  end)

  it("leaves out fields of the wrong type", function()
    local err = new { status = 1e300, attempts = -1, retry_after = "soon", request_id = {},
      attachment_id = 5, token = 7, url = print, hint = true }
    local fields = {}
    for name, value in pairs(err) do fields[name] = value end
    assert.same({ kind = "storage", code = "AccessDenied", message = "Request has expired",
      retryable = false, throttled = false }, fields)
    assert.error_matches(function() core.new_error { kind = 1, code = "a", message = "b" } end,
      "kind, code and message")
  end)

  it("prints whatever was done to its fields", function()
    local err = new { request_id = "1" }
    err.message, err.status, err.request_id, err.code = {}, 1e300, false, 404
    assert.equal("unknown error", tostring(err))
  end)

  it("can be joined to strings from either side", function()
    assert.equal("failed: AccessDenied: Request has expired", "failed: " .. new())
    assert.equal("AccessDenied: Request has expired!", new() .. "!")
  end)

  it("is a plain table with a named metatable", function()
    local err = new { attempts = 3, retryable = true, attachment_id = "a", retry_after = 1.5 }
    local fields = {}
    for name, value in pairs(err) do fields[name] = value end
    assert.same({ kind = "storage", code = "AccessDenied", message = "Request has expired",
      attempts = 3, retryable = true, throttled = false, attachment_id = "a", retry_after = 1.5 },
      fields)
    assert.equal("connectparticipant.error", getmetatable(err).__name)
  end)

  it("keeps a token out of every field, also percent-encoded", function()
    local token = "tok+en/with=signs"
    local err = new { token = token, message = "got " .. token .. " and tok%2Ben%2Fwith%3Dsigns",
      request_id = token, code = token }
    for _, value in pairs(err) do
      assert.is_nil(tostring(value):find("tok", 1, true))
    end
  end)

  it("keeps the query of a presigned URL out", function()
    local err = new { url = "https://store/key?secret=1&also=2",
      message = "PUT https://store/key?secret=1&also=2 failed" }
    assert.equal("PUT https://store/key?[redacted] failed", err.message)
  end)

  it("keeps the values of its secret parameters out, also alone and decoded", function()
    local url = "https://store/key?X-Amz-Expires=900&X-Amz-Credential=AKIA%2f2026"
      .. "&x-amz-signature=0f1e"
    for _, told in ipairs { "0f1e", "AKIA%2f2026", "AKIA/2026", "X-Amz-Signature=0f1e" } do
      local err = new { url = url, message = "900: " .. told, code = told, request_id = told }
      for _, value in pairs(err) do
        assert.is_nil(tostring(value):find("0f1e", 1, true))
        assert.is_nil(tostring(value):find("AKIA", 1, true))
      end
      assert.equal("900: ", err.message:sub(1, 5))
    end
  end)

  it("keeps control characters and broken UTF-8 out", function()
    local err = new { message = "a\r\nb\27[31m\255c\0d" }
    assert.equal("a  b [31m?c", err.message:sub(1, 11))
  end)

  it("is bounded", function()
    assert.is_true(#new { message = ("é"):rep(10000) }.message <= 2051)
  end)
end)

describe("doc/errors.md", function()
  it("lists every code that is made here", function()
    local text = process.run { "sh", "-c", "find csrc lua -name '*.[cl]*' "
      .. "-not -path '*/emulator/*' -exec cat {} +", cwd = process.root }.stdout
    local doc = process.run { "cat", "doc/errors.md", cwd = process.root }.stdout
    local found = 0
    for _, pattern in ipairs { 'fault_set%([^"]-"%l+",%s*"(%u%w+)"', 'failure%.%l+%("(%u%w+)"',
      '%.code = "(%u%w+)"', ' code = "(%u%w+)"', 'failure%.configuration%([^"]-"(%u%w+)"%)' } do
      for code in text:gmatch(pattern) do
        found = found + 1
        -- errno's names are the system's.
        assert.truthy(code:find "^E%u+$" or doc:find("`" .. code .. "`", 1, true), code)
      end
    end
    assert.is_true(found > 20)
  end)
end)
