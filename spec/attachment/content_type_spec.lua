-- The content type that a file name suggests.
local content_type = require "connectparticipant.attachment.content_type"

local function nothing() return nil end

local function system(text)
  return function(path)
    if path ~= "/etc/mime.types" then return nil end
    return { read = function() return text end, close = function() end }
  end
end

describe("the content type", function()
  it("is Amazon Connect's for the extensions that it lists", function()
    for name, wanted in pairs { ["a.pdf"] = "application/pdf", ["a.PDF"] = "application/pdf",
      ["a.tar.csv"] = "text/csv", ["a.jfif"] = "image/jpeg", ["x/y.z/a.mov"] = "video/quicktime",
      ["Screenshot 2.42.48\226\128\175PM.png"] = "image/png", ["a.wav"] = "audio/wav",
      ["a.docx"] = "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
      ["a.heic"] = "image/heic", ["a.rtf"] = "application/rtf" } do
      assert.equal(wanted, content_type.of(name, nothing))
    end
  end)

  it("is the system's for other extensions", function()
    local open = system "# a comment\ntext/x-lua\tlua  LUA2\nimage/webp webp\n"
    assert.equal("text/x-lua", content_type.of("a.lua", open))
    assert.equal("text/x-lua", content_type.of("a.lua2", open))
    assert.equal("image/webp", content_type.of("a.WEBP", open))
    assert.equal("application/octet-stream", content_type.of("a.web", open))
  end)

  it("is unknown otherwise", function()
    for _, name in ipairs { "", "a", ".bashrc", "a.", "a.unknown", "dir.pdf/a" } do
      assert.equal("application/octet-stream", content_type.of(name, nothing))
    end
  end)
end)
