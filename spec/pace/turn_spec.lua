-- How the calls of one map book turns, and what becomes of the others when one of them ends early.
local turn = require "connectparticipant.pace.turn"

local WORK = { operation = "SendMessage" }

-- A job of the group whose client has the pace; `waited` counts its waits for another's booking.
local function job_of(group, pace)
  local job = { outer = group, client = { pace = pace }, clock = { now = function() return 0 end },
    held = {}, waited = 0 }
  function job.patience() return 10 end
  function job.problem() end
  function job:hold(object, method) self.held[#self.held + 1] = { object, method } end
  job.loop = { await_end = function(_, own, _, ended)
    own.waited = own.waited + 1
    own.ended_at_once = ended()
  end }
  return job
end

local function release(job)
  for _, held in ipairs(job.held) do held[1][held[2]](held[1]) end
end

describe("a map's call that books turns for all", function()
  it("is waited for by the others, and by none once it has ended, however", function()
    local pace = { is_idle = function() return false end }
    local group = { expects = { SendMessage = 2 }, hold = function() end }
    local first, second, third = job_of(group, pace), job_of(group, pace), job_of(group, pace)
    function pace.reserve(_, _, _, job, count)
      if job ~= first then return 0 end
      assert.equal(2, count)
      turn.wait(second, WORK)
      assert.equal(1, second.waited)
      assert.is_false(second.ended_at_once)
      error("the light thread is killed", 0)
    end
    assert.has_error(function() turn.wait(first, WORK) end, "the light thread is killed")
    release(first)
    turn.wait(third, WORK)
    assert.equal(0, third.waited)
  end)
end)
