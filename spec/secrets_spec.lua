-- Recognisable secrets, and every place where one could appear: errors, log events, progress,
-- `tostring`, and the memory of a process whose client is closed.
local core = require "connectparticipant.core"
local cjson = require "cjson"
local files = require "spec.support.files"
local participant = require "connectparticipant"
local process = require "spec.support.process"
local redis = require "spec.support.redis"
local secrets = require "spec.support.secrets"
local services = require "spec.support.service"

local server, client, told
setup(function() server = services.start() end)
teardown(function() server:stop() end)
before_each(function() told = {} end)
after_each(function()
  if client then client:close() end
  client = nil
end)

-- Everything that the caller sees, besides the results.
local function tell(...)
  for index = 1, select("#", ...) do told[#told + 1] = (select(index, ...)) end
end

local function open(options)
  local all = { endpoint = server.endpoint, logger = tell, max_attempts = 2, connect_timeout = 5 }
  for name, value in pairs(options or {}) do all[name] = value end
  client = participant.new(all)
  return client
end

local function upload(changes)
  local params = { ConnectionToken = secrets.TOKEN, body = "hello", AttachmentName = "a.txt",
    on_progress = tell }
  for name, value in pairs(changes or {}) do params[name] = value end
  return client:upload_attachment(params)
end

local function download(changes)
  local params = { ConnectionToken = secrets.TOKEN, AttachmentId = "a", on_progress = tell,
    on_start = tell }
  for name, value in pairs(changes or {}) do params[name] = value end
  return client:download_attachment(params)
end

-- Asserts that the call has failed, and that nothing reported about it holds a secret.
local function fails(result, err)
  assert.is_nil(result)
  tell(err, "in a text: " .. tostring(err))
  assert.is_nil(secrets.found(told))
  return err
end

local function echo(...)
  return { status = 400, headers = { ["x-amzn-errortype"] = "ValidationException:" .. (...),
    ["x-amzn-requestid"] = "id " .. (...) }, body = cjson.encode { message = "bad " .. (...) } }
end

local function started(url, include)
  return { body = cjson.encode { AttachmentId = "a", UploadMetadata = {
    Url = url, UrlExpiry = "2099-01-01T00:00:00.000Z",
    HeadersToInclude = include or { ["x-amz-server-side-encryption-customer-key"] = secrets.KEY },
  } } }
end

local function got(url)
  return { body = cjson.encode { Url = url, UrlExpiry = "2099-01-01T00:00:00.000Z",
    AttachmentSizeInBytes = 5 } }
end

-- What a store answers to a request that it refuses.
local function refusal()
  local url = secrets.url("https://store.example")
  return { status = 403, headers = { ["x-amz-request-id"] = secrets.SIGNATURE },
    body = ("<Error><Code>AccessDenied</Code><Message>%s and %s, key %s; "
      .. "x-amz-server-side-encryption-customer-key:%s</Message><RequestId>%s</RequestId></Error>")
      :format(url:gsub("&", "&amp;"), secrets.SESSION, secrets.CREDENTIAL, secrets.KEY,
        secrets.SIGNATURE) }
end

describe("a secret that an answer echoes", function()
  it("is not in the metadata of a success", function()
    server:script { { headers = { ["x-amzn-requestid"] = "id of " .. secrets.TOKEN },
      body = '{"Transcript":[]}' } }
    local result = assert(core.get_transcript({ ConnectionToken = secrets.TOKEN },
      { endpoint = server.endpoint }))
    assert.equal("id of [redacted]", result.ResponseMetadata.RequestId)
  end)

  it("is in no error of the service, whichever operation it is of", function()
    open()
    for _, params in ipairs {
      { "get_transcript" }, { "send_message", ContentType = "text/plain", Content = "hello" },
      { "disconnect_participant" }, { "describe_view", ViewToken = "v" },
      { "start_attachment_upload", AttachmentName = "a", AttachmentSizeInBytes = 1,
        ContentType = "text/plain" },
      { "complete_attachment_upload", AttachmentIds = { "a" } },
      { "get_attachment", AttachmentId = "a" } } do
      server:script { echo(secrets.TOKEN), echo(secrets.TOKEN) }
      local method = table.remove(params)
      params.ConnectionToken = secrets.TOKEN
      fails(client[method](client, params))
    end
    server:script { echo(secrets.PARTICIPANT) }
    fails(client:create_participant_connection { ParticipantToken = secrets.PARTICIPANT,
      Type = { "CONNECTION_CREDENTIALS" } })
  end)

  it("is in no error of an answer that cannot be read", function()
    open { max_attempts = 1 }
    for _, step in ipairs {
      { body = '{"ConnectionToken":"' .. secrets.TOKEN }, { body = '"' .. secrets.TOKEN .. '"' },
      { status = 500, body = secrets.TOKEN },
      { raw = "HTTP/1.1 200 " .. secrets.TOKEN .. "\r\nx y z " .. secrets.TOKEN .. "\r\n\r\n" },
      { raw = secrets.TOKEN .. "\r\n\r\n" },
      { status = 302, headers = { Location = "/" .. secrets.TOKEN } } } do
      server:script { step }
      fails(client:get_transcript { ConnectionToken = secrets.TOKEN })
    end
  end)

  it("is in no error of the store, whichever way the bytes go", function()
    open()
    server:script { started(secrets.url "${origin}"), refusal() }
    assert.equal("storage", fails(upload()).kind)
    server:script { got(secrets.url "${origin}"), refusal() }
    assert.equal("storage", fails(download()).kind)
    local moved = { status = 307, headers = { Location = secrets.url "https://store.example" } }
    server:script { started(secrets.url "${origin}"), moved }
    fails(upload())
    server:script { got(secrets.url "${origin}"), moved }
    fails(download())
  end)

  it("is in no event of a call that succeeds at last", function()
    open()
    local start = started(secrets.url "${origin}")
    start.headers = { ["x-amzn-requestid"] = secrets.TOKEN }
    server:script { start, { status = 503, xml = "SlowDown",
      message = "slow down " .. secrets.SIGNATURE }, { status = 200 }, {} }
    local sent = assert(upload())
    server:script { got(secrets.url "${origin}"), { body = "hello" } }
    local back = assert(download())
    assert.truthy(#told > 4)
    assert.is_nil(secrets.found { told, sent, back })
  end)
end)

describe("a URL that is not used", function()
  local function urls()
    return {
      secrets.url "ftp://127.0.0.1", secrets.url "http://store.example", secrets.url "https://",
      secrets.url("https://user:" .. secrets.SIGNATURE .. "@127.0.0.1"),
      secrets.url("https://127.0.0.1:" .. secrets.SIGNATURE), secrets.url "http://127.0.0.1:1",
      secrets.url "https://127.0.0.1" .. "\1", secrets.url "https://127.0.0.1" .. ("x"):rep(70000),
      secrets.url("https://" .. ("a"):rep(300)), secrets.SIGNATURE .. secrets.url "",
    }
  end

  it("does not appear in what is reported about it", function()
    open { max_attempts = 1 }
    for _, url in ipairs(urls()) do
      server:script { started(url) }
      fails(upload())
      server:script { got(url) }
      fails(download())
    end
  end)

  it("does not show the headers that come with it", function()
    open { max_attempts = 1 }
    for _, include in ipairs { { ["x-key"] = secrets.KEY .. "\1" }, { ["x y"] = secrets.KEY },
      { ["Host"] = secrets.KEY .. " " .. secrets.KEY },
      { ["x-key"] = { secrets.KEY } } } do
      server:script { started(secrets.url "${origin}", include) }
      fails(upload())
    end
  end)
end)

describe("a token that is not sent", function()
  it("is reported by its member's name alone", function()
    open()
    for _, token in ipairs { secrets.TOKEN .. "\n", secrets.TOKEN .. " ", { secrets.TOKEN },
      secrets.TOKEN:rep(100), secrets.TOKEN .. "\255" } do
      assert.equal("validation", fails(client:get_transcript { ConnectionToken = token }).kind)
      assert.equal("validation", fails(upload { ConnectionToken = token }).kind)
    end
    assert.equal("timeout", fails(upload { timeout = 1e-9 }).kind)
  end)
end)

describe("a proxy's password", function()
  local function through(proxy, options)
    local all = { endpoint = "https://service.example", proxy = proxy, max_attempts = 1 }
    for name, value in pairs(options or {}) do all[name] = value end
    open(all)
    fails(client:get_transcript { ConnectionToken = secrets.TOKEN })
    client:close()
  end

  it("is not shown, whatever the proxy does", function()
    local mine = server.endpoint:gsub("//", "//user:" .. secrets.PROXY .. "@")
    for _, step in ipairs { { status = 407, body = secrets.PROXY }, { status = 502 },
      { raw = "user:" .. secrets.PROXY .. "\r\n\r\n" }, { reset = "request" } } do
      server:script { step }
      through(mine)
    end
    through("http://user:" .. secrets.PROXY .. "@127.0.0.1:1")
  end)

  it("is not shown if the URL is wrong", function()
    for _, proxy in ipairs { "ftp://user:%s@127.0.0.1", "http://user:%s@", "user:%s@127.0.0.1:1",
      "http://user:%s@127.0.0.1:99999", "http://user:%s@/#a b@127.0.0.1:1" } do
      through(proxy:format(secrets.PROXY))
    end
    through(nil, { endpoint = "http://user:" .. secrets.PROXY .. "@127.0.0.1:1" })
  end)
end)

describe("the password of a pace's server", function()
  local function paced(url)
    open { endpoint = server.endpoint, max_attempts = 1, pace = { redis = url, timeout = 2 } }
    server:script { always = true, { status = 200, body = '{"Transcript":[]}', always = true } }
    local result, err = client:get_transcript { ConnectionToken = secrets.TOKEN }
    tell(err)
    assert.is_nil(secrets.found(told))
    client:close()
    return result
  end

  it("is in no event, although the server repeats it", function()
    local store = redis.start "--rename-command AUTH ''"
    finally(function() store:stop() end)
    assert.truthy(paced(("unix:%s?password=%s"):format(store.socket, secrets.REDIS)))
    assert.truthy(paced(("unix:%s?user=me&password=%s"):format(store.socket, secrets.REDIS)))
    local event = told[#told].pace and told[#told] or told[#told - 1]
    assert.equal("alone", event.pace)
  end)

  it("is in no event, although the host's library raises it", function()
    local store = redis.start ""
    local library = package.loaded.redis
    finally(function()
      package.loaded.redis = library
      store:stop()
    end)
    package.loaded.redis = {
      connect = function() error("cannot log in with " .. secrets.REDIS) end,
    }
    assert.truthy(paced(("unix:%s?password=%s"):format(store.socket, secrets.REDIS)))
    local event = told[#told].pace and told[#told] or told[#told - 1]
    assert.equal("alone", event.pace)
  end)

  it("is not shown if the URL is wrong", function()
    for _, url in ipairs { "redis://user:%s@", "redis://%s@127.0.0.1:1", "http://user:%s@127.0.0.1",
      "redis://user:%s@127.0.0.1:99999", "unix:x?password=%s", "rediss://user:%s@127.0.0.1:1" } do
      local made, problem = pcall(open, { pace = { redis = url:format(secrets.REDIS) } })
      if made then
        problem = select(2, client:get_transcript { ConnectionToken = secrets.TOKEN })
      end
      fails(nil, problem)
    end
  end)
end)

describe("what stands for something", function()
  it("shows no secret", function()
    open { proxy = "http://user:" .. secrets.PROXY .. "@127.0.0.1:1",
      pace = { redis = "redis://user:" .. secrets.REDIS .. "@127.0.0.1:1", timeout = 0.001 } }
    local job = client:start("get_transcript", { ConnectionToken = secrets.TOKEN })
    local settings = core.settings { endpoint = server.endpoint,
      proxy = "http://user:" .. secrets.PROXY .. "@127.0.0.1:1" }
    local engine = core.engine()
    local exchange = engine:transfer { method = "PUT", url = secrets.url(server.endpoint),
      source = "x", settings = settings }
    for _, value in ipairs { client, job, settings, engine, exchange } do
      assert.is_nil(secrets.found(tostring(value)))
    end
    exchange:release()
    engine:close()
    job:cancel()
  end)
end)

-- A process that does all of it, whose memory is searched twice: with its clients open, and after
-- it has dropped them. Its input comes from a file, since arguments and environment stay in memory.
local CHILD = [[
  local path, first, second = ...
  local core, cjson = require "connectparticipant.core", require "cjson"
  local function wait(word, fifo)
    io.write(word, " ", core.pid(), "\n")
    io.flush()
    io.open(fifo):close()
  end
  local file = io.open(path)
  local given = cjson.decode(file:read "*a")
  file:close()
  local client = require("connectparticipant").new { endpoint = given.endpoint, max_attempts = 1 }
  local params = { ConnectionToken = given.token, AttachmentName = "a", body = "hello" }
  assert(client:upload_attachment(params))
  assert(select(2, client:upload_attachment(params)).kind == "storage")
  assert(client:download_attachment { ConnectionToken = given.token, AttachmentId = "a" })
  assert(not client:get_transcript { ConnectionToken = given.token, AttachmentId = 1 })
  local other = require("connectparticipant").new { endpoint = "https://service.example",
    max_attempts = 1, proxy = given.proxy }
  assert(not other:get_transcript { ConnectionToken = given.token })
  wait("open", first)
  client:close()
  other:close()
  client, other, params, given = nil, nil, nil, nil
  for _ = 1, 4 do collectgarbage() end
  wait("closed", second)
]]

-- Freed memory is overwritten, as reuse would, and the dynamic linker saves no vector registers on
-- the stack: what is found is still referenced.
local ALLOCATOR = "env LD_BIND_NOW=1 "
  .. "GLIBC_TUNABLES=glibc.malloc.tcache_count=0:glibc.malloc.perturb=165"

-- A process's writable memory, in pieces that overlap. LuaJIT keeps its strings in mappings without
-- a name, which are not overwritten.
local function each_piece(pid, look)
  local memory = assert(io.open("/proc/" .. pid .. "/mem", "rb"))
  for line in io.lines("/proc/" .. pid .. "/maps") do
    local from, to, name = line:match "^(%x+)%-(%x+) rw%S* %S+ %S+ %S+ *(.*)$"
    local left, tail = from and tonumber(to, 16) - tonumber(from, 16) or 0, ""
    if process.abi == "luajit" and name == "" then left = 0 end
    if left > 0 then memory:seek("set", tonumber(from, 16)) end
    while left > 0 do
      local piece = memory:read(math.min(left, 1048576)) or ""
      look(tail .. piece)
      tail, left = piece:sub(-100), piece == "" and 0 or left - #piece
    end
  end
  memory:close()
end

-- The names of the secrets in a process's memory.
local function held(pid)
  local names, seen = {}, {}
  each_piece(pid, function(piece)
    for _, name in ipairs(secrets.all_in(piece)) do
      if not seen[name] then names[#names + 1] = name end
      seen[name] = true
    end
  end)
  table.sort(names)
  return names
end

describe("the memory of a process", function()
  local place, pipe
  before_each(function() place = files.new() end)
  after_each(function()
    if pipe then pipe:close() end
    place:remove()
  end)

  it("holds no secret once its clients are closed", function()
    if os.getenv "SANITIZE" then return end -- AddressSanitizer keeps freed memory unchanged
    local given = place:write("given", cjson.encode { endpoint = server.endpoint,
      token = secrets.TOKEN,
      proxy = server.endpoint:gsub("//", "//user:" .. secrets.PROXY .. "@"), nil })
    local first, second = place:path "first", place:path "second"
    process.run { "mkfifo", first, second }
    server:script { started(secrets.url "${origin}"), {}, {}, started(secrets.url "${origin}"),
      refusal(), got(secrets.url "${origin}"), { body = "hello" }, { status = 407 } }
    pipe = io.popen(("%s %s %s %s %s %s 2>&1"):format(ALLOCATOR, process.quote(process.lua),
      place:write("child.lua", CHILD), given, first, second))
    local pid = pipe:read("*l"):match "^open (%d+)"
    local before = held(pid)
    io.open(first, "w"):close()
    assert.equal("closed " .. pid, pipe:read "*l")
    local after = held(pid)
    io.open(second, "w"):close()
    assert.same({ {}, true }, { after, #before > 0 })
  end)
end)
