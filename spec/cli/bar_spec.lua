-- The progress bar: a line that is drawn over and over on a terminal, and nothing elsewhere.
local bar = require "connectparticipant.cli.bar"
local common = require "connectparticipant.cli.common"

local function world(is_terminal)
  local said = {}
  return {
    is_terminal = function() return is_terminal end,
    stderr = { write = function(_, ...) said[#said + 1] = table.concat { ... } end,
      flush = function() end },
    said = function() return table.concat(said) end,
  }
end

describe("the progress bar", function()
  it("is drawn on a terminal alone", function()
    assert.is_nil(bar.new(world(false), "a"))
  end)

  it("shows what has moved, once for the same, and ends its line when all has", function()
    local here = world(true)
    local draw = bar.new(here, "a\27b")
    draw(0, 2048)
    draw(1024, 2048)
    draw(1024, 2048)
    assert.is_true(here.has_open_line)
    draw(2048, 2048)
    draw(2048, 2048)
    assert.equal("\ra?b [" .. ("."):rep(30) .. "]   0 % of 2.0 KiB"
      .. "\ra?b [" .. ("#"):rep(15) .. ("."):rep(15) .. "]  50 % of 2.0 KiB"
      .. "\ra?b [" .. ("#"):rep(30) .. "] 100 % of 2.0 KiB\n", here.said())
    assert.is_false(here.has_open_line)
  end)

  it("shows nothing as long as it is not known of how much", function()
    local here = world(true)
    bar.new(here, "a")(0, 0)
    assert.equal("", here.said())
  end)

  it("leaves what is said after it a line of its own", function()
    local here = world(true)
    bar.new(here, "a")(1, 4)
    common.say(here, "no\255\27")
    assert.truthy(here.said():find("of 4 B\nconnectparticipant: no\\xFF?\n", 1, true))
    common.say(here, "more")
    assert.truthy(here.said():find("?\nconnectparticipant: more\n", 1, true))
  end)
end)
