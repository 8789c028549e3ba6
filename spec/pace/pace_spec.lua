-- The pace after throttling, against a service simulated with a clock that nobody waits for.
local pace = require "connectparticipant.pace"

-- A token bucket as the service has it.
local function bucket(rate, burst, now)
  local tokens, at = burst, now()
  return function()
    tokens = math.min(burst, tokens + (now() - at) * rate)
    at = now()
    if tokens < 1 then return false end
    tokens = tokens - 1
    return true
  end
end

describe("the pace", function()
  it("costs nothing while nothing throttles", function()
    local pacer = pace.new(function() return 0 end)
    for _ = 1, 1000 do assert.equal(0, pacer:reserve "StartAttachmentUpload") end
  end)

  it("is kept for each operation apart", function()
    local time = 0
    local pacer = pace.new(function() return time end)
    pacer:reserve "StartAttachmentUpload"
    pacer:throttled "StartAttachmentUpload"
    pacer:reserve "StartAttachmentUpload"
    assert.truthy(pacer:reserve "StartAttachmentUpload" > 0)
    assert.equal(0, pacer:reserve "GetTranscript")
  end)

  it("brings 200 calls of 32 workers through 2 a second, with few refused", function()
    local time = 0
    local pacer = pace.new(function() return time end)
    local allow = bucket(2, 5, function() return time end)
    local queue, left, refused, done = {}, 200, 0, 0
    local function add(at) queue[#queue + 1] = at end
    for _ = 1, 32 do add(pacer:reserve "op") end
    left = left - 32
    while #queue > 0 do
      table.sort(queue)
      time = math.max(time, table.remove(queue, 1))
      if allow() then
        done = done + 1
        pacer:succeeded "op"
        if left > 0 then
          left = left - 1
          add(time + pacer:reserve "op")
        end
      else
        refused = refused + 1
        pacer:throttled "op"
        add(time + pacer:reserve "op")
      end
    end
    assert.equal(200, done)
    assert.truthy(refused < 60, refused .. " calls were refused")
    assert.truthy(time < 130, ("it took %.0f s, where 98 s are possible"):format(time))
  end)
end)
