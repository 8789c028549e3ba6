-- The form parser finds the files, in whatever pieces a body arrives.
local multipart = require "connectparticipant.nginx.multipart"

local function part(disposition, body, kind)
  return "--B\r\nContent-Disposition: form-data; " .. disposition .. "\r\n"
    .. (kind and "content-TYPE: " .. kind .. "\r\n" or "") .. "\r\n" .. body .. "\r\n"
end

-- The second part has a line that begins like a boundary.
local FORM = part('name="note"', "hello") .. part('name="f"; filename="a"', "A\r\n--BB\r\n")

-- Returns the body in pieces of this size, and records the most bytes that had to be kept.
local function pieces(text, size)
  local at = 1
  return function()
    if at > #text then return nil end
    local piece = text:sub(at, at + size - 1)
    at = at + size
    return piece
  end
end

local function scan(text, size)
  return multipart.scan("B", pieces(text, size or #text))
end

describe("a form", function()
  it("has its parts found, in pieces of any size", function()
    local form = "preamble\r\n" .. part('name="note"', "hello")
      .. part('name="f"; filename="a.txt"', "A\r\n--C\r\n-", "text/plain")
      .. part('name="f"; filename="b.bin"', "") .. "--B--\r\nepilogue"
    for size = 1, #form do
      local parts = assert(scan(form, size))
      assert.equal(3, #parts)
      assert.equal("note", parts[1].field)
      assert.is_nil(parts[1].filename)
      assert.equal("a.txt", parts[2].filename)
      assert.equal("text/plain", parts[2].type)
      assert.equal(0, parts[3].size)
      local bodies = {}
      for index, each in ipairs(parts) do
        bodies[index] = form:sub(each.offset + 1, each.offset + each.size)
      end
      assert.same({ "hello", "A\r\n--C\r\n-", "" }, bodies)
    end
  end)

  it("without a part of that name, cut off, or malformed, is refused in words", function()
    local whole = part('name="f"; filename="a"', "0123456789") .. "--B--\r\n"
    for _, cut in ipairs { 0, 2, 5, 40, #whole - 8, #whole - 4 } do
      local parts, problem = scan(whole:sub(1, cut))
      assert.is_nil(parts, cut)
      assert.equal("string", type(problem))
    end
    assert.is_nil(scan(FORM .. "--B--"))
    assert.is_nil(scan "--B\r\nX: y\r\n\r\nbody\r\n--B--")
    assert.is_nil(scan "--B\r\nContent-Disposition: attachment\r\n\r\nbody\r\n--B--")
    assert.is_nil(scan "no boundary at all")
  end)

  it("passes on why its body could not be read", function()
    local _, problem = multipart.scan("B", function() return nil, "the disk is gone" end)
    assert.equal("the disk is gone", problem)
  end)

  it("cannot make us remember much", function()
    local endless = 0
    local function flood(text)
      return function()
        endless = endless + 1
        assert(endless < 3000, "it was read for ever")
        return text
      end
    end
    assert.is_nil(multipart.scan("B", (function()
      local first, rest = true, flood(("x"):rep(65536))
      return function()
        if first then first = false return "--B\r\nA: " end
        return rest()
      end
    end)()))
    assert.truthy(endless < 5)
    local many = {}
    for index = 1, 1001 do many[index] = part('name="x"', "") end
    assert.is_nil(scan(table.concat(many) .. "--B--"))
    -- A hundred megabytes are skipped without being kept in memory.
    local count, chunk = 0, ("x"):rep(65536)
    collectgarbage()
    local before, most = collectgarbage "count", 0
    local parts = multipart.scan("B", function()
      count = count + 1
      if count == 1 then
        return '--B\r\nContent-Disposition: form-data; name=f; filename=a\r\n\r\n'
      end
      if count > 1602 then return nil end
      if count % 100 == 0 then
        collectgarbage()
        most = math.max(most, collectgarbage "count" - before)
      end
      return count == 1602 and "\r\n--B--" or chunk
    end)
    assert.equal(65536 * 1600, parts[1].size)
    assert.truthy(most < 2048, most .. " KB")
  end)

  it("of random pieces never does worse than being refused", function()
    local alphabet = { "--B", "--", "\r\n", "\r", "\n", "B", "-", ":", "x", " ", "\r\n\r\n",
      'Content-Disposition: form-data; name="f"; filename="a"', "\r\n--B", "--B--" }
    local seed = 11
    local function random(count)
      seed = (seed * 16807) % 2147483647
      return seed % count + 1
    end
    for _ = 1, 4000 do
      local text = { "--B\r\n" }
      for index = 2, random(16) do text[index] = alphabet[random(#alphabet)] end
      text = table.concat(text)
      local parts, problem = scan(text, random(8))
      if not parts then
        assert.equal("string", type(problem))
      else
        for _, each in ipairs(parts) do
          assert.truthy(each.size >= 0 and each.offset + each.size <= #text)
        end
        assert.same(parts, (scan(text, random(64))))
      end
    end
  end)
end)

describe("a boundary", function()
  it("is what a Content-Type of a form names", function()
    assert.equal("a b", multipart.boundary 'multipart/form-data; boundary="a b"')
    assert.equal("----W'x",
      multipart.boundary "Multipart/Form-Data;charset=utf-8; BOUNDARY=----W'x")
    for _, header in ipairs { "multipart/form-data", "multipart/mixed; boundary=a", "text/plain",
      "multipart/form-data; boundary=", 'multipart/form-data; boundary="a\r\nb"',
      "multipart/form-data; boundary=" .. ("x"):rep(71), 'multipart/form-data; boundary="a "' } do
      assert.is_nil(multipart.boundary(header), header)
    end
  end)
end)
