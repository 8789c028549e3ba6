-- What on_progress is told, and how it cancels.
local faults = require "spec.support.faults"
local flows = require "spec.support.flows"

local lab = flows.new()
setup(lab.open)
teardown(lab.close)
before_each(function() lab.begin() end)
after_each(lab.finish)

local failed = flows.failed
local upload, paths = lab.upload, lab.paths
local COMPLETE = flows.COMPLETE

describe("progress", function()
  it("rises to everything, and ends there", function()
    lab.server:script { faults.started(), faults.stored(), faults.ok() }
    local told = {}
    assert(upload { body = ("x"):rep(2000000), on_progress = function(sent, total)
      assert.equal(2000000, total)
      told[#told + 1] = sent
    end })
    assert.equal(2000000, told[#told])
    for index = 2, #told do assert.truthy(told[index] >= told[index - 1]) end
  end)

  it("cancels with false", function()
    lab.server:script { faults.started(), faults.stored(), faults.ok() }
    local result, err = upload { on_progress = function() return false end }
    failed(result, err, { kind = "cancelled", attachment_id = "attachment-1" })
    assert.is_nil(paths():find(COMPLETE, 1, true))
  end)

  it("that raises has its error passed on", function()
    lab.server:script { faults.started(), faults.stored(), faults.ok() }
    local ok, raised = pcall(upload, { on_progress = function() error({ mine = true }) end })
    assert.is_false(ok)
    assert.same({ mine = true }, raised)
  end)
end)
