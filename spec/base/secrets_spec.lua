-- Tokens, presigned URLs and proxies' passwords, in the forms in which servers echo them.
local core = require "connectparticipant.core"

-- As long as Connect's, and without repetition, so that every part is unique.
local function token_of(size, seed)
  local characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/"
  local out, state = {}, seed or 7
  for i = 1, size do
    state = (state * 1103515245 + 12345) % 2147483648
    local at = math.floor(state / 65536) % #characters + 1
    out[i] = characters:sub(at, at)
  end
  return table.concat(out)
end

local TOKEN = token_of(500)
local LONGEST_LEFT = 7

-- The length of the longest run of a secret's bytes in a text.
local function shown(text, secret)
  local longest = 0
  for from = 1, #secret do
    while from + longest <= #secret and text:find(secret:sub(from, from + longest), 1, true) do
      longest = longest + 1
    end
  end
  return longest
end

local function cleaned(message, secrets)
  local fields = { kind = "service", code = "x", message = message }
  for name, value in pairs(secrets or { token = TOKEN }) do fields[name] = value end
  return core.new_error(fields).message
end

local FORMS = {
  verbatim = function(c) return c end,
  ["percent-encoded, upper"] = function(c) return ("%%%02X"):format(c:byte()) end,
  ["percent-encoded, lower"] = function(c) return ("%%%02x"):format(c:byte()) end,
  ["percent-encoded twice"] = function(c) return ("%%25%02X"):format(c:byte()) end,
  ["HTML, decimal"] = function(c) return ("&#%d;"):format(c:byte()) end,
  ["HTML, hexadecimal"] = function(c) return ("&#x%X;"):format(c:byte()) end,
  ["HTML, without semicolons"] = function(c) return ("&#%03d"):format(c:byte()) end,
  ["HTML twice"] = function(c) return ("&amp;#x%x;"):format(c:byte()) end,
  ["JSON"] = function(c) return ("\\u%04x"):format(c:byte()) end,
  ["JSON in JSON"] = function(c) return ("\\\\u%04X"):format(c:byte()) end,
  ["JSON in JSON in JSON"] = function(c) return ("\\\\\\\\u%04X"):format(c:byte()) end,
  ["JavaScript"] = function(c) return ("\\x%02x"):format(c:byte()) end,
}

local NAMED = { ["+"] = "&plus;", ["="] = "&equals;", ["/"] = "\\/", ["_"] = "&lowbar;" }

