-- The numbers of AWS's standard retry mode of 2026, with a fixed random source. Nothing waits.
local retry = require "connectparticipant.pace.retry"

local function always(value)
  return function() return value end
end

describe("the delay before a retry", function()
  it("grows from 50 ms for transient errors, and from 1 s for throttling", function()
    for index, wanted in ipairs { 0.05, 0.1, 0.2, 0.4, 0.8 } do
      assert.near(wanted, retry.delay(index - 1, false, nil, always(1)), 1e-9)
    end
    for index, wanted in ipairs { 1, 2, 4, 8, 16, 20, 20 } do
      assert.near(wanted, retry.delay(index - 1, true, nil, always(1)), 1e-9)
    end
  end)

  it("never passes 20 s, however many retries there were", function()
    assert.equal(20, retry.delay(2000, false, nil, always(1)))
  end)

  it("has full jitter", function()
    assert.equal(0, retry.delay(3, false, nil, always(0)))
    assert.near(0.2, retry.delay(3, false, nil, always(0.5)), 1e-9)
  end)

  it("follows the server from the delay itself to five seconds more", function()
    assert.near(1.5, retry.delay(0, false, 1.5, always(1)), 1e-9)
    assert.near(5.05, retry.delay(0, false, 60, always(1)), 1e-9)
    assert.near(4, retry.delay(2, true, 0.5, always(1)), 1e-9)
    assert.near(0, retry.delay(0, false, 0, always(0)), 1e-9)
  end)
end)

describe("the quota", function()
  it("pays for 35 transient retries, or for 100 of throttling", function()
    local quota, count = retry.quota(), 0
    while quota:acquire(false) do count = count + 1 end
    assert.equal(35, count)
    quota, count = retry.quota(), 0
    while quota:acquire(true) do count = count + 1 end
    assert.equal(100, count)
  end)

  it("gets the last retry's cost back from a success, and one where none was needed", function()
    local quota = retry.quota()
    assert.equal(14, quota:acquire(false))
    assert.equal(5, quota:acquire(true))
    quota:release(5)
    quota:release()
    local count = 0
    while quota:acquire(true) do count = count + 1 end
    assert.equal(math.floor((500 - 14 + 1) / 5), count)
  end)

  it("never holds more than 500", function()
    local quota = retry.quota()
    quota:release()
    quota:release(14)
    local count = 0
    while quota:acquire(false) do count = count + 1 end
    assert.equal(35, count)
  end)
end)
