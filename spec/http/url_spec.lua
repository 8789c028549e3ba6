-- Which URLs are accepted, and which are refused with which reason: as endpoints, and as presigned
-- URLs. libcurl's own parser, whose leniency differs between versions, never decides.
local core = require "connectparticipant.core"

local function settings(endpoint, insecure)
  return core.settings { endpoint = endpoint, allow_insecure = insecure }
end

-- As an endpoint and as a presigned URL, with the same outcome.
local function accepted(url, insecure)
  local own, err = settings(url, insecure)
  assert.is_nil(err)
  local engine = core.engine()
  local exchange, problem = engine:transfer { method = "GET", url = url, settings = own }
  assert.is_nil(problem)
  exchange:cancel()
  engine:close()
end

local function refused(url, word, insecure)
  local own, err = settings(url, insecure)
  assert.is_nil(own, url)
  assert.equal("configuration", err.kind)
  assert.truthy(err.message:find(word, 1, true), url .. ": " .. err.message)
  local engine = core.engine()
  local open = settings("http://127.0.0.1", insecure)
  local exchange
  exchange, err = engine:transfer { method = "GET", url = url, settings = open }
  assert.is_nil(exchange, url)
  assert.equal("UnsafeUrl", err.code)
  assert.truthy(err.message:find(word:match "^http" or word, 1, true), url .. ": " .. err.message)
  engine:close()
end

describe("a URL", function()
  it("is accepted in the forms that AWS and its users write", function()
    for _, url in ipairs { "https://host", "https://host/", "HTTPS://Host.Example:8443/a/b",
      "https://a-b.c_d.example.", "https://1.2.3.4", "https://[2001:db8::1]:443/",
      "https://h:65535", "https://localhost", "https://9host.example", "https://host.9a",
      "https://0x.example" } do
      accepted(url)
    end
  end)

  it("without TLS is accepted to loopback only", function()
    for _, host in ipairs { "localhost", "LocalHost", "127.0.0.1", "127.255.0.9", "[::1]",
      "[0:0:0:0:0:0:0:1]" } do
      accepted("http://" .. host .. ":8080/x")
      accepted("HTTP://" .. host)
    end
    for _, host in ipairs { "example.com", "128.0.0.1", "126.255.255.255", "[::2]", "[::]",
      "localhost.", "localhost.example", "a.localhost", "127.0.0.1.example.com",
      "[::ffff:127.0.0.1]", "localhost_" } do
      refused("http://" .. host .. ":9/x", "http")
      accepted("http://" .. host .. ":9/x", true)
    end
  end)

  it("has a host that is a name, or an address in its canonical notation", function()
    for _, host in ipairs { "127.0.0.256", "127.0.0.08", "127.0.0.1.1", "127.1", "127", "0x7f.1",
      "0x7f000001", "2130706433", "127.0.0.0x1", "0177.0.0.1", "1.2.3", "127.999.0.1", "010.0.0.1",
      "host.1" } do
      for _, insecure in ipairs { false, true } do
        refused("http://" .. host .. ":9", "IPv4", insecure)
        refused("https://" .. host, "IPv4", insecure)
      end
    end
    refused("https://127.0.0.1.", "dot")
    for _, host in ipairs { "[::1", "[]", "[127.0.0.1]", "[::1%25lo]", "[::1%lo]", "[g::1]" } do
      refused("http://" .. host .. "/", "IPv6")
    end
    for _, host in ipairs { "127...", "..", ".", ".host", "a..b" } do
      refused("http://" .. host .. "/", "empty label")
    end
    for _, host in ipairs { "ho%73t", "127%2e0.0.1", "b\195\188cher", "a,b", "a\\b", "h*st", "a;b",
      "::1", "$host", "host|", "{host}" } do
      refused("https://" .. host .. "/", host == "::1" and "no host" or "letters")
    end
    refused("https://" .. ("h"):rep(256), "too long")
  end)

  it("must name a host, after a scheme and two slashes", function()
    for _, rest in ipairs { "", "/", "/x", ":443", ":443/", "?a", "//host" } do
      refused("https://" .. rest, "no host")
    end
    for _, url in ipairs { "", "host", "host:80", "//host", "/", "https:", "https:/", "https:host",
      "https:/host", "http:/127.0.0.1:9", "http:127.0.0.1:9", "ftp://host", "httpss://host",
      "://host", " https://host", "file:///etc/passwd", "https\\://host", "javascript:1" } do
      refused(url, url:find " " and "a space" or "https://")
    end
    refused("http:///localhost:9", "no host")
  end)

  it("may have neither user name nor password, not even empty ones", function()
    for _, user in ipairs { "user", "user:pw", ":pw", ":", "", "127.0.0.1" } do
      refused("https://" .. user .. "@host/", "user name")
      refused("http://" .. user .. "@127.0.0.1:9/", "user name")
    end
  end)

  it("has a port from 1 to 65535, if any", function()
    for _, port in ipairs { "0", "00", "65536", "99999", "100000", "", "8o", "-1", "+1", "1e3",
      "1:2", "000080" } do
      refused("https://host:" .. port, "port")
      refused("http://[::1]:" .. port .. "/x", "port")
    end
    refused("http://[::1]x/", "port")
  end)

  it("may have no fragment, no blank and no control character", function()
    refused("https://host/#x", "fragment")
    refused("https://host#x", "fragment")
    for _, url in ipairs { "https://host/a b", "https://host/a\tb", "https://host/a\nb",
      "https://host/\127", "https://host/\255", "https://ho st/" } do
      refused(url, "a control character")
    end
  end)
end)

describe("an endpoint", function()
  it("of another case is as safe as https", function()
    local safe = assert(settings "HTTPS://127.0.0.1:1")
    local engine = core.engine()
    local exchange, err = engine:transfer { method = "GET", url = "http://127.0.0.1:1/",
      settings = safe }
    assert.is_nil(exchange)
    assert.equal("UnsafeUrl", err.code)
    exchange = assert(engine:transfer { method = "GET", url = "HTTPS://127.0.0.1:1/",
      settings = safe })
    exchange:cancel()
    engine:close()
  end)

  it("may have no query", function()
    local own, err = settings "https://host/?a=b"
    assert.is_nil(own)
    assert.truthy(err.message:find("query", 1, true))
  end)
end)
