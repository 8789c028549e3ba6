-- The options of new and of map: a wrong one raises at the caller's line, and names the right ones.
local participant = require "connectparticipant"

local function raised_by(fn, ...)
  local ok, problem = pcall(fn, ...)
  assert.is_false(ok)
  return problem
end

local function new(options)
  local client = participant.new(options)
  return client
end

local function map(options)
  local results = new():map({}, function() end, options)
  return results
end

describe("the options of new", function()
  it("are all optional", function()
    assert.truthy(participant.new())
    assert.truthy(participant.new {})
  end)

  it("are named when one is wrong", function()
    local problem = raised_by(new, { regoin = "us-west-2" })
    assert.truthy(problem:find("connectparticipant.new: ", 1, true), problem)
    assert.truthy(problem:find("unknown option 'regoin' (did you mean 'region'?)", 1, true))
  end)

  it("may not be positional", function()
    assert.truthy(raised_by(new, { "us-west-2" }):find("names only", 1, true))
    assert.truthy(raised_by(new, "us-west-2"):find("must be a table, not a string", 1, true))
  end)

  it("have their types and ranges", function()
    local wrong = {
      region = { 1 }, endpoint = { true }, profile = { {} }, use_fips = { "true" },
      use_dualstack = { 1 }, max_attempts = { 0, 1.5, 2 ^ 31, "3", 0 / 0, 1 / 0 },
      connect_timeout = { 0, -1, "1", 0 / 0, 1 / 0 }, timeout = { 0 }, stall_timeout = { {} },
      ca_file = { 1 }, proxy = { false }, app_id = { 1 }, logger = { "print", {} },
      driver = { "nginx", {}, { wait = print }, { wait = 1, sleep = print } },
      allow_insecure = { 1 }, retry_mode = { "fast", "", 1 }, pace = { "one", 1 },
      shared_dict = { "", 1 },
    }
    for name, values in pairs(wrong) do
      for _, value in ipairs(values) do
        local problem = raised_by(new, { [name] = value })
        assert.truthy(problem:find(("option '%s' must be"):format(name), 1, true), problem)
      end
    end
  end)

  it("take every value of their type", function()
    local callable = setmetatable({}, { __call = function() end })
    assert.truthy(participant.new {
      region = "eu-west-2", endpoint = "http://localhost", profile = "p", use_fips = true,
      use_dualstack = false, max_attempts = 1, connect_timeout = 0.5, timeout = 1e6,
      stall_timeout = 2, ca_file = "ca.pem", proxy = "", app_id = "a", logger = callable,
      driver = { wait = print, sleep = callable }, allow_insecure = false,
      retry_mode = "adaptive", pace = { shared_dict = "d", instance = "i" }, shared_dict = "d",
    })
  end)

  it("are copied", function()
    local options = { max_attempts = 2, pace = { instance = "one" } }
    local client = participant.new(options)
    options.max_attempts, options.pace.instance = 9, "two"
    assert.equal(2, client.options.max_attempts)
    assert.equal("one", client.options.pace.instance)
  end)

  it("are strings without a NUL", function()
    for _, name in ipairs { "region", "endpoint", "profile", "ca_file", "proxy", "app_id",
      "shared_dict" } do
      local problem = raised_by(new, { [name] = "a\0b" })
      local wanted = ("option '%s' must not contain a NUL"):format(name)
      assert.truthy(problem:find(wanted, 1, true), problem)
    end
  end)

  it("share a pace by a dictionary, for an instance", function()
    assert.same({ shared_dict = "d" }, new({ shared_dict = "d" }).options.pace)
    assert.same({ shared_dict = "d", instance = "i" },
      new({ shared_dict = "d", pace = { instance = "i" } }).options.pace)
    assert.is_nil(new({ pace = {} }).options.pace)
    local wrong = {
      ["unknown option 'pace.instanse' (did you mean 'pace.instance'?)"] = { instanse = "i" },
      ["option 'pace.shared_dict' must be a string that is not empty"] = { shared_dict = "" },
      ["option 'pace.instance' must not contain a NUL"] = { instance = "\0" },
      ["options must have names only"] = { "d" },
    }
    for problem, pace in pairs(wrong) do
      local raised = raised_by(new, { pace = pace })
      assert.truthy(raised:find(problem, 1, true), raised)
    end
    assert.truthy(raised_by(new, { shared_dict = "d", pace = { shared_dict = "e" } })
      :find("options 'shared_dict' and 'pace.shared_dict' differ", 1, true))
  end)

  it("count the legacy retry mode as the standard one", function()
    assert.equal("standard", new({ retry_mode = "legacy" }).options.retry_mode)
  end)
end)

describe("the options of map", function()
  it("are only concurrency, a whole number from 1 on", function()
    assert.same({}, map { concurrency = 1 })
    local problem = raised_by(map, { concurency = 2 })
    assert.truthy(problem:find("map: unknown option 'concurency'", 1, true), problem)
    assert.truthy(problem:find("did you mean 'concurrency'?", 1, true))
    for _, value in ipairs { 0, 1.5, "2", 1 / 0 } do
      assert.truthy(raised_by(map, { concurrency = value }):find("whole number", 1, true))
    end
  end)

  it("come after a list and a function", function()
    local client = new()
    local function wrong(...)
      local results = client:map(...)
      return results
    end
    local problem = raised_by(wrong, {}, "fn")
    assert.truthy(problem:find("map needs a function, not a string", 1, true), problem)
    assert.truthy(raised_by(wrong, nil, print):find("map needs a table, not a nil", 1, true))
    assert.truthy(raised_by(function()
      local results = client:upload_attachments { {}, "invoice.pdf" }
      return results
    end):find("upload_attachments needs tables in its list, not a string at 2", 1, true))
  end)
end)
