-- Where an upload's bytes come from: paths, handles, functions, and what can be wrong with them.
local clocks = require "spec.support.clock"
local faults = require "spec.support.faults"
local flows = require "spec.support.flows"
local process = require "spec.support.process"

local lab = flows.new()
setup(lab.open)
teardown(lab.close)
before_each(function() lab.begin() end)
after_each(lab.finish)

local failed = flows.failed
local upload, paths = lab.upload, lab.paths
local COMPLETE = flows.COMPLETE

describe("a source", function()
  it("that is a path provides name, type and size", function()
    lab.server:script { faults.started(), faults.stored(), faults.ok() }
    local path = lab.place:write("Ünï côde.pdf", "%PDF")
    local attachment = assert(upload { body = false, AttachmentName = false, path = path })
    assert.equal("Ünï côde.pdf", attachment.AttachmentName)
    assert.equal("application/pdf", attachment.ContentType)
    assert.equal(4, attachment.AttachmentSizeInBytes)
  end)

  it("that is a handle is read from its current position, and left open", function()
    lab.server:script { faults.started(), faults.stored(), faults.ok() }
    local file = assert(io.open(lab.place:write("handle.txt", "0123456789")))
    file:read(4)
    assert(upload { body = false, file = file })
    assert.equal("456789", lab.server:seen().requests[2].body)
    assert.equal("file", io.type(file))
    file:close()
  end)

  it("that is a function may be slow", function()
    lab.server:script { faults.started(), faults.stored(), faults.ok() }
    local chunks = { "he", "", "", "ll", "o" }
    local index = 0
    assert(upload { body = false, AttachmentSizeInBytes = 5, read = function()
      index = index + 1
      return chunks[index]
    end })
    assert.equal("hello", lab.server:seen().requests[2].body)
  end)

  it("that fails is never completed", function()
    local function read_of(...)
      local chunks, index = { ... }, 0
      return function()
        index = index + 1
        return chunks[index]
      end
    end
    for code, read in pairs { SourceTooShort = read_of "hell",
      SourceTooLong = read_of("hel", "lo!"), NotAString = read_of(42) } do
      lab.server:script { faults.started(), faults.stored(), faults.ok() }
      local result, err = upload { body = false, AttachmentSizeInBytes = 5, read = read }
      failed(result, err, { kind = "source", code = code, step = "put",
        attachment_id = "attachment-1" })
      assert.is_nil(paths():find(COMPLETE, 1, true), code)
    end
  end)

  it("that never has data is an error", function()
    lab.begin({ stall_timeout = 60 }, clocks.hasty())
    lab.server:script { faults.started(), faults.stored() }
    local result, err = upload { body = false, AttachmentSizeInBytes = 5,
      read = function() return "" end }
    failed(result, err, { kind = "source", code = "NoProgress", step = "put" })
  end)

  it("that raises has its error passed on, and the client stays usable", function()
    lab.server:script { faults.started(), faults.stored(), faults.ok() }
    local ok, raised = pcall(upload, { body = false, AttachmentSizeInBytes = 5, read = function()
      error("out of paper", 0)
    end })
    assert.is_false(ok)
    assert.equal("out of paper", raised)
    lab.server:seen() -- waits until the interrupted PUT has had its answer
    lab.server:script { faults.started(), faults.stored(), faults.ok() }
    assert(upload())
  end)

  it("that is not a file is refused before anything is sent", function()
    lab.server:script {}
    process.run { "mkfifo", lab.directory .. "/fifo" }
    for path, kind in pairs { [lab.directory .. "/none"] = "source", [lab.directory] = "source",
      ["/dev/null"] = "source", [lab.directory .. "/fifo"] = "source",
      [lab.place:write("empty", "")] = "validation" } do
      local result, err = upload { body = false, path = path }
      failed(result, err, { kind = kind })
    end
    assert.equal("", paths())
  end)

  it("that changes while it is read is never completed", function()
    local path = lab.place:write("growing.txt", ("x"):rep(600000))
    lab.server:script { faults.started(), faults.stored(), faults.ok() }
    local grown = false
    local result, err = upload { body = false, path = path, on_progress = function()
      grown = true
    end }
    -- The logger makes the file grow between Start and PUT.
    lab.begin { logger = function(event)
      if event.step ~= "start" then return end
      local file = assert(io.open(path, "ab"))
      file:write "more"
      file:close()
    end }
    assert.is_nil(err)
    assert.truthy(result and grown)
    lab.server:script { faults.started(), faults.stored(), faults.ok() }
    result, err = upload { body = false, path = path }
    failed(result, err, { kind = "source", step = "put" })
    assert.is_nil(paths():find(COMPLETE, 1, true))
  end)

  it("must be exactly one, of the announced size", function()
    lab.server:script {}
    failed(lab.client:upload_attachment { ConnectionToken = "t", AttachmentName = "a" }, nil, {})
    for _, params in ipairs { { ConnectionToken = "t" }, { path = "a", body = "b" },
      { pth = "a" }, { path = 5 }, { file = "a" }, { read = "a", AttachmentSizeInBytes = 1 } } do
      local result, err = lab.client:upload_attachment(params)
      failed(result, err, { kind = "validation", code = "ParamValidationError" })
    end
    local result, err = upload { AttachmentSizeInBytes = 6 }
    failed(result, err, { kind = "source" })
    assert.equal("", paths())
  end)
end)
