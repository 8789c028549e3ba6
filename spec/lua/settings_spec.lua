-- Where requests go: AWS's endpoint rules, and the options of the transport.
local core = require "connectparticipant.core"

local function endpoint(options)
  local settings, err = core.settings(options)
  assert.is_nil(err)
  return settings:endpoint()
end

local function refused(options, text, option)
  local settings, err = core.settings(options)
  assert.is_nil(settings)
  assert.equal("configuration", err.kind)
  assert.equal("InvalidConfiguration", err.code)
  assert.equal(option, err.option)
  assert.truthy(err.message:find(text, 1, true), err.message)
end

describe("the endpoint", function()
  it("has its path percent-encoded where it is not ASCII", function()
    assert.equal("https://x.example/%C3%A4/b",
      endpoint { endpoint = "https://x.example/\195\164/b/" })
  end)

  local cases = { -- region, plain, FIPS, dual-stack, both
    { "us-east-1", "participant.connect.us-east-1.amazonaws.com",
      "participant.connect-fips.us-east-1.amazonaws.com",
      "participant.connect.us-east-1.api.aws", "participant.connect-fips.us-east-1.api.aws" },
    { "cn-north-1", "participant.connect.cn-north-1.amazonaws.com.cn",
      "participant.connect-fips.cn-north-1.amazonaws.com.cn",
      "participant.connect.cn-north-1.api.amazonwebservices.com.cn",
      "participant.connect-fips.cn-north-1.api.amazonwebservices.com.cn" },
    { "us-gov-west-1", "participant.connect.us-gov-west-1.amazonaws.com",
      "participant.connect.us-gov-west-1.amazonaws.com",
      "participant.connect.us-gov-west-1.api.aws",
      "participant.connect-fips.us-gov-west-1.api.aws" },
    { "eusc-de-east-1", "participant.connect.eusc-de-east-1.amazonaws.eu",
      "participant.connect-fips.eusc-de-east-1.amazonaws.eu",
      "participant.connect.eusc-de-east-1.api.amazonwebservices.eu",
      "participant.connect-fips.eusc-de-east-1.api.amazonwebservices.eu" },
    { "us-iso-east-1", "participant.connect.us-iso-east-1.c2s.ic.gov",
      "participant.connect-fips.us-iso-east-1.c2s.ic.gov",
      "participant.connect.us-iso-east-1.api.aws.ic.gov",
      "participant.connect-fips.us-iso-east-1.api.aws.ic.gov" },
    { "us-isob-east-1", "participant.connect.us-isob-east-1.sc2s.sgov.gov",
      "participant.connect-fips.us-isob-east-1.sc2s.sgov.gov",
      "participant.connect.us-isob-east-1.api.aws.scloud",
      "participant.connect-fips.us-isob-east-1.api.aws.scloud" },
    { "eu-isoe-west-1", "participant.connect.eu-isoe-west-1.cloud.adc-e.uk",
      "participant.connect-fips.eu-isoe-west-1.cloud.adc-e.uk",
      "participant.connect.eu-isoe-west-1.api.cloud-aws.adc-e.uk",
      "participant.connect-fips.eu-isoe-west-1.api.cloud-aws.adc-e.uk" },
    { "us-isof-south-1", "participant.connect.us-isof-south-1.csp.hci.ic.gov",
      "participant.connect-fips.us-isof-south-1.csp.hci.ic.gov",
      "participant.connect.us-isof-south-1.api.aws.hci.ic.gov",
      "participant.connect-fips.us-isof-south-1.api.aws.hci.ic.gov" },
    -- a region that does not exist yet
    { "mars-north-7", "participant.connect.mars-north-7.amazonaws.com",
      "participant.connect-fips.mars-north-7.amazonaws.com",
      "participant.connect.mars-north-7.api.aws", "participant.connect-fips.mars-north-7.api.aws" },
  }
  for _, case in ipairs(cases) do
    it("follows AWS's rules in " .. case[1], function()
      local region = case[1]
      assert.equal("https://" .. case[2], endpoint { region = region })
      assert.equal("https://" .. case[3], endpoint { region = region, use_fips = true })
      assert.equal("https://" .. case[4], endpoint { region = region, use_dualstack = true })
      assert.equal("https://" .. case[5],
        endpoint { region = region, use_fips = true, use_dualstack = true })
    end)
  end

  it("knows the regions of every prefix", function()
    for _, region in ipairs { "af-south-1", "ap-northeast-1", "ca-central-1", "eu-west-2",
      "il-central-1", "me-south-1", "mx-central-1", "sa-east-1", "aws-global" } do
      assert.equal("https://participant.connect." .. region .. ".amazonaws.com",
        endpoint { region = region })
    end
  end)

  it("is the custom one if given", function()
    assert.equal("https://example.com/base",
      endpoint { endpoint = "https://example.com/base/", region = "us-east-1" })
    for _, url in ipairs { "http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:9",
      "http://127.5.6.7" } do
      assert.equal(url, endpoint { endpoint = url })
    end
    assert.equal("http://example.com",
      endpoint { endpoint = "http://example.com", allow_insecure = true })
  end)

  it("says where a region can be set when there is none", function()
    refused({}, "no region: set AWS_REGION, a profile's region, or the option region", "region")
    refused(nil, "no region: set AWS_REGION", "region")
  end)

  it("fails in AWS's words, and names the option that is wrong", function()
    refused({ endpoint = "https://x", use_fips = true },
      "Invalid Configuration: FIPS and custom endpoint are not supported", "use_fips")
    refused({ endpoint = "https://x", use_dualstack = true },
      "Invalid Configuration: Dualstack and custom endpoint are not supported", "use_dualstack")
    for _, region in ipairs { "", "a.b", "evil.com/", "us-east-1@evil", "-a", "a-", "ü",
      ("a"):rep(64), "a b", "a\nb" } do
      refused({ region = region }, "is not a valid hostname component.", "region")
    end
  end)

  it("is never one that would leak", function()
    for _, url in ipairs { "http://example.com", "ftp://x", "file:///etc/passwd", "nonsense:",
      "https://user:pw@x", "https://x/?q=1", "https://x/#f", "https://a b", "https://x\r\ny", "",
      "http://127.0.0.1.evil.com", "http://localhost.evil.com", "https://" .. ("x"):rep(3000) } do
      refused({ endpoint = url }, "the endpoint cannot be used", "endpoint")
    end
  end)

  it("names the option that would allow http to other hosts, and only if it would", function()
    refused({ endpoint = "http://localstack:4566" }, "allow_insecure", "endpoint")
    local _, err = core.settings { endpoint = "http://user@localstack:4566" }
    assert.is_nil(err.message:find("allow_insecure", 1, true))
    _, err = core.settings { endpoint = "http://localstack?x=1" }
    assert.is_nil(err.message:find("allow_insecure", 1, true))
  end)
end)

