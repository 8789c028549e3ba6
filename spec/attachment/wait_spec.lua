-- Waiting for the scan: which requests are sent, when, and for how long.
local clocks = require "spec.support.clock"
local flows = require "spec.support.flows"

local lab = flows.new()
local clock
setup(lab.open)
teardown(lab.close)
before_each(function()
  clock = clocks.new()
  lab.begin({}, clock)
end)
after_each(lab.finish)

local failed = flows.failed

local function page(status, id)
  return { page = { Transcript = { { Id = "item", Type = "ATTACHMENT",
    Attachments = { { AttachmentId = id or "attachment-1", Status = status } } } } } }
end

local EMPTY = { body = '{"Transcript":[]}' }

local function forever(step)
  step.always = true
  return step
end

local function wait(timeout)
  return lab.client:wait_for_attachment { ConnectionToken = "secret-connection-token",
    AttachmentId = "attachment-1", timeout = timeout }
end

local function looks()
  return #lab.server:requests "transcript"
end

describe("a wait for the scan", function()
  it("polls until the attachment is approved, less and less often", function()
    lab.server:script { transcript = { EMPTY, page("APPROVED", "another"), page "IN_PROGRESS",
      page "IN_PROGRESS", page "APPROVED" } }
    local began = clock.now()
    local attachment = assert(wait())
    assert.equal("APPROVED", attachment.Status)
    assert.equal(5, looks())
    -- Half a second, and then 1.5 times the last pause; the clock's random number makes each 3/4
    -- of that.
    local pauses = 0.75 * (0.5 + 0.75 + 1.125 + 1.6875)
    assert.truthy(math.abs(clock.now() - began - pauses) < 1e-6)
  end)

  it("reads all pages", function()
    local first = page("APPROVED", "another")
    first.page.NextToken = "more"
    lab.server:script { transcript = { first, page "APPROVED" } }
    assert(wait())
  end)

  it("ends with an error when the attachment is rejected", function()
    lab.server:script { transcript = { page "IN_PROGRESS", page "REJECTED" } }
    local result, err = wait()
    failed(result, err, { kind = "service", code = "AttachmentRejected",
      attachment_id = "attachment-1", operation = "GetTranscript" })
  end)

  it("polls a last time when its time is over", function()
    lab.server:script { transcript = { page "IN_PROGRESS", page "IN_PROGRESS", page "APPROVED" } }
    local began = clock.now()
    assert(wait(0.5))
    assert.equal(3, looks())
    assert.truthy(math.abs(clock.now() - began - 0.5) < 1e-6)
  end)

  it("ends with a timeout after its last poll", function()
    for timeout, name in pairs { [0.1] = "IN_PROGRESS", [7] = "it is not in the transcript" } do
      lab.server:script { transcript = { forever(timeout == 7 and EMPTY or page(name)) } }
      local began = clock.now()
      local result, err = wait(timeout)
      failed(result, err, { kind = "timeout", code = "OPERATION_TIMEDOUT",
        attachment_id = "attachment-1", operation = "GetTranscript" })
      assert.truthy(err.message:find(name, 1, true))
      assert.truthy(math.abs(clock.now() - began - timeout) < 1e-6)
    end
  end)

  it("ends after 240 s unless told otherwise", function()
    lab.server:script { transcript = { forever(page "IN_PROGRESS") } }
    local began = clock.now()
    local result, err = wait()
    failed(result, err, { kind = "timeout" })
    assert.truthy(math.abs(clock.now() - began - 240) < 1e-6)
  end)

  it("is bounded by the client's timeout, if that is earlier", function()
    lab.begin({ timeout = 3 }, clock)
    for timeout, seconds in pairs { [100] = 3, [2] = 2 } do
      lab.server:script { transcript = { forever(page "IN_PROGRESS") } }
      local began = clock.now()
      local result, err = wait(timeout)
      failed(result, err, { kind = "timeout" })
      assert.truthy(math.abs(clock.now() - began - seconds) < 1e-6)
    end
  end)

  it("is bounded by the timeout of the upload that it belongs to", function()
    lab.server:script { transcript = { forever(page "IN_PROGRESS") } }
    local began = clock.now()
    local result, err = lab.upload { wait = true, timeout = 4 }
    failed(result, err, { kind = "timeout", attachment_id = "attachment-1" })
    assert.truthy(math.abs(clock.now() - began - 4) < 1e-6)
  end)

  it("goes on after a throttled poll", function()
    local throttled = { status = 429, error = "ThrottlingException" }
    lab.server:script { transcript = { throttled, throttled, throttled, throttled, throttled,
      page "APPROVED" } }
    assert(wait())
    lab.server:script { transcript = { page "IN_PROGRESS", forever(throttled) } }
    local result, err = wait(20)
    failed(result, err, { kind = "timeout" })
    assert.truthy(err.message:find("IN_PROGRESS", 1, true))
  end)

  it("ends with the error of a poll that fails", function()
    lab.server:script { transcript = { { status = 403, error = "AccessDeniedException" } } }
    local result, err = wait()
    failed(result, err, { kind = "service", code = "AccessDeniedException", status = 403,
      attachment_id = "attachment-1" })
  end)

  it("refuses wrong parameters, all at once", function()
    lab.server:script {}
    local result, err = lab.client:wait_for_attachment { AttachmentId = "a", timeout = -1,
      Attachmentid = "b" }
    failed(result, err, { kind = "validation", code = "ParamValidationError" })
    for _, word in ipairs { "ConnectionToken", "timeout", "did you mean AttachmentId" } do
      assert.truthy(err.message:find(word, 1, true), err.message)
    end
    assert.equal("", lab.paths())
  end)
end)

describe("an upload that waits", function()
  it("returns the status of the scan", function()
    lab.server:script { transcript = { page "IN_PROGRESS", page "APPROVED" } }
    local attachment = assert(lab.upload { wait = true })
    assert.equal("APPROVED", attachment.Status)
  end)

  it("names the attachment that was rejected", function()
    lab.server:script { transcript = { page "REJECTED" } }
    local result, err = lab.upload { wait = true }
    failed(result, err, { code = "AttachmentRejected", attachment_id = "attachment-1" })
  end)
end)
