-- The types of core's userdata: no method takes one for another.
local core = require "connectparticipant.core"
local cjson = require "cjson.safe"

local PARAMS = { ConnectionToken = "token", AttachmentId = "id" }

describe("userdata of core", function()
  local settings = core.settings { endpoint = "http://127.0.0.1:1" }
  local things = {
    settings = settings,
    engine = core.engine(),
    exchange = core.request("GetAttachment", PARAMS, settings),
    source = assert(core.open_source "README.md"),
    sink = assert(core.memory_sink()),
    watcher = core.watcher() or nil, -- a system without epoll has none
  }
  local strangers = { handle = io.stdout, null = cjson.null, number = 1, table = {} }
  teardown(function()
    things.engine:close()
    things.source:close()
    if things.watcher then things.watcher:close() end
  end)

  -- Every function that is called with a userdata of this type first.
  local function functions_of(thing)
    local metatable, list = debug.getmetatable(thing), {}
    for _, functions in ipairs { metatable, metatable.__index } do
      for name, fn in pairs(functions) do
        if type(fn) == "function" then list[name] = fn end
      end
    end
    return list
  end

  local function assert_refuses(wanted, name, fn, other)
    local ok, problem = pcall(fn, other, 1)
    assert.is_false(ok, wanted .. "." .. name)
    assert.truthy(problem:find("connectparticipant." .. wanted .. " expected", 1, true), problem)
  end

  it("refuse each other, and what is none of core's", function()
    for own, thing in pairs(things) do
      for name, fn in pairs(functions_of(thing)) do
        -- One function describes sources and sinks, and takes what is neither for a wrong sink.
        local is_both = name == "__tostring" and (own == "source" or own == "sink")
        local wanted = is_both and "sink" or own
        for other, wrong in pairs(things) do
          local is_right = other == own or is_both and (other == "source" or other == "sink")
          if not is_right then assert_refuses(wanted, name, fn, wrong) end
        end
        for _, wrong in pairs(strangers) do assert_refuses(wanted, name, fn, wrong) end
      end
    end
  end)

  it("are refused as arguments of others' methods", function()
    local wrong = things.engine
    assert.error_matches(function() core.request("GetAttachment", PARAMS, wrong) end,
      "connectparticipant.settings expected, got ")
    assert.error_matches(function() things.exchange:send(settings) end,
      "connectparticipant.engine expected, got ")
    for _, field in ipairs { "source", "sink" } do
      assert.error_matches(function()
        things.engine:transfer { method = field == "source" and "PUT" or "GET", settings = settings,
          url = "http://127.0.0.1:1/", headers = {}, [field] = wrong }
      end, "connectparticipant." .. field)
    end
  end)
end)
