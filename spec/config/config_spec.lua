-- Where configuration comes from, and what is said when it is wrong. No real environment is read.
local config = require "connectparticipant.config"

local function world(variables, files)
  return {
    getenv = function(name) return variables[name] end,
    open = function(path)
      local text = files and files[path]
      if text == nil then return nil, path .. ": No such file or directory", 2 end
      if type(text) == "table" then return nil, path .. ": " .. text[1], text[2] end
      return {
        read = function(_, size) return #text > 0 and text:sub(1, size) or nil end,
        close = function() end,
      }
    end,
  }
end

local HOME = { HOME = "/home/a" }
local FILE = "/home/a/.aws/config"

local function resolved(options, variables, text)
  local result, problem = config.resolve(options, world(variables or {}, { [FILE] = text }))
  assert.is_nil(problem)
  return result
end

local function refused(options, variables, text, ...)
  local result, problem = config.resolve(options, world(variables, { [FILE] = text }))
  assert.is_nil(result)
  for _, part in ipairs { ... } do
    assert.truthy(problem:find(part, 1, true), problem)
  end
end

describe("a setting", function()
  it("comes from options, environment, file, default, in this order", function()
    local variables = { HOME = "/home/a", AWS_REGION = "eu-west-2", AWS_MAX_ATTEMPTS = "5" }
    local text = "[default]\nregion = us-east-1\nmax_attempts = 7\nsdk_ua_app_id = app\n"
    local result = resolved({ region = "us-west-2" }, variables, text)
    assert.equal("us-west-2", result.region)
    assert.equal(5, result.max_attempts)
    assert.equal("app", result.app_id)
    assert.equal(10, result.connect_timeout)
    assert.equal("eu-west-2", resolved({}, variables, text).region)
    assert.equal("us-east-1", resolved({}, HOME, text).region)
    assert.equal(3, resolved({}, {}, nil).max_attempts)
  end)

  it("has several variables", function()
    local both = { AWS_REGION = "a-b-1", AWS_DEFAULT_REGION = "c-d-1" }
    assert.equal("a-b-1", resolved({}, both).region)
    both.AWS_REGION = "" -- counts as unset
    assert.equal("c-d-1", resolved({}, both).region)
    assert.is_true(resolved({}, { AWS_USE_FIPS_ENDPOINT = "TRUE" }).use_fips)
    assert.is_true(resolved({}, { AWS_USE_DUALSTACK_ENDPOINT = "true" }).use_dualstack)
    assert.equal("/ca", resolved({}, { AWS_CA_BUNDLE = "/ca" }).ca_file)
  end)

  it("may be a retry mode in AWS's words", function()
    assert.equal("standard", resolved({}, {}).retry_mode)
    assert.equal("adaptive", resolved({}, { AWS_RETRY_MODE = "Adaptive" }).retry_mode)
    assert.equal("standard", resolved({}, { AWS_RETRY_MODE = "legacy" }).retry_mode)
    assert.equal("adaptive", resolved({}, HOME, "[default]\nretry_mode = adaptive\n").retry_mode)
    assert.equal("standard", resolved({ retry_mode = "standard" },
      { AWS_RETRY_MODE = "adaptive" }).retry_mode)
    refused({}, { AWS_RETRY_MODE = "fast" }, nil, "AWS_RETRY_MODE must be standard or adaptive")
  end)

  it("may be a region as AWS's JavaScript SDK has it", function()
    local result = resolved({ region = "fips-us-east-1" })
    assert.equal("us-east-1", result.region)
    assert.is_true(result.use_fips)
    assert.equal("us-gov-west-1", resolved({ region = "us-gov-west-1-fips" }).region)
  end)
end)

describe("the profile", function()
  local text = "[default]\nregion=a-a-1\n[profile work]\nregion = b-b-1 # the office\n"
    .. "s3 =\n  region = nested-1\n[profile  other ]\nregion=c-c-1\n"

  it("is the option's, or the environment's, or the default", function()
    assert.equal("a-a-1", resolved({}, HOME, text).region)
    assert.equal("b-b-1", resolved({ profile = "work" }, HOME, text).region)
    assert.equal("c-c-1", resolved({}, { HOME = "/home/a", AWS_PROFILE = "other" }, text).region)
  end)

  it("must exist when it is named", function()
    refused({ profile = "none" }, HOME, text, "none", FILE)
    refused({}, { HOME = "/home/a", AWS_PROFILE = "none" }, nil, "none")
  end)

  it("may live in another file", function()
    local result = config.resolve({}, world({ HOME = "/h", AWS_CONFIG_FILE = "~/c" },
      { ["/h/c"] = "[default]\nregion = x-y-1\n" }))
    assert.equal("x-y-1", result.region)
  end)
end)

