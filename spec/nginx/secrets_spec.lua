-- Neither nginx's error.log at its most verbose nor the gateway's answers hold a secret.
local cjson = require "cjson"
local gateway = require "spec.support.gateway"
local process = require "spec.support.process"
local secrets = require "spec.support.secrets"
local services = require "spec.support.service"

-- These specs test LuaJIT inside nginx, whichever Lua runs busted, so one Lua runs them.
if process.abi ~= "luajit" then return end

local PROXIED = [[
  location = /proxied { content_by_lua_block {
    local other = require("connectparticipant").new { endpoint = "https://service.example",
      max_attempts = 1, proxy = "http://user:%s@127.0.0.1:1",
      pace = { redis = "redis://user:%s@127.0.0.1:1" },
      logger = function(event) ngx.log(ngx.NOTICE, require("cjson").encode(event)) end }
    ngx.print(tostring(select(2, other:get_transcript { ConnectionToken = "%s" })))
    other:close()
  } }
]]

local service, server
setup(function() service = services.start() end)
teardown(function() service:stop() end)
after_each(function() server:remove() end)

local function serve()
  server = gateway.start({ endpoint = service.endpoint, token = secrets.TOKEN }, { level = "debug",
    locations = PROXIED:format(secrets.PROXY, secrets.REDIS, secrets.TOKEN) })
  return server
end

-- nginx's own log line about the request's headers, which has the token with any module: the client
-- sent it.
local function of_requests(line)
  return line:find 'http header: "X%-Connection%-Token: '
end

-- Asserts that no other line holds a secret, and that there are at least `many` lines.
local function is_clean(many)
  local looked = 0
  for line in server.nginx:log():gmatch "[^\n]+" do
    looked = looked + 1
    if not of_requests(line) then assert.is_nil(secrets.found(line)) end
  end
  assert.truthy(looked > many, looked .. " lines")
end

local function echo(status)
  return { status = status, headers = { ["x-amzn-requestid"] = secrets.TOKEN },
    body = cjson.encode { message = "bad " .. secrets.TOKEN } }
end

local function started()
  return { body = cjson.encode { AttachmentId = "a", AttachmentSizeInBytes = 5,
    Url = secrets.url "${origin}", UrlExpiry = "2099-01-01T00:00:00.000Z",
    UploadMetadata = { Url = secrets.url "${origin}", UrlExpiry = "2099-01-01T00:00:00.000Z",
      HeadersToInclude = { ["x-amz-server-side-encryption-customer-key"] = secrets.KEY } } } }
end

describe("the log of nginx", function()
  it("has no secret at debug, of what goes well and of what does not", function()
    serve()
    local url = secrets.url "https://s"
    local refusal = { status = 403,
      body = "<Error><Code>AccessDenied</Code><Message>" .. url .. "</Message></Error>" }
    for _, steps in ipairs { { started(), {}, {} }, { echo(500) }, { echo(403) },
      { started(), refusal }, { started(), { reset = "request" } },
      { started(), {}, echo(500) } } do
      service:script(steps)
      assert.is_nil(secrets.found(server:upload "hello"))
    end
    for _, steps in ipairs { { started(), { body = "hello" } }, { echo(500) },
      { started(), refusal }, { started(), { body = "hello", cut = 2 } } } do
      service:script(steps)
      local whole, answer = pcall(server.download, server, "a")
      assert.is_nil(secrets.found(whole and answer))
    end
    is_clean(1000)
  end)

  it("has no password of a proxy or a Redis at debug", function()
    serve()
    local answer = server.nginx:get "/proxied"
    assert.truthy(answer.body:find("COULDNT_CONNECT", 1, true), answer.body)
    assert.is_nil(secrets.found(answer.body))
    is_clean(100)
  end)
end)
