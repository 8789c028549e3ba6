-- When on_progress is called, with what, and how it cancels.
local clocks = require "spec.support.clock"
local faults = require "spec.support.faults"
local flows = require "spec.support.flows"

local lab = flows.new()
setup(lab.open)
teardown(lab.close)
before_each(function() lab.begin() end)
after_each(lab.finish)

local failed = flows.failed
local upload, download, paths = lab.upload, lab.download, lab.paths
local COMPLETE = flows.COMPLETE

describe("progress", function()
  it("rises to the total, and ends there", function()
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

describe("progress of what hangs", function()
  local clock, told
  before_each(function()
    clock, told = clocks.hasty(), {}
    lab.begin({}, clock)
  end)

  -- A callback that records its calls and their times; call number `last` cancels.
  local function telling(last)
    return function(moved, total)
      told[#told + 1] = { moved = moved, total = total, at = clock.now() }
      if #told == last then return false end
    end
  end

  -- Asserts that it was called at least once a second, and that `moved` never decreased.
  local function check_told(began)
    for index, now in ipairs(told) do
      local before = told[index - 1] or { at = began, moved = 0 }
      assert.truthy(now.at - before.at < 1.1, now.at - before.at)
      assert.truthy(now.moved >= before.moved and now.moved < now.total)
    end
  end

  local SIZE = 100000
  local HANGS = {
    ["a store that takes nothing"] = { "put", function()
      lab.server:script { faults.started(), { hang = "request" } }
      return upload { on_progress = telling(4) }
    end },
    ["a store that does not answer"] = { "get", function()
      lab.server:script { faults.got(SIZE), { hang = "request" } }
      return download { on_progress = telling(4) }
    end },
    ["a store that stops in the middle, and a string"] = { "get", function()
      lab.server:script { faults.got(SIZE), { size = SIZE, after = 50000, hang = "middle" } }
      return download { on_progress = telling(4) }
    end },
    ["a store that stops in the middle, and a file"] = { "get", function()
      lab.server:script { faults.got(SIZE), { size = SIZE, after = 50000, hang = "middle" } }
      return download { on_progress = telling(4), path = lab.place:path("hanging") }
    end },
    ["a function that has no data"] = { "put", function()
      lab.server:script { faults.started(), faults.stored() }
      return upload { on_progress = telling(4), body = false, AttachmentSizeInBytes = 5,
        read = function() return "" end }
    end },
    ["a service that does not answer Start"] = { "start", function()
      lab.server:script { { hang = "request" } }
      return upload { on_progress = telling(4) }
    end },
    ["a store that asks for patience"] = { "put", function()
      local slow = { status = 503, headers = { { "x-amz-retry-after", "4000" } } }
      lab.server:script { faults.started(), slow, slow, slow }
      return upload { on_progress = telling(4) }
    end },
  }

  for name, hang in pairs(HANGS) do
    it("is reported once a second, and cancels: " .. name, function()
      local began = clock.now()
      local result, err = hang[2]()
      failed(result, err, { kind = "cancelled", code = "Cancelled", step = hang[1] })
      assert.truthy(err.message:find("on_progress", 1, true) and err.operation)
      assert.equal(4, #told)
      check_told(began)
    end)
  end

  it("is reported while GetAttachment hangs, with a total of 0 until it is known", function()
    lab.server:script { { hang = "request" } }
    local result, err = download { on_progress = telling(4) }
    failed(result, err, { kind = "cancelled", code = "Cancelled", step = "get",
      operation = "GetAttachment" })
    assert.equal(4, #told)
    for _, now in ipairs(told) do assert.same({ 0, 0 }, { now.moved, now.total }) end
  end)

  it("is reported while Complete hangs, whose outcome is unknown after a cancel", function()
    lab.server:script { faults.started(), faults.stored(), { hang = "request" } }
    local result, err = upload { on_progress = telling(4) }
    failed(result, err, { kind = "cancelled", step = "complete", attachment_id = "attachment-1",
      operation = "CompleteAttachmentUpload" })
    assert.truthy(err.hint:find("is not known", 1, true))
    for _, entry in ipairs(told) do assert.equal(5, entry.moved) end
  end)

  it("is reported while the scan is awaited", function()
    local page = { body = '{"Transcript":[]}' }
    lab.server:script { faults.started(), faults.stored(), faults.ok(), page, page, page, page,
      page, page, page }
    local result, err = upload { on_progress = telling(5), wait = true }
    failed(result, err, { kind = "cancelled", operation = "GetTranscript",
      attachment_id = "attachment-1" })
  end)

  it("cancels only by an explicit false", function()
    for _, answer in ipairs { 0, "", "false" } do
      lab.server:script { faults.started(), faults.stored(), faults.ok() }
      assert(upload { on_progress = function() return answer end })
    end
  end)
end)

describe("the numbers of a started call", function()
  it("rise as bytes move", function()
    local size, job, seen = 5000000, nil, {}
    lab.server:script { faults.got(size), { size = size } }
    local count = 0
    job = lab.client:start("download_attachment", { ConnectionToken = "t", AttachmentId = "a",
      write = function(chunk)
        count = count + #chunk
        local moved, total = job:progress()
        assert.equal(size, total)
        assert.truthy(moved <= count)
        seen[#seen + 1] = moved
      end })
    local done, result = job:wait()
    assert.is_true(done and result ~= nil)
    for index = 2, #seen do assert.truthy(seen[index] >= seen[index - 1]) end
    assert.same({ size, size }, { job:progress() })
  end)
end)
