-- A host that calls setlocale does not disable any check. If none of these locales is installed,
-- the specs run in the C locale only; `make lint` refuses functions that depend on the locale.
local core = require "connectparticipant.core"
local values = require "connectparticipant.cli.values"
local config = require "connectparticipant.config"
local content_type = require "connectparticipant.attachment.content_type"
local expiry = require "connectparticipant.attachment.expiry"
local pace = require "connectparticipant.pace"
local socket = require "socket"

local LOCALES = { "C", "tr_TR.UTF-8", "tr_TR.ISO-8859-9", "de_DE.UTF-8", "de_DE.ISO-8859-1" }

local function in_every_locale(check)
  local before = os.setlocale(nil)
  for _, name in ipairs(LOCALES) do
    local set = os.setlocale(name)
    local ok, problem = pcall(check)
    os.setlocale(before)
    if not ok then
      error(("in %s (%s): %s"):format(name, set or "not installed", tostring(problem)), 0)
    end
  end
end

describe("in any locale", function()
  it("headers are found whatever their case", function()
    in_every_locale(function()
      local headers = { ["X-AMZN-REQUESTID"] = "RID" }
      local _, err = core.read_response("GetAttachment", 400, headers, "{}")
      assert.equal("RID", err.request_id)
    end)
  end)

  it("headers that must be refused are", function()
    local settings, engine = core.settings { endpoint = "http://127.0.0.1:9" }, core.engine()
    in_every_locale(function()
      for _, name in ipairs { "if-match", "TRAILER", "transfer-encoding" } do
        local exchange, err = engine:transfer { method = "PUT", url = "http://127.0.0.1:9/x",
          source = "x", settings = settings, headers = { [name] = "evil" } }
        assert.is_nil(exchange)
        assert.equal("UnsafeHeader", err.code)
      end
      local exchange, err = engine:transfer { method = "PUT", url = "http://127.0.0.1:9/x",
        source = "x", settings = settings, headers = { ["na\239me"] = "evil" } }
      assert.is_nil(exchange)
      assert.equal("UnsafeHeader", err.code)
    end)
  end)

  it("secrets are found whatever their case", function()
    in_every_locale(function()
      local err = core.new_error { kind = "x", code = "y",
        message = "https://s/k?X-AMZ-SIGNATURE=0123abcd" }
      assert.is_nil(err.message:find("0123abcd", 1, true))
    end)
  end)

  it("a region is a host's label", function()
    in_every_locale(function()
      local settings, err = core.settings { region = "eu-\252-1" }
      assert.is_nil(settings)
      assert.equal("configuration", err.kind)
    end)
  end)

  it("schemes and hosts are read alike", function()
    in_every_locale(function()
      local settings = assert(core.settings { endpoint = "http://LOCALHOST:9" })
      assert.equal("http://LOCALHOST:9", settings:endpoint())
    end)
  end)

  it("fractions in answers are read", function()
    in_every_locale(function()
      local result = core.read_response("DescribeView", 200, {},
        '{"View":{"Version":3.0},"New":[0.5,1.25e-3]}')
      assert.equal(3, result.View.Version)
    end)
  end)

  it("times in messages have a point", function()
    local server = assert(socket.bind("127.0.0.1", 0))
    local _, port = server:getsockname()
    in_every_locale(function()
      local _, err = core.get_attachment({ ConnectionToken = "t", AttachmentId = "a" },
        { endpoint = "http://127.0.0.1:" .. port, timeout = 0.02 })
      assert.equal("not done within 0.02 s (timeout)", err.message)
    end)
    server:close()
  end)

  it("the shared pace is written alike", function()
    local kept = {}
    local dict = {
      get = function(_, key) return kept[key] end,
      set = function(_, key, value) kept[key] = value return true end,
      add = function() return true end,
      delete = function() end,
    }
    rawset(_G, "ngx", { shared = { pace = dict }, update_time = function() end })
    local host = { now = function() return 1000.25 end }
    local own = assert(pace.open({ shared_dict = "pace" }, "e", host))
    rawset(_G, "ngx", nil)
    own:report("SendMessage", true)
    in_every_locale(function()
      local wait, booking = own:reserve "SendMessage"
      assert.near(0.1, wait, 1e-5)
      own:give_back("SendMessage", booking)
    end)
  end)

  it("times, types, options and settings are read alike", function()
    local text = "[default]\nREGION = us-east-1\nUSE_FIPS_ENDPOINT = TRUE\n"
    local world = {
      getenv = function(name) return name == "HOME" and "/home/a" or nil end,
      read = function(path)
        if path == "/home/a/.aws/config" then return text end
        return nil, "No such file or directory"
      end,
    }
    in_every_locale(function()
      assert.equal(1767225600.5, expiry.parse "2026-01-01T00:00:00.5Z")
      assert.equal("image/jpeg", content_type.of "A.JFIF")
      local seconds = values.seconds "0.25"
      assert.equal(0.25, seconds)
      local settings = config.resolve({}, world)
      assert.equal("us-east-1", settings.region)
      assert.is_true(settings.use_fips)
    end)
  end)
end)
