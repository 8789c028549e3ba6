-- File names in headers and forms.
local name = require "connectparticipant.nginx.name"

local JAPAN = "\230\151\165\230\156\172.pdf"

describe("a file name", function()
  it("is read from every form that a header may have", function()
    for header, wanted in pairs {
      ['attachment; filename="a b.pdf"'] = "a b.pdf",
      ["attachment; filename=a.pdf"] = "a.pdf",
      ["ATTACHMENT ; FileName = a.pdf ; x=y"] = "a.pdf",
      ["attachment; filename=\"x.pdf\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.pdf"] = JAPAN,
      ["attachment; filename*=utf-8'en'%E6%97%A5%E6%9C%AC.pdf; filename=x.pdf"] = JAPAN,
      ["attachment; filename*=ISO-8859-1''%E9.pdf"] = "\195\169.pdf",
      ['attachment; filename="\233.pdf"'] = "\195\169.pdf",
      ['attachment; filename="' .. JAPAN .. '"'] = JAPAN,
      ['attachment; filename="%E6%97%A5%E6%9C%AC.pdf"'] = JAPAN,
      ['attachment; filename="a\\"b\\\\c.pdf"'] = 'a"b\\c.pdf',
      ['attachment; filename="C:\\dir\\a.pdf"'] = "C:\\dir\\a.pdf",
      ['attachment; filename="a;b.pdf"; x="y;z";'] = "a;b.pdf",
      ["attachment; filename=\"a.pdf\"; filename*=UTF-8''%FF.pdf"] = "a.pdf",
      ["attachment; filename=\"a.pdf\"; filename*=UTF-8''%zz.pdf"] = "a.pdf",
      ["attachment; filename=\"a.pdf\"; filename*=KOI8-R''%C1.pdf"] = "a.pdf",
      ['inline; filename="1.pdf"; filename="2.pdf"'] = "1.pdf",
    } do
      assert.equal(wanted, name.of_disposition(header), header)
    end
    for _, header in ipairs { "attachment", "", 'attachment; filename="open',
      "attachment filename=a" } do
      assert.is_nil(name.of_disposition(header), header)
    end
  end)

  it("is percent-decoded only where it is percent-encoded", function()
    assert.equal(JAPAN, name.decode "%E6%97%A5%E6%9C%AC.pdf")
    assert.equal("100%.pdf", name.decode "100%.pdf")
    assert.equal("100% of %E6.pdf", name.decode "100% of %E6.pdf")
    assert.equal("%FF.pdf", name.decode "%FF.pdf")
    assert.equal("a%20b" .. JAPAN, name.decode("a%20b" .. JAPAN))
    assert.equal("\195\169.pdf", name.decode "\233.pdf")
  end)

  it("of a form's part is as browsers write it", function()
    assert.equal('a"b.pdf', name.of_part { filename = "a%22b.pdf" })
    assert.equal("100%25.pdf", name.of_part { filename = "100%25.pdf" })
    assert.is_nil(name.clean(name.of_part { filename = "a%0D%0Ab.pdf" }))
    assert.is_nil(name.of_part {})
  end)

  it("loses the folders before it; control characters, or nothing left, are refused", function()
    for given, wanted in pairs {
      ["../../etc/passwd"] = "passwd", ["C:\\dir\\a.pdf"] = "a.pdf", ["a/b\\c/d.pdf"] = "d.pdf",
      [JAPAN] = JAPAN, [" a.pdf"] = " a.pdf", ["\240\159\152\128.png"] = "\240\159\152\128.png",
      ["x\226\128\174gpj.exe"] = "x_gpj.exe", ["x\226\129\166.exe"] = "x_.exe",
    } do
      assert.equal(wanted, name.clean(given))
    end
    for _, given in ipairs { "", "/", "..", "a/..", ".", " ", "a\r\nb", "a\0b", "a\127",
      "a\194\133b", "a\226\128\168b", "dir/" } do
      local clean, problem = name.clean(given)
      assert.is_nil(clean, given)
      assert.truthy(problem:find "^the file name ")
    end
  end)

  it("goes into a header that every browser reads, and comes back out of it", function()
    assert.equal('attachment; filename="a b.pdf"', name.disposition("a b.pdf", "attachment"))
    assert.equal("inline; filename=\"__.pdf\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.pdf",
      name.disposition(JAPAN, "inline"))
    assert.equal("attachment", name.disposition(nil, "attachment"))
    for _, each in ipairs { 'a"b.pdf', "100%.pdf", "%41.pdf", "a\\b", "\195\169", "a;b'c*d.pdf",
      "\240\159\152\128 x.png" } do
      local header = name.disposition(each, "attachment")
      assert.equal(each, name.of_disposition(header), header)
      assert.is_nil(header:find "[%c\128-\255]")
    end
  end)

  it("survives whatever bytes a header holds", function()
    local alphabet = { "a", '"', "\\", ";", "=", "*", "'", "%", "4", "1", "\230\151\165", "\255",
      " ", "filename", "UTF-8" }
    local seed = 7
    for _ = 1, 3000 do
      local pieces = { "attachment;filename=" }
      for index = 2, 14 do
        seed = (seed * 16807) % 2147483647
        pieces[index] = alphabet[seed % #alphabet + 1]
      end
      local found = name.of_disposition(table.concat(pieces))
      assert.is_true(found == nil or name.is_utf8(found))
    end
  end)
end)

describe("UTF-8", function()
  it("is recognised, and other bytes are not", function()
    for _, good in ipairs { "", "a", "\195\169", JAPAN, "\240\159\152\128", "\237\159\191" } do
      assert.is_true(name.is_utf8(good))
    end
    for _, bad in ipairs { "\128", "\192\128", "\195", "\224\128\128", "\237\160\128",
      "\240\128\128\128", "\244\144\128\128", "\245\128\128\128", "\230\151", "\255" } do
      assert.is_false(name.is_utf8(bad))
    end
  end)
end)