describe("a token", function()
  for name, form in pairs(FORMS) do
    it("is found " .. name, function()
      assert.equal("bad [redacted] here", cleaned("bad " .. TOKEN:gsub(".", form) .. " here"))
    end)

    it("is found if all but its letters are " .. name, function()
      local partly = TOKEN:gsub("%W", form)
      if not form("a"):match("&#%d+$") then -- a digit after it would belong to the number
        assert.equal("bad [redacted] here", cleaned("bad " .. partly .. " here"))
      end
    end)
  end

  it("is found in another case, and in the other alphabet of base64", function()
    local other = { ["-"] = "+", ["_"] = "/", ["+"] = "-", ["/"] = "_" }
    for _, told in ipairs { TOKEN:lower(), TOKEN:upper(), (TOKEN:gsub(".", other)),
      (TOKEN:lower():gsub(".", other)), (TOKEN:gsub("[%a/+]", function(c)
        return ("%%%02X"):format((other[c] or c:upper()):byte())
      end)) } do
      assert.equal("bad [redacted] here", cleaned("bad " .. told .. " here"))
    end
    for _, told in ipairs { TOKEN:lower(), (TOKEN:gsub(".", other)) } do
      assert.equal("[redacted]", cleaned(told:sub(-7)))
    end
  end)

  it("is found with named entities and escaped slashes", function()
    assert.equal("bad [redacted]", cleaned("bad " .. TOKEN:gsub("%W", NAMED)))
  end)

  it("is found in any mixture of forms", function()
    local names, all = {}, {}
    for name in pairs(FORMS) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do
      -- Without a semicolon, a digit after it would belong to the number.
      if name ~= "HTML, without semicolons" then all[#all + 1] = FORMS[name] end
    end
    local count = 0
    local mixed = TOKEN:gsub(".", function(c)
      count = count + 1
      return all[count * 7 % #all + 1](c)
    end)
    assert.equal("<[redacted]>", cleaned("<" .. mixed .. ">"))
  end)

  it("is found after what looks like the beginning of an escape", function()
    for _, before in ipairs { "%", "&", "\\", "%2", "&#4", "\\u00", "100%", "C:\\" } do
      for _, form in pairs(FORMS) do
        local hex = "4c" .. TOKEN
        local text = cleaned(before .. hex:gsub(".", form), { token = hex })
        assert.is_true(shown(text, hex) <= LONGEST_LEFT, text)
      end
    end
  end)

  it("is found beside escapes of no character, which stay", function()
    for _, broken in ipairs { "&#xD800;", "&#0;", "&nbsp;", "\\ud83d", "\\u0000", "%zz", "\\q" } do
      assert.equal(broken .. " [redacted] &#43;", cleaned(broken .. " " .. TOKEN .. " &#43;"))
      assert.equal("[redacted]", cleaned((TOKEN:gsub("%W", FORMS.JSON))))
    end
  end)

  it("is found in wrapped lines", function()
    for _, ending in ipairs { "\n", "\r\n", "\\n", "\r\n  ", "%0A", "&#10;" } do
      local text = cleaned("got:" .. ending .. TOKEN:gsub(("."):rep(64), "%0" .. ending))
      assert.is_true(shown(text, TOKEN) <= LONGEST_LEFT, text)
    end
  end)

  it("is found wherever it was cut", function()
    for cut = 1, #TOKEN - 1, 3 do
      local first, rest = TOKEN:sub(1, cut), TOKEN:sub(cut + 1)
      for _, text in ipairs { "ends with " .. first, rest .. " begins it", first, rest,
        "token " .. first .. "... is invalid", "token ..." .. rest .. " is invalid" } do
        local clean = cleaned(text)
        assert.is_true(shown(clean, TOKEN) <= LONGEST_LEFT, clean)
      end
    end
  end)

  it("is found in pieces at both ends of what was cut, down to four characters", function()
    for size = 4, 20 do
      assert.equal("ends with [redacted]", cleaned("ends with " .. TOKEN:sub(1, size)))
      assert.equal("[redacted] begins it", cleaned(TOKEN:sub(-size) .. " begins it"))
    end
    assert.equal("ends with " .. TOKEN:sub(1, 3), cleaned("ends with " .. TOKEN:sub(1, 3)))
  end)

  it("is found in parts of sixteen characters and more", function()
    for from = 2, #TOKEN - 20, 5 do
      assert.equal("has [redacted] inside", cleaned("has " .. TOKEN:sub(from, from + 15)
        .. " inside"))
    end
  end)

  it("is found when it repeats itself, and every time", function()
    for _, token in ipairs { ("ab"):rep(300), ("SECRET-"):rep(100), ("x"):rep(64) } do
      assert.equal("a [redacted] b [redacted] c",
        cleaned("a " .. token .. " b " .. token .. " c", { token = token }))
    end
    assert.equal("[redacted]", cleaned(TOKEN .. TOKEN .. TOKEN))
  end)

  it("is found when it is longer than any of AWS's", function()
    local long = token_of(20000)
    assert.equal("a [redacted] b", cleaned("a " .. long .. " b", { token = long }))
    for cut = 4000, 12500, 500 do
      assert.equal("a [redacted] b", cleaned("a " .. long:sub(cut, cut + 99) .. " b",
        { token = long }))
    end
  end)

  it("hides no ordinary words if it is short and consists of them", function()
    assert.equal("connection refused: token", cleaned("connection refused: token",
      { token = "connection-token" }))
    assert.equal("it is a tok", cleaned("it is a tok", { token = "tok" }))
    assert.equal("a [redacted] b", cleaned("a connection-token b", { token = "connection-token" }))
  end)

  it("is taken out before a text is cut", function()
    for before = 1990, 2060, 7 do
      local text = cleaned(("x"):rep(before) .. TOKEN .. ("y"):rep(100))
      assert.is_true(shown(text, TOKEN) <= LONGEST_LEFT)
      assert.is_true(#text <= 2051)
    end
  end)

  it("is found in long texts", function()
    local text = ("%41&amp;\\u0041 "):rep(5000)
    assert.is_true(shown(cleaned(TOKEN .. text), TOKEN) <= LONGEST_LEFT)
  end)

  it("is left out of every field", function()
    local err = core.new_error { kind = "service", code = TOKEN, message = TOKEN, token = TOKEN,
      request_id = TOKEN, attachment_id = TOKEN, hint = TOKEN }
    for _, value in pairs(err) do assert.is_true(shown(tostring(value), TOKEN) <= LONGEST_LEFT) end
    assert.is_true(shown(tostring(err), TOKEN) <= LONGEST_LEFT)
  end)
end)

describe("a presigned URL", function()
  local signature = ("0123456789abcdef"):rep(4)
  local session = token_of(900, 3)
  local function escaped(text)
    return (text:gsub("[^%w._-]", function(c) return ("%%%02X"):format(c:byte()) end))
  end
  local url = "https://store.example/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date="
    .. "20260101T000000Z&X-Amz-SignedHeaders=host&X-Amz-Expires=900&X-Amz-Security-Token="
    .. escaped(session) .. "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20260101%2Fus-east-1%2Fs3"
    .. "%2Faws4_request&X-Amz-Signature=" .. signature
  local secrets = { url = url }

  it("keeps its path, and loses its query", function()
    assert.equal("PUT https://store.example/key?[redacted] failed",
      cleaned("PUT " .. url .. " failed", secrets))
    assert.equal("PUT https://store.example/key?[redacted] failed",
      cleaned("PUT " .. url:gsub("&", "&amp;") .. " failed", secrets))
    local text = cleaned("PUT " .. escaped(url), secrets)
    for _, secret in ipairs { session, signature, "AKIAIOSFODNN7EXAMPLE" } do
      assert.is_true(shown(text, secret) <= LONGEST_LEFT, text)
    end
  end)

  it("loses each secret value, bare, decoded, or in pieces", function()
    for _, told in ipairs { signature, session, escaped(session), "AKIAIOSFODNN7EXAMPLE",
      "AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/s3/aws4_request", session:sub(200, 260),
      signature:sub(1, 20), session:sub(1, 9), escaped(escaped(session)), signature:upper(),
      session:lower() } do
      assert.equal("got [redacted].", cleaned("got " .. told .. ".", secrets))
    end
  end)

  it("does not hide the names and ordinary words of its query", function()
    for _, text in ipairs { "it requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
      .. "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
      "AWS4-HMAC-SHA256 is supported", "invalid_request in us-east-1", "900 s are over",
      "X-Amz-Signature is required", "the header X-Amz-Bearer: missing" } do
      local kept = cleaned(text, secrets)
      if text:find("Bearer", 1, true) then text = "the header X-Amz-Bearer: [redacted]" end
      assert.equal(text, kept)
    end
  end)

  it("that is another's loses its secret parameters in any case and form", function()
    for _, told in ipairs { "X-Amz-Signature=0f1e2d", "x-amz-signature=0f1e2d",
      "X-AMZ-SIGNATURE=0f1e2d", "X-Amz-Signature%3D0f1e2d", "X-Amz-Signature&#61;0f1e2d",
      "X%2DAmz%2DSignature%3d0f1e2d", "X-Amz-Credential: 0f1e2d",
      "\"X-Amz-Security-Token\": \"0f1e2d\"",
      "\\\"x-amz-bearer\\\":\\\"0f1e2d\\\"", "X-Amz-Bearer 0f1e2d4567890abcdef",
      "https%3A%2F%2Fs%2F%3FX-Amz-Signature%3D0f1e2d%26X-Amz-Date%3D1" } do
      local text = cleaned("a " .. told .. " b", {})
      assert.is_nil(text:find("0f1e2d", 1, true), text)
      assert.equal(" b", text:sub(-2))
    end
  end)

  it("loses values of parameters that we do not know", function()
    local other = { url = "https://cdn.example/key?Policy=eyJTdGF0ZW1lbnQi"
      .. "&Key-Pair-Id=K2JCJMDEHXQW5F" }
    for _, told in ipairs { "eyJTdGF0ZW1lbnQi", "K2JCJMDEHXQW5F" } do
      assert.equal("got [redacted].", cleaned("got " .. told .. ".", other))
    end
  end)
end)

describe("a proxy's password", function()
  it("is found in the form in which libcurl reports it", function()
    local proxy = { proxy = "http://user:pa%40ssword1@proxy.example:3128" }
    for _, told in ipairs { "user:pa%40ssword1@", "user:pa@ssword1@", "pa%40ssword1",
      "pa@ssword1" } do
      local text = cleaned("Unsupported proxy syntax in 'http://" .. told .. "proxy.example'",
        proxy)
      assert.is_nil(text:find("ssword1", 1, true), text)
      assert.truthy(text:find("proxy.example", 1, true))
    end
  end)

  it("is found where it breaks the URL", function()
    local proxy = { proxy = "http://user:pass/word9@proxy.example:3128" }
    for _, told in ipairs { "user:pass/word9@proxy.example", "pass/word9" } do
      assert.is_nil(cleaned("cannot resolve " .. told, proxy):find("word9", 1, true))
    end
    assert.equal("bad [redacted]proxy", cleaned("bad u:p@proxy", { proxy = "http://u:p@proxy" }))
  end)

  it("is found in any URL, also of a proxy that the environment names", function()
    assert.equal("in http://[redacted]@proxy:1 here", cleaned("in http://u:p@proxy:1 here", {}))
    assert.equal("see https://store/a@b", cleaned("see https://store/a@b", {}))
  end)
end)
