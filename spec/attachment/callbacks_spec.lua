-- The functions that a caller passes: when they are called, with what, and what happens to a call
-- when they raise, refuse, or call the client themselves.
local faults = require "spec.support.faults"
local files = require "spec.support.files"
local flows = require "spec.support.flows"
local process = require "spec.support.process"

local lab = flows.new()
setup(lab.open)
teardown(lab.close)
before_each(function() lab.begin() end)
after_each(lab.finish)

local failed, upload, download = flows.failed, lab.upload, lab.download

local SIZE = 300000

local function listed()
  return process.run { "ls", "-A", lab.directory }.stdout
end

local function typed(answer)
  answer.headers = { { "Content-Type", "image/png" }, { "ETag", '"one"' } }
  return answer
end

describe("on_start", function()
  it("is called once, before the first byte", function()
    local story = {}
    lab.server:script { faults.got(SIZE), typed { size = SIZE, reset = "response", after = 100000 },
      typed { size = SIZE, range = true } }
    assert(download {
      on_start = function(what) story[#story + 1] = what end,
      write = function() story[#story + 1] = "byte" end,
    })
    assert.same({ AttachmentSizeInBytes = SIZE, ContentType = "image/png", ETag = '"one"' },
      story[1])
    for index = 2, #story do assert.equal("byte", story[index]) end
  end)

  it("is called before the file exists, and before a string is returned", function()
    local path = lab.place:path("started")
    for _, sink in ipairs { { path = path }, {} } do
      local told, there = 0, nil
      sink.on_start = function(what)
        assert.equal(SIZE, what.AttachmentSizeInBytes)
        told, there = told + 1, files.read(path)
      end
      lab.server:script { faults.got(SIZE), typed { size = SIZE } }
      assert(download(sink))
      assert.equal(1, told)
      assert.is_nil(there)
      os.remove(path)
    end
  end)

  it("is not called for an answer that is not the attachment", function()
    for _, answer in ipairs { faults.s3_error(404, "NoSuchKey", "gone"), { size = SIZE + 1 },
      { size = 5 } } do
      lab.server:script { faults.got(SIZE), answer }
      local told = false
      local result = download { on_start = function() told = true end }
      assert.is_nil(result)
      assert.is_false(told)
    end
  end)

  it("cancels with false", function()
    local wrote = false
    lab.server:script { faults.got(SIZE), typed { size = SIZE } }
    local result, err = download { on_start = function() return false end,
      write = function() wrote = true end }
    failed(result, err, { kind = "cancelled", step = "get", attachment_id = "attachment-1" })
    assert.is_false(wrote)
  end)
end)

describe("a function of the caller's", function()
  local function raise() error({ mine = true }) end

  local CALLS = {
    read = function()
      lab.server:script { faults.started(), faults.stored(), faults.ok() }
      return upload { body = false, AttachmentSizeInBytes = 5, read = raise }
    end,
    ["on_progress of an upload"] = function()
      lab.server:script { faults.started(), faults.stored(), faults.ok() }
      return upload { on_progress = raise }
    end,
    write = function()
      lab.server:script { faults.got(SIZE), { size = SIZE } }
      return download { write = raise }
    end,
    on_start = function()
      lab.server:script { faults.got(SIZE), { size = SIZE } }
      return download { on_start = raise, path = lab.place:path("raised") }
    end,
    ["on_progress of a download"] = function()
      -- The last call comes only after the file is in place, so the download must not end.
      lab.server:script { faults.got(SIZE), { size = SIZE, after = 100, hang = "middle" } }
      return download { on_progress = raise, path = lab.place:path("raised") }
    end,
  }

  for name, call in pairs(CALLS) do
    it("may raise: the caller gets it, nothing is left, the client works on: " .. name, function()
      local ok, raised = pcall(call)
      assert.is_false(ok)
      assert.same({ mine = true }, raised)
      assert.equal("", listed())
      lab.server:script { faults.started(), faults.stored(), faults.ok() }
      assert(upload())
    end)
  end

  it("may be a table that can be called", function()
    local callable = setmetatable({}, { __call = function() return nil end })
    lab.server:script { faults.got(1000), { size = 1000 } }
    assert(download { write = callable, on_progress = callable, on_start = callable })
  end)

  it("may call the client, alone and inside a map", function()
    local function nested()
      lab.server:script { complete = {} }
      assert(lab.client:get_transcript { ConnectionToken = "t" })
    end
    local asked = false
    lab.server:script { start = {} }
    local function call()
      return upload { read = function()
        if asked then return nil end
        asked = true
        nested()
        return "hello"
      end, body = false, AttachmentSizeInBytes = 5 }
    end
    assert(call())
    asked = false
    local _, errors = lab.client:map({ 1 }, call)
    assert.is_nil(errors)
  end)
end)

describe("a mistake in the parameters", function()
  it("is reported in words that say what to do", function()
    lab.server:script {}
    local both = "exactly one of path, body, file or read is required"
    for message, changes in pairs {
      [both .. " (none was given)"] = { body = false },
      [both .. " (path and body were given)"] = { path = "a" },
      ["timeout must be a number of seconds above 0"] = { timeout = 0 },
      ["on_progres is not a member of upload_attachment (did you mean on_progress?)"] =
        { on_progres = print },
    } do
      local result, err = upload(changes)
      failed(result, err, { kind = "validation", step = "start" })
      assert.truthy(err.message:find(message, 1, true), err.message)
    end
    local result, err = download { path = "a", write = print, timeout = "1" }
    failed(result, err, { kind = "validation", step = "get" })
    for _, message in ipairs { "only one of path, file and write can be given (path and write",
      "timeout must be a number of seconds above 0" } do
      assert.truthy(err.message:find(message, 1, true), err.message)
    end
    assert.equal("", lab.paths())
  end)

  it("with a local file names the step", function()
    lab.server:script {}
    local result, err = upload { body = false, path = lab.place:path("none") }
    failed(result, err, { kind = "source", step = "put", operation = "StartAttachmentUpload" })
    result, err = upload { AttachmentSizeInBytes = 6 }
    failed(result, err, { kind = "source", step = "put", operation = "StartAttachmentUpload" })
    result, err = download { path = "/nonexistent/file" }
    failed(result, err, { kind = "sink", step = "get", operation = "GetAttachment" })
    assert.equal("", lab.paths())
  end)
end)
