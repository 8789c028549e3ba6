-- When a presigned URL expires.
local expiry = require "connectparticipant.attachment.expiry"

describe("the time of a UrlExpiry", function()
  it("is read with and without a fraction of a second", function()
    assert.equal(0, expiry.parse "1970-01-01T00:00:00Z")
    assert.equal(1691050546, expiry.parse "2023-08-03T08:15:46Z")
    assert.equal(1691050546.25, expiry.parse "2023-08-03T08:15:46.250Z")
    assert.equal(1709164800, expiry.parse "2024-02-29T00:00:00.000Z")
    assert.equal(1709164800.5, expiry.parse "2024-02-29T00:00:00.5Z")
  end)

  it("is the same in a locale whose decimal point is a comma", function()
    local before = os.setlocale(nil, "numeric")
    for _, name in ipairs { "de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "fr_FR" } do
      if os.setlocale(name, "numeric") then break end
    end
    local read = expiry.parse "2023-08-03T08:15:46.250Z"
    os.setlocale(before, "numeric")
    assert.equal(1691050546.25, read)
  end)

  it("is unknown where it is written in another way", function()
    assert.is_nil(expiry.parse(nil))
    assert.is_nil(expiry.parse "2023-08-03 08:15:46")
    for _, text in ipairs { "2023-08-03T08:15:46+02:00", "2023-08-03T08:15:46250Z",
      "2023-08-03T08:15:46.Z", "2023-08-03T08:15:46,5Z", "2023-13-03T08:15:46Z",
      "2023-00-03T08:15:46Z", "2023-08-32T08:15:46Z", "2023-08-03T24:15:46Z",
      "2023-08-03T08:60:46Z", "2023-08-03T08:15:61Z", "2023-08-03T08:15:46.1.2Z", "",
      "2023-08-03T08:15:46." .. ("9"):rep(400) .. "Z" } do
      assert.is_nil(expiry.parse(text), text)
    end
  end)
end)

describe("a presigned URL", function()
  local CLOSE = 1691050546 -- 2023-08-03T08:15:46Z
  local UNTIL = "2023-08-03T08:15:46Z"

  -- Clocks that show so many seconds before the expiry.
  local function before(seconds, monotonic)
    return { time = function() return CLOSE - seconds end, now = function() return monotonic end }
  end

  it("counts as expired a little early, since a transfer takes time", function()
    assert.equal(1055, expiry.moment(UNTIL, before(60, 1000)))
    assert.equal(1000.5, expiry.moment("2023-08-03T08:15:46.500Z", before(5, 1000)))
  end)

  it("has an unknown expiry if it seems expired on arrival", function()
    assert.is_nil(expiry.moment(UNTIL, before(5, 1000)))
    assert.is_nil(expiry.moment(UNTIL, before(-3600, 1000)))
  end)

  it("has an unknown expiry if none can be read", function()
    assert.is_nil(expiry.moment(nil, before(60, 1000)))
    assert.is_nil(expiry.moment("tomorrow", before(60, 1000)))
  end)

  it("has expired if the store says so", function()
    for code, message in pairs { ExpiredToken = "", RequestExpired = "", ExpiredRequest = "",
      AccessDenied = "Request has expired" } do
      assert.is_true(expiry.is_error { kind = "storage", code = code, message = message })
      assert.is_false(expiry.is_error { kind = "service", code = code, message = message })
    end
    assert.is_false(expiry.is_error { kind = "storage", code = "AccessDenied", message = "no" })
  end)
end)