describe("the endpoint", function()
  local text = "[default]\nservices = here\nendpoint_url = https://general\n"
    .. "[services here]\ns3 =\n  endpoint_url = https://s3\nconnectparticipant =\n"
    .. "  endpoint_url = https://service\n"

  it("follows AWS's precedence", function()
    local all = { HOME = "/home/a", AWS_ENDPOINT_URL = "https://e",
      AWS_ENDPOINT_URL_CONNECTPARTICIPANT = "https://ecp" }
    assert.equal("https://o", resolved({ endpoint = "https://o" }, all, text).endpoint)
    assert.equal("https://ecp", resolved({}, all, text).endpoint)
    all.AWS_ENDPOINT_URL_CONNECTPARTICIPANT = nil
    assert.equal("https://e", resolved({}, all, text).endpoint)
    all.AWS_ENDPOINT_URL = nil
    assert.equal("https://service", resolved({}, all, text).endpoint)
    assert.equal("https://general", resolved({}, all,
      "[default]\nendpoint_url = https://general\n").endpoint)
  end)

  it("is ignored where that is wished, but for the option's", function()
    local all = { HOME = "/home/a", AWS_ENDPOINT_URL = "https://e",
      AWS_IGNORE_CONFIGURED_ENDPOINT_URLS = "true" }
    assert.is_nil(resolved({}, all, text).endpoint)
    assert.equal("https://o", resolved({ endpoint = "https://o" }, all, text).endpoint)
    assert.is_nil(resolved({}, HOME, "[default]\nignore_configured_endpoint_urls = true\n"
      .. "endpoint_url = https://general\n").endpoint)
  end)

  it("needs its services section", function()
    refused({}, HOME, "[default]\nservices = gone\n", "services gone", FILE, "line 2")
    refused({}, HOME, "[default]\nservices = a\n[services b]\nservices = a\n", "services a")
  end)
end)

describe("a broken value", function()
  it("is named with its variable", function()
    refused({}, { AWS_MAX_ATTEMPTS = "0" }, nil, "AWS_MAX_ATTEMPTS")
    refused({}, { AWS_MAX_ATTEMPTS = "3.5" }, nil, "AWS_MAX_ATTEMPTS")
    refused({}, { AWS_USE_FIPS_ENDPOINT = "yes" }, nil, "AWS_USE_FIPS_ENDPOINT", "true or false")
    refused({}, { AWS_REGION = "evil.com/" }, nil, "AWS_REGION")
    refused({}, { AWS_ENDPOINT_URL = "nonsense" }, nil, "AWS_ENDPOINT_URL")
  end)

  it("is named with file, line and key", function()
    refused({}, HOME, "[default]\n\nmax_attempts = many\n", FILE, "line 3", "max_attempts")
    refused({}, HOME, "[default]\nuse_fips_endpoint = 1\n", FILE, "line 2", "use_fips_endpoint")
    refused({}, HOME, "[default]\nendpoint_url = x\n", FILE, "line 2", "endpoint_url")
  end)
end)

describe("a broken file", function()
  it("is named with its line", function()
    refused({}, HOME, "region = a\n", FILE, "line 1")
    refused({}, HOME, "[default]\nno key here\n", FILE, "line 2")
    refused({}, HOME, "[]\n", FILE, "line 1")
    refused({}, HOME, "[default]\nregion = a\0b\n", FILE)
  end)

  it("may be unreadable, a directory, or far too large", function()
    refused({}, HOME, { "Permission denied", 13 }, FILE, "Permission denied")
    local big = ("# x\n"):rep(3 * 1024 * 1024)
    refused({}, HOME, big, FILE, "larger")
    local directory = world(HOME)
    directory.open = function()
      return { read = function() return nil, "Is a directory", 21 end, close = function() end }
    end
    local result, problem = config.resolve({}, directory)
    assert.is_nil(result)
    assert.truthy(problem:find("Is a directory", 1, true))
  end)

  it("is not looked at when nothing is missing", function()
    local options = { region = "a-b-1", endpoint = "https://x", use_fips = false, app_id = "",
      use_dualstack = false, ca_file = "/ca", max_attempts = 1, retry_mode = "standard" }
    local watched = world(HOME)
    watched.open = function() error "the file was read" end
    assert.equal("a-b-1", config.resolve(options, watched).region)
  end)
end)