describe("options", function()
  it("must exist and have their type", function()
    assert.error_matches(function() core.settings { regoin = "x" } end, "did you mean 'region'")
    assert.error_matches(function() core.settings { region = 5 } end, "must be a string")
    assert.error_matches(function() core.settings { timeout = "1" } end, "must be a number")
    assert.error_matches(function() core.settings { "us-east-1" } end, "names only")
    for _, seconds in ipairs { 0, -1, 1 / 0, 0 / 0 } do
      assert.error_matches(function() core.settings { timeout = seconds } end, "above 0")
    end
  end)

  it("name a CA bundle that can be read", function()
    refused({ region = "us-east-1", ca_file = "/nonexistent/ca.pem" }, "/nonexistent/ca.pem",
      "ca_file")
    refused({ region = "us-east-1", ca_file = "/" }, "not a regular file", "ca_file")
  end)

  it("must name a proxy that libcurl understands, and errors do not show its password", function()
    for _, proxy in ipairs { "", "10.0.0.1", "proxy:3128", "http://u:p@proxy:3128",
      "HTTPS://[::1]:1", "socks5h://proxy", "socks4a://proxy:1080" } do
      assert(core.settings { region = "us-east-1", proxy = proxy })
    end
    for _, proxy in ipairs { "::::", "http://u:secret@a b/", "http://u:secret@proxy:999999" } do
      refused({ region = "us-east-1", proxy = proxy }, "it is not a URL", "proxy")
      local _, err = core.settings { region = "us-east-1", proxy = proxy }
      assert.is_nil(tostring(err):find("secret", 1, true))
    end
    refused({ region = "us-east-1", proxy = "ftp://proxy" }, "its scheme must be", "proxy")
  end)

  it("may not contain NUL, which would cut off the rest", function()
    for _, name in ipairs { "region", "endpoint", "ca_file", "proxy", "app_id" } do
      local options = { region = "us-east-1" }
      options[name] = "a\0b"
      refused(options, "contains a NUL", name)
      local result, err = core.send_event({ ConnectionToken = "t", ContentType = "x" }, options)
      assert.is_nil(result)
      assert.equal(name, err.option)
    end
  end)
end)

describe("the User-Agent", function()
  local function agent(app_id)
    return core.build_request("DisconnectParticipant", { ConnectionToken = "token" },
      { region = "us-east-1", app_id = app_id }).headers["User-Agent"]
  end

  it("follows AWS's grammar", function()
    assert.truthy(agent():match("^lua%-connectparticipant/[%d.]+ ua/2%.1 os/linux lang/lua#%S+"
      .. " md/libcurl#[%d.]+ api/connectparticipant#[%d.]+$"))
  end)

  it("ends with the application's id, sanitised", function()
    assert.truthy(agent("my app/1\r\nX: é"):find(" app/my%-app%-1%-%-X%-%-%-%-$", 1))
  end)
end)
