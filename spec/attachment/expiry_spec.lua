-- When a presigned URL ends.
local expiry = require "connectparticipant.attachment.expiry"

describe("the time of a UrlExpiry", function()
  it("is read with and without a fraction of a second", function()
    assert.equal(0, expiry.parse "1970-01-01T00:00:00Z")
    assert.equal(1691050546, expiry.parse "2023-08-03T08:15:46Z")
    assert.equal(1691050546.25, expiry.parse "2023-08-03T08:15:46.250Z")
    assert.equal(1709164800, expiry.parse "2024-02-29T00:00:00.000Z")
  end)

  it("is unknown where it is written in another way", function()
    assert.is_nil(expiry.parse(nil))
    assert.is_nil(expiry.parse "2023-08-03 08:15:46")
    assert.is_nil(expiry.parse "2023-08-03T08:15:46+02:00")
  end)
end)

describe("a presigned URL", function()
  local CLOSE = 1691050546 -- 2023-08-03T08:15:46Z
  local UNTIL = "2023-08-03T08:15:46Z"

  -- Clocks of a machine, so many seconds before the end.
  local function before(seconds, monotonic)
    return { time = function() return CLOSE - seconds end, now = function() return monotonic end }
  end

  it("has not passed while there is time to use it", function()
    assert.is_false(expiry.has_passed(UNTIL, 1000, before(60, 1000)))
    assert.is_false(expiry.has_passed(UNTIL, 1000, before(6, 1100)))
  end)

  it("has passed a little before its end, for a transfer takes time", function()
    assert.is_true(expiry.has_passed(UNTIL, 1000, before(5, 1100)))
    assert.is_true(expiry.has_passed(UNTIL, 1000, before(-10, 1100)))
  end)

  it("has not passed when it seemed over as soon as it was handed out", function()
    assert.is_false(expiry.has_passed(UNTIL, 1000, before(-3600, 1000)))
    assert.is_false(expiry.has_passed(UNTIL, 1000, before(-3600, 1100)))
  end)

  it("has not passed as far as anybody knows where its end is unknown", function()
    assert.is_false(expiry.has_passed(nil, 1000, before(-10, 1100)))
  end)
end)
