-- CompleteAttachmentUpload, and how an upload ends whose completion got no answer.
local cjson = require "cjson"
local clocks = require "spec.support.clock"
local faults = require "spec.support.faults"
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

local failed, flow = flows.failed, flows.flow
local upload, paths = lab.upload, lab.paths
local START, PUT, COMPLETE, LOOK = flows.START, flows.PUT, flows.COMPLETE, flows.LOOK

local LOST = { reset = "headers", size = 9 }
local CONFLICT = { status = 409, headers = { { "x-amzn-ErrorType", "ConflictException" } },
  body = '{"Message":"already"}' }

local function transcript(...)
  local items = {}
  for index, id in ipairs { ... } do
    items[index] = { Id = "item-" .. index, Type = "ATTACHMENT",
      Attachments = { { AttachmentId = id, Status = "IN_PROGRESS" } } }
  end
  return { body = #items > 0 and cjson.encode { Transcript = items } or '{"Transcript":[]}' }
end

-- Scripts what the server does after a successful Start and PUT.
local function after_put(...)
  lab.server:script { faults.started(), faults.stored(), ... }
end

describe("a completion", function()
  it("is repeated with the same ClientToken", function()
    after_put(LOST, faults.ok())
    assert(upload())
    local requests = lab.server:seen().requests
    assert.equal(requests[3].body, requests[4].body)
    assert.equal(requests[3].headers["amz-sdk-invocation-id"],
      requests[4].headers["amz-sdk-invocation-id"])
    assert.equal("attempt=1; max=3", requests[3].headers["amz-sdk-request"])
    assert.equal("attempt=2; max=3", requests[4].headers["amz-sdk-request"])
  end)

  it("that conflicts in its first attempt is an error", function()
    after_put(CONFLICT)
    local result, err = upload()
    failed(result, err, { kind = "service", code = "ConflictException", step = "complete",
      attachment_id = "attachment-1" })
    assert.equal(flow(START, PUT, COMPLETE), paths())
  end)

  it("that was refused before it can have been done is not looked up", function()
    after_put { status = 403, body = "{}" }
    local result, err = upload()
    failed(result, err, { kind = "service", status = 403, step = "complete" })
    assert.equal(flow(START, PUT, COMPLETE), paths())
  end)
end)

describe("a completion whose outcome is unknown", function()
  local oops = { status = 500, body = "{}" }

  -- Answers that leave it unknown whether the attachment was completed.
  local function unknown()
    return {
      { LOST, CONFLICT },
      { oops, CONFLICT },
      { oops, oops, oops },
      { LOST, oops, CONFLICT },
      { { status = 200, body = '{"a":' } },
      { { status = 200, body = "<html>" } },
      { LOST, LOST, LOST },
    }
  end

  local function script(answers, ...)
    local list = { faults.started(), faults.stored() }
    for _, answer in ipairs(answers) do list[#list + 1] = answer end
    for _, look in ipairs { ... } do list[#list + 1] = look end
    lab.server:script(list)
  end

  it("is a success if the transcript has the attachment", function()
    for _, answers in ipairs(unknown()) do
      lab.begin({}, clock)
      script(answers, transcript("another", "attachment-1"))
      local result, err = upload()
      assert.is_nil(err)
      assert.equal("attachment-1", result.AttachmentId)
      assert.equal(LOOK, paths():match("[^,]+$"):sub(2))
    end
  end)

  it("is a success if the transcript has it a little later", function()
    script({ LOST, CONFLICT }, transcript(), oops, transcript("another"),
      transcript("attachment-1"))
    assert(upload())
  end)

  it("is an error if the transcript does not have it", function()
    for _, answers in ipairs(unknown()) do
      lab.begin({}, clock)
      script(answers, transcript(), transcript(), transcript("another"), transcript())
      local result, err = upload()
      failed(result, err, { step = "complete", attachment_id = "attachment-1" })
      assert.is_nil(err.message:find("not known", 1, true))
      assert.is_nil(err.outcome)
    end
  end)

  it("says so if the transcript cannot be read", function()
    local denied = { status = 403, body = '{"Message":"no"}' }
    for _, answers in ipairs(unknown()) do
      lab.begin({}, clock)
      script(answers, denied, denied, denied, denied)
      local result, err = upload()
      failed(result, err, { step = "complete", attachment_id = "attachment-1", retryable = false,
        operation = "CompleteAttachmentUpload" })
      assert.is_nil(err.message:find("not known", 1, true)) -- the message is the service's own
      assert.truthy(err.hint:find("is not known: look for it in the transcript", 1, true))
      assert.equal("unknown", err.outcome)
    end
  end)

  -- libcurl itself repeats a request whose kept connection ends without an answer.
  it("is looked up if only the second attempt was refused, or reached no server", function()
    local lost, refused = { reset = "headers", raw = "" }, { status = 403, body = "{}" }
    lab.begin { max_attempts = 1 }
    script({ lost, refused }, transcript "attachment-1")
    assert(upload())
    assert.equal(flow(START, PUT, COMPLETE, COMPLETE, LOOK), paths())
    script({ lost, refused }, refused)
    local result, err = upload()
    failed(result, err, { status = 403, step = "complete", outcome = "unknown" })
  end)

  it("says so if no time is left to look it up", function()
    lab.begin { timeout = 0.3 }
    after_put { hang = "request" }
    local result, err = upload()
    failed(result, err, { kind = "timeout", step = "complete", retryable = false })
    assert.truthy(err.hint:find("is not known", 1, true))
    assert.equal(flow(START, PUT, COMPLETE), paths())
  end)
end)
