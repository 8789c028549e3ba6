-- What a terminal shows while files move. The output is interpreted as a terminal does, and must
-- never be wider than it.
local common = require "connectparticipant.cli.common"
local place = require "connectparticipant.cli.place"
local progress = require "connectparticipant.cli.progress"
local unicode = require "connectparticipant.cli.unicode"

-- A terminal: lines of characters, a cursor, and the two sequences that are used.
local function terminal()
  local self = { lines = { "" }, row = 1, column = 0, widest = 0 }
  local function put(text)
    local line = self.lines[self.row]
    self.lines[self.row] = line:sub(1, self.column) .. text .. line:sub(self.column + #text + 1)
    self.column = self.column + #text
    self.widest = math.max(self.widest, unicode.columns(self.lines[self.row]))
  end
  local function erase() self.lines[self.row] = self.lines[self.row]:sub(1, self.column) end
  local function feed(text)
    while text ~= "" do
      local plain = text:match "^[^\r\n\27]+"
      local sequence = text:match "^\27%[[AK]"
      if plain then put(plain)
      elseif sequence == "\27[K" then erase()
      elseif sequence then self.row = self.row - 1
      elseif text:sub(1, 1) == "\r" then self.column = 0
      else
        self.row, self.column = self.row + 1, 0
        self.lines[self.row] = self.lines[self.row] or ""
      end
      text = text:sub(#(plain or sequence or " ") + 1)
    end
  end
  function self.write(_, ...) for _, text in ipairs { ... } do feed(text) end end
  function self.flush() end
  function self.shown() return (table.concat(self.lines, "\n"):gsub("%s+\n", "\n")) end
  return self
end

local function world(width, is_terminal)
  local here = { stderr = terminal(), time = 100 }
  here.width = function() return width end
  here.is_terminal = function() return is_terminal ~= false end
  here.now = function() return here.time end
  return here
end

describe("the progress display", function()
  it("appears only on a terminal, and not for programs", function()
    assert.is_nil(progress.new(world(80, false), { "a" }))
    assert.is_nil(progress.new(world(80), { "a" }, { json = true }))
    assert.is_nil(progress.new(world(80), { "a" }, { quiet = true }))
  end)

  it("shows share, bytes, rate and time left on one line", function()
    local here = world(80)
    local told = progress.new(here, { "a\27b" }):on_progress(1)
    told(0, 4194304)
    here.time = 101
    told(1048576, 4194304)
    local line = here.stderr.shown()
    assert.truthy(line:find("^a%?b"), line)
    assert.truthy(line:find "%]  25 %%    1%.0 MiB    1%.0 MiB/s 0:03 left", line)
    assert.equal(1, #here.stderr.lines)
  end)

  it("has a line for each file and one for all, redrawn in place", function()
    local here = world(80)
    local display = progress.new(here, { "one", "two", "three" })
    for step = 1, 10 do
      here.time = here.time + 1
      for index = 1, 3 do display:on_progress(index)(step * 100, 1000) end
      display:tick()
    end
    here.time = here.time + 1
    display:tick()
    assert.equal(4, #here.stderr.lines)
    assert.truthy(here.stderr.lines[4]:find "^0 of 3 files")
    display:hide()
    display:finish(2)
    here.time = here.time + 1
    display:tick()
    assert.is_nil(here.stderr.shown():find("two", 1, true))
    for index = 1, 3 do display:finish(index) end
    display:close()
    assert.truthy(here.stderr.shown():find "^3 of 3 files .* 100 %% +2%.9 KiB +250 B/s 0:12\n$")
    assert.is_false(here.has_open_line)
  end)

  it("says that a scan is awaited, and for how long", function()
    local here = world(80)
    local display = progress.new(here, { "a" }, {}, "scanning")
    display:on_progress(1)(10, 10)
    here.time = 107
    display:tick()
    assert.truthy(here.stderr.shown():find("scanning 0:07", 1, true))
  end)

  it("has the share of all files from the first byte on, and says that all have moved", function()
    local here = world(80)
    local display = progress.new(here, { "a", "b" }, {}, "scanning")
    display:expect(1, 100)
    display:expect(2, 300)
    display:on_progress(1)(100, 100)
    assert.truthy(here.stderr.lines[2]:find "^0 of 2 files .* 25 %%")
    here.time = 101
    display:on_progress(2)(150, 300)
    display:finish(2) -- the transfer has failed
    here.time = 105
    display:tick()
    here.time = 108
    display:tick()
    assert.truthy(here.stderr.lines[2]:find "^1 of 2 files .* 100 %%.* scanning 0:03")
    display:finish(1)
    display:close()
    assert.truthy(here.stderr.shown():find "^2 of 2 files .* 100 %%")
  end)

  it("fits any width, whatever the names", function()
    for width = 20, 120 do
      local here = world(width)
      local display = progress.new(here, { ("n"):rep(200), "写真の日本語の長い名前.png", "x" })
      for index = 1, 3 do display:on_progress(index)(1, 2 ^ 40) end
      here.time = 200
      display:tick()
      assert.is_true(here.stderr.widest < width, width .. ": " .. here.stderr.shown())
    end
  end)

  it("leaves a line of its own to messages", function()
    local here = world(80)
    progress.new(here, { "a" }):on_progress(1)(1, 4)
    common.say(here, "no\255\27")
    assert.equal("connectparticipant: no\\xFF?\n", here.stderr.shown())
  end)
end)

describe("a name from the service", function()
  it("is made safe as a file name", function()
    for name, safe in pairs {
      ["a b.pdf"] = "a b.pdf", ["../../etc/passwd"] = "passwd", ["c:\\x\\y.doc"] = "y.doc",
      [".bashrc"] = "bashrc", ["a\27[2Jb"] = "a_[2Jb", ["..."] = false, [""] = false,
      ["x/"] = false, ["é.txt"] = "é.txt",
    } do
      assert.equal(safe or nil, place.safe(name))
    end
    assert.equal(200, #place.safe(("x"):rep(300) .. ".pdf"))
    assert.equal(".pdf", place.safe(("é"):rep(300) .. ".pdf"):sub(-4))
  end)
end)
