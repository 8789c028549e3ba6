-- What `--json` writes: always valid, and the same bytes for the same value.
local cjson = require "cjson"
local unicode = require "connectparticipant.cli.unicode"
local json = require "connectparticipant.cli.json"

describe("a line of JSON", function()
  it("has sorted keys, and a list wherever AWS has one", function()
    assert.equal('{"Attachments":[],"Content":{},"MessageMetadata":{"Receipts":[]},"Type":"A"}',
      json.encode { Type = "A", Attachments = {}, MessageMetadata = { Receipts = {} },
        Content = {} })
    assert.equal('{"Transcript":[{"Id":"1"},{"Id":"2"}],"View":{"Actions":[]}}',
      json.encode { Transcript = { { Id = "1" }, { Id = "2" } }, View = { Actions = {} } })
    assert.equal('["a",["b"],{}]', json.encode { "a", { "b" }, {} })
  end)

  it("has integers for whole numbers, all digits of others, and null for NaN", function()
    assert.equal('{"a":104857600,"b":-3,"c":0.1,"d":1e+300,"e":null,"f":null}',
      json.encode { a = 104857600.0, b = -3, c = 0.1, d = 1e300, e = 0 / 0, f = math.huge })
    if rawget(math, "tointeger") then
      assert.equal("9007199254740993", json.encode(9007199254740993))
    end
    for _, number in ipairs { 1 / 3, 0.1 + 0.2, 2 ^ 53, -1e-7, 123456.789 } do
      assert.equal(number, tonumber(json.encode(number)))
    end
  end)

  it("is the same in a locale with decimal commas", function()
    local before = os.setlocale()
    if not os.setlocale "de_DE.UTF-8" and not os.setlocale "fr_FR.UTF-8" then return end
    local written = json.encode { 0.5, 1e300, 1 / 3 }
    os.setlocale(before)
    assert.equal(json.encode { 0.5, 1e300, 1 / 3 }, written)
  end)

  it("escapes what JSON forbids, and what could drive a terminal", function()
    assert.equal('"\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001b\\u007f"',
      json.encode "\"\\/\b\f\n\r\t\0\27\127")
  end)

  it("leaves UTF-8 as it is, and writes other bytes as \\xHH", function()
    local good = "é€😀\194\128\223\191\224\160\128\237\159\191\238\128\128\239\191\191"
      .. "\240\144\128\128\244\143\191\191"
    assert.equal('"' .. good .. '"', json.encode(good))
    local bad = { -- each byte of these is invalid by itself
      "\128", "\191", "\192\128", "\193\191", "\194", "\224\159\191", "\237\160\128", "\226\130",
      "\240\143\191\191", "\244\144\128\128", "\245\128\128\128", "\255", "\254",
    }
    for _, bytes in ipairs(bad) do
      local escaped = bytes:gsub(".", function(byte) return ("\\\\x%02X"):format(byte:byte()) end)
      assert.equal('"aé' .. escaped .. 'é"', json.encode("aé" .. bytes .. "é"))
      assert.equal("aé" .. escaped:gsub("\\\\", "\\") .. "é",
        cjson.decode("[" .. json.encode("aé" .. bytes .. "é") .. "]")[1])
    end
    assert.equal('{"\\\\xFF":1}', json.encode { ["\255"] = 1 })
  end)

  it("leaves out what JSON cannot express, and stops if a table contains itself", function()
    assert.equal('{"a":1}', json.encode { a = 1, b = print, c = coroutine.create(function() end) })
    assert.equal("[1,null]", json.encode { 1, print })
    local itself = {}
    itself.more = itself
    assert.equal("table", type(cjson.decode(json.encode(itself))))
  end)

  it("can be read back, whatever the bytes", function()
    local seed = 7
    local function random(most)
      seed = (seed * 16807) % 2147483647
      return seed % most
    end
    for _ = 1, 300 do
      local bytes = {}
      for index = 1, random(30) do bytes[index] = string.char(random(256)) end
      local text = table.concat(bytes)
      local line = json.encode { [text] = text, list = { text, #text } }
      assert.is_nil(line:find "[%z\1-\31\127]")
      assert.equal("table", type(cjson.decode(line)))
    end
  end)
end)

describe("what a terminal is shown", function()
  it("has no control character, of one byte or two, and no invalid byte", function()
    assert.equal("a?b?c\\xFFd", unicode.printable "a\27b\194\155c\255d")
  end)
end)
