-- What Lua finalises twice, or uses after it was finalised, as a host's own __gc may do when the
-- state is closed: an error of Lua at most. `make SANITIZE=1` sees what touches freed memory.
local core = require "connectparticipant.core"
local process = require "spec.support.process"

-- Made first, and so finalised last: its finaliser uses what was finalised before it.
local SCRIPT = [[
local core = require "connectparticipant.core"
local things = {}
local function use(name, ...)
  local object = things[name]
  local method = object[...]
  pcall(method, object, select(2, ...))
end
local function last()
  for _, name in ipairs { "exchange", "transfer", "engine" } do pcall(tostring, things[name]) end
  pcall(core.request, "GetAttachment", things.params, things.settings)
  use("settings", "endpoint")
  for _, name in ipairs { "exchange", "transfer" } do
    for _, method in ipairs { "send", "state", "progress", "info", "result", "header", "drain",
      "feed", "cancel", "release", "cancel" } do
      use(name, method, things.engine)
    end
  end
  use("source", "size")
  use("source", "close")
  for _, method in ipairs { "step", "ready", "pollfd", "timeout", "close", "transfer" } do
    use("engine", method, {})
  end
  print "used"
end
if newproxy then
  things.proxy = newproxy(true)
  getmetatable(things.proxy).__gc = last
else
  things.proxy = setmetatable({}, { __gc = last })
end
things.params = { ConnectionToken = "token", AttachmentId = "id" }
things.settings = core.settings { endpoint = "http://127.0.0.1:1", proxy = "" }
things.engine = core.engine()
things.source = assert(core.open_source "README.md")
things.exchange = assert(core.request("GetAttachment", things.params, things.settings))
things.transfer = assert(things.engine:transfer { method = "PUT", url = "http://127.0.0.1:1/key",
  source = things.source, settings = things.settings })
assert(things.exchange:send(things.engine))
things.engine:step()
pcall(core.get_attachment, things.params, { endpoint = "http://127.0.0.1:1" })
]]

describe("what was finalised", function()
  it("may be used once more when the state is closed", function()
    local said = process.run { process.lua, "-e", SCRIPT }
    assert.equal("used\n", said.stdout, said.stderr)
    assert.equal(0, said.status, said.stderr)
  end)

  it("may be finalised again", function()
    local settings = core.settings { endpoint = "http://127.0.0.1:1" }
    local params = { ConnectionToken = "token", AttachmentId = "id" }
    local things = { settings, core.engine(), core.open_source "README.md",
      core.request("GetAttachment", params, settings), core.request("GetAttachment", params,
        settings) }
    things[4]:release()
    for _ = 1, 3 do
      for _, thing in ipairs(things) do debug.getmetatable(thing).__gc(thing) end
    end
    -- Another exchange may have reused the memory of the old one.
    local request = core.request("GetAttachment", params, core.settings { region = "us-east-1" })
    for _, thing in ipairs(things) do debug.getmetatable(thing).__gc(thing) end
    assert.equal("done", request:state())
    request:release()
  end)
end)
