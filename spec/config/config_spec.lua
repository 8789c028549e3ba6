-- Where configuration comes from, and which errors it causes. The real environment is not read.
local config = require "connectparticipant.config"
local core = require "connectparticipant.core"
local files = require "spec.support.files"
local process = require "spec.support.process"

local function world(variables, held)
  return {
    getenv = function(name) return variables[name] end,
    read = function(path, most)
      local text = held and held[path]
      if text == nil then return nil, "No such file or directory" end
      if type(text) == "table" then return nil, text[1] end
      return text:sub(1, most)
    end,
  }
end

local HOME = { HOME = "/home/a" }
local FILE = "/home/a/.aws/config"
local CREDENTIALS = "/home/a/.aws/credentials"

local function resolved(options, variables, text)
  local result, problem = config.resolve(options, world(variables or {}, { [FILE] = text }))
  assert.is_nil(problem)
  return result
end

local function refused(options, variables, text, ...)
  local result, problem, option = config.resolve(options, world(variables, { [FILE] = text }))
  assert.is_nil(result)
  assert.equal("string", type(option))
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

  it("may be a region in the forms that AWS's JavaScript SDK allows", function()
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

  it("must exist if it is named and needed to know where requests go", function()
    refused({ profile = "none" }, HOME, text, "none", "the option profile", FILE, CREDENTIALS)
    refused({}, { HOME = "/home/a", AWS_PROFILE = "none" }, nil, "none", "AWS_PROFILE")
    refused({ profile = "none" }, {}, nil, "none", "HOME is not set")
    refused({ profile = "none" }, { HOME = "/home/a", AWS_REGION = "a-b-1" }, text, "none")
    local named = { HOME = "/home/a", AWS_PROFILE = "none" }
    assert.equal("a-b-1", resolved({ region = "a-b-1" }, named, text).region)
    assert.equal("a-b-1", resolved({ profile = "none", region = "a-b-1" }, HOME, text).region)
    assert.equal("https://e", resolved({ endpoint = "https://e" }, named, text).endpoint)
    named.AWS_REGION = "c-d-1"
    assert.equal("c-d-1", resolved({}, named, text).region)
  end)

  it("may live in other files", function()
    local result = config.resolve({}, world({ HOME = "/h", AWS_CONFIG_FILE = "~/c" },
      { ["/h/c"] = "[default]\nregion = x-y-1\n" }))
    assert.equal("x-y-1", result.region)
    result = config.resolve({}, world({ AWS_SHARED_CREDENTIALS_FILE = "/c", AWS_PROFILE = "work" },
      { ["/c"] = "[work]\nregion = x-y-2\n" }))
    assert.equal("x-y-2", result.region)
    assert.equal("/c, line 2, region", result.origins.region)
  end)

  it("is merged from both files, the credentials file first", function()
    local both = {
      [FILE] = "[profile a]\nregion = a-a-1\nmax_attempts = 7\n[default]\nregion = d-d-1\n",
      [CREDENTIALS] = "[a]\nregion = b-b-1\naws_secret_access_key = x\n[c]\naws_session_token = x",
    }
    local result = config.resolve({ profile = "a" }, world(HOME, both))
    assert.equal("b-b-1", result.region)
    assert.equal(7, result.max_attempts)
    -- A profile without any setting of ours exists nevertheless.
    assert.is_nil(config.resolve({ profile = "c" }, world(HOME, both)).region)
    both[CREDENTIALS] = "[a]\nregion =\n"
    assert.equal("a-a-1", config.resolve({ profile = "a" }, world(HOME, both)).region)
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

  it("can be ignored by AWS_IGNORE_CONFIGURED_ENDPOINT_URLS, but for the option", function()
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
    refused({}, { AWS_MAX_ATTEMPTS = "0" }, nil, "AWS_MAX_ATTEMPTS must be a whole number")
    refused({}, { AWS_MAX_ATTEMPTS = "3.5" }, nil, "AWS_MAX_ATTEMPTS", 'not "3.5"')
    refused({}, { AWS_MAX_ATTEMPTS = "2147483648" }, nil, "AWS_MAX_ATTEMPTS")
    refused({}, { AWS_USE_FIPS_ENDPOINT = "yes" }, nil, "AWS_USE_FIPS_ENDPOINT", "true or false")
    refused({}, { AWS_REGION = "evil.com/" }, nil, "AWS_REGION")
    refused({}, { AWS_REGION = "us-west-2 " }, nil, "AWS_REGION", 'not "us-west-2 "')
    refused({}, { AWS_ENDPOINT_URL = "nonsense" }, nil, "AWS_ENDPOINT_URL")
    local _, problem = config.resolve({}, world { AWS_ENDPOINT_URL = "user:hush@host" })
    assert.is_nil(problem:find("hush", 1, true))
  end)

  it("is named with file, line and key", function()
    refused({}, HOME, "[default]\n\nmax_attempts = many\n", FILE, "line 3", "max_attempts")
    refused({}, HOME, "[default]\nuse_fips_endpoint = 1\n", FILE, "line 2", "use_fips_endpoint")
    refused({}, HOME, "[default]\nendpoint_url = x\n", FILE, "line 2", "endpoint_url")
    refused({}, HOME, "[default]\nregion = a-b-1\n  output = json\n", FILE, "line 2", "region",
      'not "a-b-1?output = json"')
  end)

  it("does no harm if it is not needed", function()
    local given = { endpoint = "https://e" }
    assert.equal("https://e", resolved(given, { AWS_REGION = "evil.com/" }).endpoint)
    assert.equal("https://e", resolved(given, HOME, "[default]\nregion = a b\n").endpoint)
    assert.is_false(resolved(given, { AWS_REGION = "fips-us-east-1" }).use_fips)
  end)
end)

describe("a setting's origin", function()
  local function explained(option, options, variables, text)
    return config.explain(resolved(options, variables, text),
      { option = option, message = "is wrong" })
  end

  it("is named before what core finds wrong with it", function()
    local text = "[default]\nendpoint_url = http://a\nuse_fips_endpoint = true\n"
    assert.equal("the option endpoint: is wrong", explained("endpoint", { endpoint = "http://b" }))
    assert.equal("AWS_ENDPOINT_URL: is wrong", explained("endpoint", {},
      { AWS_ENDPOINT_URL = "http://b" }))
    assert.equal(FILE .. ", line 2, endpoint_url: is wrong", explained("endpoint", {}, HOME, text))
    assert.equal(FILE .. ", line 3, use_fips_endpoint: is wrong (the endpoint is from "
      .. FILE .. ", line 2, endpoint_url)", explained("use_fips", {}, HOME, text))
    assert.equal("AWS_CA_BUNDLE: is wrong", explained("ca_file", {}, { AWS_CA_BUNDLE = "/none" }))
    assert.equal("AWS_REGION: is wrong", explained("use_fips", {}, { AWS_REGION = "fips-a-b-1" }))
    assert.equal("is wrong", explained("connect_timeout", {}, {}))
    assert.equal("is wrong", explained(nil, {}, {}))
  end)

  it("names the files that could not be read if there is no region", function()
    assert.equal("is wrong", explained("region", {}, HOME))
    assert.equal("is wrong (" .. FILE .. ": Permission denied)",
      explained("region", {}, HOME, { "Permission denied" }))
    assert.equal("is wrong (AWS_CONFIG_FILE /none: No such file or directory)",
      explained("region", {}, { AWS_CONFIG_FILE = "/none" }))
  end)
end)

describe("a file", function()
  it("that is malformed is named with its line, if it is needed", function()
    refused({}, HOME, "region = a\n", FILE, "line 1")
    refused({}, HOME, "[default]\nno key here\n", FILE, "line 2")
    refused({}, HOME, "[]\n", FILE, "line 1")
    refused({}, HOME, "[default]\nregion = a\0b\n", FILE, "line 2")
    refused({}, HOME, "[default]\nregion = a-b-1\n[profile x\n", FILE, "line 3")
  end)

  it("that is malformed breaks nothing that does not need it, and says what it can", function()
    local text = "[default]\nno key here\nregion = a-b-1\nmax_attempts = 7\n"
    assert.equal("c-d-1", resolved({ region = "c-d-1" }, HOME, text).region)
    assert.equal("https://e", resolved({ endpoint = "https://e" }, HOME, text).endpoint)
    local variables = { HOME = "/home/a", AWS_REGION = "e-f-1" }
    assert.equal("e-f-1", resolved({}, variables, text).region)
    assert.equal(7, resolved({}, variables, text).max_attempts)
    -- The credentials file may be written by another program.
    local both = { [FILE] = "[default]\nregion = a-b-1\n", [CREDENTIALS] = "nonsense" }
    assert.equal("a-b-1", config.resolve({}, world(HOME, both)).region)
  end)

  it("that cannot be read, or is far too large, is as if it were empty", function()
    for _, text in ipairs { { "Permission denied" }, { "Is a directory" },
      ("# x\n"):rep(300000) } do
      local result = resolved({}, HOME, text)
      assert.is_nil(result.region)
      assert.truthy(result.notes:find(FILE, 1, true), result.notes)
      assert.equal("a-b-1", resolved({ region = "a-b-1" }, HOME, text).region)
    end
  end)

  it("is not looked at when nothing is missing", function()
    local options = { region = "a-b-1", endpoint = "https://x", use_fips = false, app_id = "",
      use_dualstack = false, ca_file = "/ca", max_attempts = 1, retry_mode = "standard" }
    local watched = world { HOME = "/home/a", AWS_PROFILE = "none" }
    watched.read = function() error "the file was read" end
    assert.equal("a-b-1", config.resolve(options, watched).region)
  end)

  it("that is a FIFO is not waited for", function()
    local place = files.new()
    local fifo = place:path "config"
    assert.equal(0, process.run { "mkfifo", fifo }.status)
    for _, path in ipairs { fifo, place.directory, "/dev/zero", place:path "none" } do
      local text, problem = core.read_file(path, 10)
      assert.is_nil(text)
      assert.equal("string", type(problem))
    end
    assert.equal("abc", core.read_file(place:write("three", "abcdef"), 3))
    local variables = { AWS_CONFIG_FILE = fifo }
    local result = config.resolve({}, { getenv = world(variables).getenv, read = core.read_file })
    place:remove()
    assert.truthy(result.notes:find(fifo .. ": not a regular file", 1, true), result.notes)
  end)
end)
