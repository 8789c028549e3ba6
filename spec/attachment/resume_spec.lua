-- A download that breaks off is resumed, begins again, or fails, and never mixes two objects.
local faults = require "spec.support.faults"
local files = require "spec.support.files"
local flows = require "spec.support.flows"

local lab = flows.new()
setup(lab.open)
teardown(lab.close)
before_each(function() lab.begin() end)
after_each(lab.finish)

local download, failed = lab.download, flows.failed

local SIZE = 500000
local WHOLE = ("0123456789abcdef"):rep(SIZE / 16)

local function with_etag(etag, answer)
  answer.headers = answer.headers or {}
  table.insert(answer.headers, 1, { "ETag", etag })
  return answer
end

-- The first answer of a store, which breaks off in the middle.
local function broken(etag)
  local answer = { size = SIZE, reset = "response", after = 200000 }
  return etag and with_etag(etag, answer) or answer
end

-- Downloads into each kind of sink; `check(sink, result, err, bytes)` checks the outcome.
local function into_each(sinks, script, check)
  for _, sink in ipairs(sinks) do
    local pieces, path = {}, lab.place:path("resumed")
    local file = sink == "file" and assert(io.open(path, "w+b"))
    local given = { path = { path = path }, file = { file = file }, body = {},
      write = { write = function(piece) pieces[#pieces + 1] = piece end } }
    lab.server:script(script())
    local result, err = download(given[sink])
    if file then file:close() end
    check(sink, result, err, result and result.body or files.read(path) or table.concat(pieces))
    os.remove(path)
  end
end

local ALL, RESTARTABLE = { "path", "file", "body", "write" }, { "path", "file", "body" }

local function whole(sink, result, err, bytes)
  assert.is_nil(err, sink .. ": " .. tostring(err))
  assert.equal(SIZE, result.AttachmentSizeInBytes)
  assert.is_true(bytes == WHOLE, sink)
end

describe("a download that breaks off", function()
  it("resumes where it was, into every sink, if a strong ETag proves it can", function()
    into_each(ALL, function()
      return { faults.got(SIZE), broken '"abc"',
        with_etag('"abc"', { size = SIZE, range = true }) }
    end, function(...)
      whole(...)
      local requests = lab.server:seen().requests
      assert.is_nil(requests[2].headers["if-match"])
      assert.truthy(requests[3].headers.range:match("^bytes=%d+%-$"))
      assert.equal('"abc"', requests[3].headers["if-match"])
    end)
  end)

  it("begins again if there is no such proof", function()
    for _, etag in ipairs { false, 'W/"abc"', "abc" } do
      into_each(RESTARTABLE, function()
        return { faults.got(SIZE), broken(etag), { size = SIZE, range = true } }
      end, function(...)
        whole(...)
        local headers = lab.server:seen().requests[3].headers
        assert.is_nil(headers.range or headers["if-match"])
      end)
    end
  end)

  it("ends if there is no such proof and the bytes are gone", function()
    for _, etag in ipairs { false, 'W/"abc"', "abc" } do
      into_each({ "write" }, function()
        return { faults.got(SIZE), broken(etag), { size = SIZE } }
      end, function(_, result, err, bytes)
        failed(result, err, { kind = "transport", step = "get", retryable = false,
          attachment_id = "attachment-1" })
        assert.equal(WHOLE:sub(1, #bytes), bytes)
        assert.equal(2, #lab.server:seen().requests)
      end)
    end
  end)

  it("begins again if the store continues with another object", function()
    for _, other in ipairs {
      with_etag('"two"', { size = SIZE, range = true }),
      { size = SIZE, range = true },
      with_etag('W/"one"', { size = SIZE, range = true }),
      with_etag('"one"', { status = 412 }),
      with_etag('"one"', { status = 416 }),
      with_etag('"one"', { size = SIZE, status = 206 }),
    } do
      into_each(RESTARTABLE, function()
        return { faults.got(SIZE), broken '"one"', other,
          with_etag('"two"', { size = SIZE, range = true }) }
      end, function(...)
        whole(...)
        local headers = lab.server:seen().requests[4].headers
        assert.is_nil(headers.range or headers["if-match"])
      end)
    end
  end)

  it("begins again after a 412 before any byte, into whatever sink", function()
    into_each(ALL, function()
      return { faults.got(SIZE), { status = 412 }, with_etag('"one"', { size = SIZE }) }
    end, whole)
  end)

  it("passes a function no byte of another object", function()
    for code, other in pairs {
      ObjectChanged = with_etag('"two"', { size = SIZE, range = true }),
      ["ObjectChanged "] = { size = SIZE, range = true },
      ["ObjectChanged  "] = with_etag('"one"', { status = 412 }),
      RangeIgnored = with_etag('"two"', { size = SIZE }),
      WrongRange = with_etag('"one"', { size = SIZE, status = 206,
        headers = { { "Content-Range", "bytes 0-499999/500000" } } }),
    } do
      into_each({ "write" }, function()
        return { faults.got(SIZE), broken '"one"', other, { size = SIZE } }
      end, function(_, result, err, bytes)
        failed(result, err, { kind = "protocol", code = code:match("%w+"), step = "get",
          retryable = false })
        assert.equal(WHOLE:sub(1, #bytes), bytes)
        assert.truthy(#bytes <= 200000)
      end)
    end
  end)

  it("begins again if the store ignores ranges", function()
    into_each(RESTARTABLE, function()
      return { faults.got(SIZE), broken '"one"', with_etag('"one"', { size = SIZE }),
        with_etag('"one"', { size = SIZE }) }
    end, whole)
  end)

  it("begins again if the store ignored a range, and broke off once more", function()
    into_each(RESTARTABLE, function()
      return { faults.got(SIZE), broken '"one"', broken '"two"',
        with_etag('"one"', { size = SIZE, range = true }) }
    end, function(...)
      whole(...)
      local headers = lab.server:seen().requests[4].headers
      assert.is_nil(headers.range or headers["if-match"])
    end)
  end)

  it("before its first byte begins again, without a condition", function()
    into_each(ALL, function()
      return { faults.got(SIZE), with_etag('"one"', { size = SIZE, reset = "headers" }),
        with_etag('"two"', { size = SIZE }) }
    end, function(...)
      whole(...)
      local headers = lab.server:seen().requests[3].headers
      assert.is_nil(headers.range or headers["if-match"])
    end)
  end)

  it("resumes with another URL if the first one has expired", function()
    local expired = faults.s3_error(403, "AccessDenied", "Request has expired")
    into_each(ALL, function()
      return { faults.got(SIZE), broken '"one"', expired, faults.got(SIZE),
        with_etag('"one"', { size = SIZE, range = true }) }
    end, whole)
    into_each(RESTARTABLE, function()
      return { faults.got(SIZE), broken(), expired, faults.got(SIZE), { size = SIZE } }
    end, whole)
  end)

  it("ends if the attachment has another size now", function()
    local expired = faults.s3_error(403, "AccessDenied", "Request has expired")
    into_each(ALL, function()
      return { faults.got(SIZE), expired, faults.got(SIZE + 1), { size = SIZE + 1 } }
    end, function(_, result, err)
      failed(result, err, { kind = "protocol", code = "SizeMismatch", step = "get" })
      assert.truthy(err.message:find("now has", 1, true), err.message)
      -- The store is not asked for it.
      assert.equal(3, #lab.server:seen().requests)
    end)
  end)
end)

describe("an answer of another size than promised", function()
  it("is refused before a byte of it is passed on", function()
    local login = "<html>Sign in to the guest network</html>"
    for _, answer in ipairs {
      { body = login, length = 1000, reset = "response", after = 30 },
      { body = login },
      { size = 2 * SIZE },
    } do
      into_each({ "write" }, function()
        return { faults.got(SIZE), answer, { size = SIZE, range = true } }
      end, function(_, result, err, bytes)
        failed(result, err, { kind = "protocol", code = "SizeMismatch", step = "get" })
        assert.equal("", bytes)
      end)
    end
  end)

  it("is refused if a part belongs to a larger or smaller object", function()
    for _, size in ipairs { SIZE + 5000, SIZE - 5000 } do
      into_each({ "write" }, function()
        return { faults.got(SIZE), broken '"one"',
          with_etag('"one"', { size = size, length = SIZE, range = true }) }
      end, function(_, result, err, bytes)
        failed(result, err, { kind = "protocol", code = "SizeMismatch", step = "get" })
        assert.truthy(#bytes <= 200000)
      end)
    end
  end)

  it("never passes a function more than was promised if the answer has no length", function()
    local raw = "HTTP/1.1 200 X\r\n\r\n" .. WHOLE
    into_each({ "write" }, function()
      return { faults.got(1000), { raw = raw } }
    end, function(_, result, err, bytes)
      failed(result, err, { kind = "protocol", code = "SizeMismatch", step = "get" })
      assert.truthy(#bytes <= 1000)
    end)
  end)
end)
