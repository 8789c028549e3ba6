-- A fleet's pace from within nginx: a real redis-server, through lua-resty-redis and its pool.
local cjson = require "cjson"
local nginx = require "spec.support.nginx"
local process = require "spec.support.process"
local redis = require "spec.support.redis"
local socket = require "socket"

-- These are about LuaJIT inside nginx; the Lua that asks does not matter, so one asks.
if process.abi ~= "luajit" then return end

local START = "StartAttachmentUpload"

local CLIENT = [[
  lua_socket_log_errors off; %s
  init_by_lua_block {
    cjson, core = require "cjson", require "connectparticipant.core"
    events = {}
    client = require("connectparticipant").new { endpoint = "http://127.0.0.1:1", max_attempts = 1,
      pace = { redis = %q, instance = "here", timeout = %g },
      logger = function(event) if event.pace then events[#events + 1] = event end end }
    function forget() events = {} end
    function turn()
      local problem = client:prepare()
      if problem then return ngx.print(cjson.encode { problem = tostring(problem) }) end
      local wait = client.pace:reserve("StartAttachmentUpload", core.now() + 600)
      local told = events[1] or {}
      ngx.print(cjson.encode { wait = wait, events = #events, pace = told.pace,
        message = told.message, clients = told.clients })
      if client.pace.store.outage == nil then forget() end
    end
  }
]]

-- /turn books a turn; /again has the next question asked whatever failed before; /busy books one
-- after the worker was held up. /upload waits for its turn, and gets no further; /told tells how
-- often the logger was told. /many has eight uploads wait for their turns, and get no further.
local LOCATIONS = [[
  location /turn { content_by_lua_block { turn() } }
  location /busy { content_by_lua_block { core.sleep(0.8) turn() } }
  location /upload { content_by_lua_block {
    local _, err = client:start_attachment_upload { ConnectionToken = "t", AttachmentName = "a.txt",
      AttachmentSizeInBytes = 1, ContentType = "text/plain" }
    ngx.print(err.code)
  } }
  location /many { content_by_lua_block {
    local list = {}
    for number = 1, 8 do
      list[number] = { ConnectionToken = "t", body = "x", AttachmentName = number .. ".txt" }
    end
    ngx.print(#select(2, client:upload_attachments(list)))
  } }
  location /told { content_by_lua_block { ngx.print(#events) } }
  location /again { content_by_lua_block {
    if client.pace.store.outage then client.pace.store.outage.retry = 0 end
    forget()
    ngx.exec "/turn"
  } }
]]

local server, web

local function serve(options)
  server = redis.start(options and options.redis)
  web = nginx.start { workers = options and options.workers,
    http = CLIENT:format(options and options.http or "", options and options.url or server.url,
      options and options.timeout or 10),
    locations = LOCATIONS }
end

after_each(function()
  server:signal "CONT"
  local log = web:stop()
  web:remove()
  server:stop()
  -- What nginx itself tells of sockets without a listener is all that may be there.
  for line in log:gmatch "[^\n]+" do
    assert.truthy(line:find "connect%(%) to unix:%S+ failed", line)
  end
end)

local function turn(path)
  return cjson.decode(web:get(path or "/turn").body)
end

-- Sends a request, whose answer is read later.
local function ask(path)
  local asking = assert(socket.connect("127.0.0.1", web.port))
  asking:send(("GET %s HTTP/1.0\r\n\r\n"):format(path))
  return asking
end

local function answer_of(asking)
  local body = asking:receive "*a":match "\r\n\r\n(.*)"
  asking:close()
  return body
end

-- How many connections it has, but for the one that asks.
local function connections()
  local list = server:cli("CLIENT", "LIST")
  return select(2, list:gsub(" addr=", "")) - select(2, list:gsub("cmd=client", ""))
end

-- How many there have been, with the one that asks.
local function received()
  return tonumber(server:cli("INFO", "stats"):match "total_connections_received:(%d+)")
end

describe("in nginx, a fleet's pace", function()
  it("is one line of turns for all workers, over connections that are kept", function()
    serve { workers = 2 }
    local waits = {}
    for number = 1, 14 do waits[number] = turn().wait end
    for number = 1, 4 do assert.equal(0, waits[number]) end
    for number = 5, 14 do assert.near((number - 4) / 2, waits[number], 1.5) end
    assert.equal("14", server:cli("HGET", "connectparticipant:{here}:" .. START, "count"))
    assert.truthy(connections() <= 2, connections())
  end)

  it("gives uploads that begin together the turns that they need, and no more", function()
    serve()
    assert.equal("8", web:get("/many").body)
    assert.equal("8", server:cli("HGET", "connectparticipant:{here}:" .. START, "count"))
  end)

  -- A server with a certificate for that name, and the URL of its address.
  local function serve_tls(name)
    local directory = process.run { "mktemp", "-d" }.stdout:gsub("\n", "")
    local made = process.run { "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days",
      "1", "-subj", "/CN=redis", "-addext", "subjectAltName=DNS:" .. name, "-keyout",
      directory .. "/key", "-out", directory .. "/cert" }
    assert.equal(0, made.status, made.stderr)
    local port = nginx.free_port()
    serve { url = ("rediss://:secret@127.0.0.1:%d/3"):format(port),
      redis = ("--tls-port %d --tls-cert-file %s/cert --tls-key-file %s/key --tls-ca-cert-file "
        .. "%s/cert --tls-auth-clients no"):format(port, directory, directory, directory),
      http = ("lua_ssl_trusted_certificate %s/cert; lua_ssl_verify_depth 2;"):format(directory) }
    process.run { "rm", "-rf", directory }
    server:cli("CONFIG", "SET", "requirepass", "secret")
  end

  it("goes over TLS, with the password and to the database of the URL", function()
    serve_tls "127.0.0.1"
    assert.same({ 0, 0 }, { turn().wait, turn().events })
    server:cli("-a", "secret", "CONFIG", "SET", "requirepass", "")
    assert.equal("2", server:cli("-n", "3", "HGET", "connectparticipant:{here}:" .. START, "count"))
  end)

  it("is told nobody whose certificate is another one's", function()
    serve_tls "elsewhere.example"
    local answer = turn()
    assert.equal("alone", answer.pace)
    assert.truthy(answer.message:find "TLS: .*certificate", answer.message)
  end)
end)

describe("in nginx, a fleet's server that", function()
  local function assert_alone(path, pattern)
    local answer = turn(path)
    assert.truthy(answer.wait)
    assert.equal("alone", answer.pace)
    assert.equal(1, answer.events)
    assert.truthy(answer.message:find(pattern), answer.message)
    -- It has said so once.
    assert.equal(1, turn().events)
  end

  local function assert_shared_again()
    local answer = turn "/again"
    assert.truthy(answer.wait)
    assert.same({ 1, "shared" }, { answer.events, answer.pace })
  end

  it("was killed leaves the worker its share, and is found again", function()
    serve()
    assert.equal(0, turn().wait)
    server:kill()
    assert_alone("/turn", "refused")
    server:restart()
    assert_shared_again()
  end)

  it("is stopped holds only the one up that asks, and the late answer goes to nobody", function()
    serve { timeout = 0.3 }
    for _ = 1, 6 do turn() end
    server:signal "STOP"
    local asking = ask "/turn"
    assert.equal("pong", web:get("/ping").body)
    local answer = cjson.decode(answer_of(asking))
    assert.same({ "alone", 1 }, { answer.pace, answer.clients })
    assert.truthy(answer.message:find "timeout", answer.message)
    assert.equal(1, turn().events)
    server:signal "CONT"
    assert_shared_again()
    assert.is_nil(turn().pace)
  end)

  it("answers within the bound is not late because the worker was busy before", function()
    serve { timeout = 1 }
    turn()
    -- It answers after the bound as counted from the beginning of the request; other requests make
    -- nginx check its timers meanwhile.
    local before = received()
    server:cli("CLIENT", "PAUSE", "1200")
    local asking = ask "/busy"
    repeat web:get "/ping" until socket.select({ asking }, nil, 0)[1]
    local answer = cjson.decode(answer_of(asking))
    assert.same({ 0, 0 }, { answer.wait, answer.events })
    -- It was asked once: the only new connections are the spec's own two.
    assert.equal(before + 2, received())
  end)

  it("was late once exchanges the local turn that a call waits for", function()
    serve { timeout = 0.3 }
    for _ = 1, 7 do turn() end
    server:signal "STOP"
    local asking = ask "/upload"
    local ended = socket.gettime() + 20
    repeat until web:get("/told").body == "1" or socket.gettime() > ended
    server:signal "CONT"
    assert.equal("COULDNT_CONNECT", answer_of(asking))
    assert.equal("2", web:get("/told").body)
    assert.equal("8", server:cli("HGET", "connectparticipant:{here}:" .. START, "count"))
  end)

  it("was started anew closes what the pool has kept, and nobody notices", function()
    serve()
    for _ = 1, 3 do turn() end
    server:restart()
    assert.same({ 0, 0 }, { turn().wait, turn().events })
  end)

  it("is full leaves the worker its share", function()
    serve()
    turn()
    server:cli("CONFIG", "SET", "maxmemory", "1")
    assert_alone("/turn", "OOM")
    server:cli("CONFIG", "SET", "maxmemory", "0")
    assert_shared_again()
  end)

  it("has nonsense in its keys leaves the worker its share", function()
    serve()
    turn()
    local key = "connectparticipant:{here}:" .. START
    server:cli("DEL", key)
    server:cli("SET", key, "x")
    assert_alone("/turn", "WRONGTYPE")
    server:cli("DEL", key)
    assert_shared_again()
  end)

  it("has forgotten the script is told it again", function()
    serve()
    turn()
    server:cli("SCRIPT", "FLUSH")
    assert.same({ 0, 0 }, { turn().wait, turn().events })
  end)
end)
