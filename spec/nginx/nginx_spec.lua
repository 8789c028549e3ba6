-- Inside nginx: the client never blocks a worker, and survives reloads, aborts and errors.
local emulated = require "spec.support.emulated"
local faults = require "spec.support.faults"
local nginx = require "spec.support.nginx"
local process = require "spec.support.process"
local socket = require "socket"

-- These specs test LuaJIT inside nginx, whichever Lua runs busted, so one Lua runs them.
if process.abi ~= "luajit" then return end

local CLIENT = [[
  init_by_lua_block {
    participant = require "connectparticipant"
    client = participant.new { endpoint = os.getenv "ENDPOINT", stall_timeout = 5 }
  }
]]

local service, token
setup(function()
  service = emulated.start { max_size = 100 * 1024 * 1024, quota = 100000 }
  token = service:connect(service.running.participant_token)
end)
teardown(function() service:stop() end)

local function serve(locations, options)
  local given = { locations = locations, http = CLIENT, env = { ENDPOINT = service.endpoint } }
  for name, value in pairs(options or {}) do given[name] = value end
  local server = nginx.start(given)
  finally(function() server:remove() end)
  return server
end

-- Sends requests without waiting for their answers; returns the connections.
local function send(port, path, count, headers)
  local connections = {}
  for index = 1, count do
    local connection = assert(socket.connect("127.0.0.1", port))
    connection:settimeout(30)
    connection:send(("GET %s HTTP/1.0\r\nHost: x\r\n%s\r\n"):format(path,
      headers or ""))
    connections[index] = connection
  end
  return connections
end

local function bodies(connections)
  local list = {}
  for index, connection in ipairs(connections) do
    list[index] = (connection:receive "*a" or ""):match("\r\n\r\n(.*)$")
    connection:close()
  end
  return list
end

local UPLOAD = [[
  location /upload { content_by_lua_block {
    local attachment, err = client:upload_attachment { ConnectionToken = ngx.var.arg_token,
      body = ("x"):rep(tonumber(ngx.var.arg_size or 1000)), AttachmentName = "a.txt" }
    ngx.print(attachment and attachment.AttachmentId or tostring(err))
  } }
]]

describe("in nginx", function()
  it("a worker serves others while uploads hang", function()
    local store = faults.start()
    local hanging = {}
    for index = 1, 8 do hanging[index] = { hang = "request" } end
    store:script(hanging)
    local server = serve(UPLOAD, { env = { ENDPOINT = store.url } })
    local stuck = send(server.port, "/upload?token=t", 8)
    repeat local seen = store:seen() until #seen.requests == 8
    -- The ping is answered before any upload is.
    assert.equal("pong", server:get("/ping").body)
    for _, connection in ipairs(stuck) do
      connection:settimeout(0)
      assert.equal("timeout", select(2, connection:receive(1)))
      connection:close()
    end
    assert.equal("", server:stop())
    store:stop()
  end)

  it("a thousand uploads are in flight in one worker, and finish", function()
    local server = serve([[
      location /many { content_by_lua_block {
        local list = {}
        for index = 1, 1000 do
          list[index] = { ConnectionToken = ngx.var.arg_token, body = ("x"):rep(index),
            AttachmentName = index .. ".txt" }
        end
        local results, errors = client:upload_attachments(list, { concurrency = 1000 })
        local ids, count = {}, 0
        for index = 1, 1000 do
          local result = results[index]
          if result and result.AttachmentSizeInBytes == index and not ids[result.AttachmentId] then
            ids[result.AttachmentId] = true
            count = count + 1
          end
        end
        ngx.print(count, " ", errors and tostring(select(2, next(errors))) or "")
      } }
    ]])
    assert.equal("1000 ", server:get("/many?token=" .. token).body)
    assert.equal("", server:stop())
  end)

  it("requests share a client, and each gets its own answer", function()
    local server = serve(UPLOAD, { workers = 4 })
    local ids = {}
    for _, id in ipairs(bodies(send(server.port, "/upload?size=30000&token=" .. token, 60))) do
      assert.truthy(id:match("^%x+%-"), id)
      assert.is_nil(ids[id])
      ids[id] = true
    end
    assert.equal("", server:stop())
  end)

  it("a phase that cannot wait is named, unless blocking is asked for", function()
    local server = serve([[
      location /log {
        content_by_lua_block { ngx.print "x" }
        header_filter_by_lua_block {
          local _, err = client:get_transcript { ConnectionToken = "t" }
          ngx.header["X-Error"] = err.kind .. " " .. err.message
          local blocking = participant.new { endpoint = os.getenv "ENDPOINT", driver = "blocking" }
          local _, other = blocking:get_transcript { ConnectionToken = "t" }
          ngx.header["X-Blocking"] = other.code
          blocking:close()
        }
      }
    ]])
    local answer = server:get "/log"
    assert.truthy(answer.headers["x-error"]:find("^configuration .*header_filter"))
    assert.equal("AccessDeniedException", answer.headers["x-blocking"])
    assert.equal("", server:stop())
  end)

  it("jobs run in threads of a pool, and come back as plain tables", function()
    local server = serve [[
      location /thread { content_by_lua_block {
        local worker = require "connectparticipant.worker"
        local options = { endpoint = os.getenv "ENDPOINT" }
        if not ngx.run_worker_thread then
          local _, err = worker.run("jobs", "get_transcript", {}, options)
          return ngx.print("none: ", tostring(err))
        end
        local attachment, err = worker.run("jobs", "upload_attachment", {
          ConnectionToken = ngx.var.arg_token, body = "hello", AttachmentName = "a.txt" }, options)
        ngx.say(attachment and attachment.AttachmentSizeInBytes or tostring(err))
        attachment, err = worker.run("jobs", "upload_attachment", { path = 5 }, options)
        ngx.say(tostring(attachment), " ", err.kind, " ", tostring(err):match("^%w+"))
        local ok, plain, problem = ngx.run_worker_thread("jobs", "connectparticipant.worker",
          "get_transcript", "no table", options)
        ngx.say(tostring(ok), " ", tostring(plain), " ", problem.kind)
        attachment, err = worker.run("nopool", "upload_attachment", {}, options)
        ngx.say(tostring(attachment), " ", err.kind)
        local results, errors = worker.run("jobs", "upload_attachments", {
          { ConnectionToken = ngx.var.arg_token, body = "hello", AttachmentName = "a.txt" },
          { ConnectionToken = ngx.var.arg_token, body = "", AttachmentName = "b.txt" } }, options)
        ngx.say(results[1].AttachmentSizeInBytes, " ", tostring(results[2]), " ", errors[2].kind,
          " ", tostring(errors[2]):match("^%w+"))
        results, errors = worker.run("jobs", "upload_attachments", { path = "x" }, options)
        ngx.say(tostring(results), " ", errors.kind)
        attachment, err = worker.run("jobs", "get_transcript", {}, { regin = "us-west-2" })
        ngx.say(tostring(attachment), " ", err.kind)
      } }
    ]]
    local answer = server:get("/thread?token=" .. token).body
    if answer:find("none: ", 1, true) then
      return assert.truthy(answer:find("no ngx.run_worker_thread here", 1, true), answer)
    end
    assert.equal("5\nnil validation StartAttachmentUpload\ntrue nil validation\n"
      .. "nil configuration\n5 nil validation StartAttachmentUpload\nnil raised\n"
      .. "nil configuration\n", answer)
    assert.equal("", server:stop())
  end)

  it("a reload in the middle of uploads loses none", function()
    local server = serve(UPLOAD)
    local connections = send(server.port, "/upload?size=2000000&token=" .. token, 20)
    assert.equal("pong", server:get("/ping").body) -- by then they have been accepted
    server:signal "HUP"
    for _, id in ipairs(bodies(connections)) do assert.truthy(id:match("^%x+%-"), id) end
    assert.truthy(server:get("/upload?token=" .. token).body:match("^%x+%-"))
    assert.equal("", server:stop())
  end)

  it("without its code cache it works as well", function()
    local server = serve([[
      location /fresh { content_by_lua_block {
        local client = require("connectparticipant").new { endpoint = os.getenv "ENDPOINT" }
        local attachment, err = client:upload_attachment { ConnectionToken = ngx.var.arg_token,
          body = "hello", AttachmentName = "a.txt" }
        client:close()
        ngx.print(attachment and "good" or tostring(err))
      } }
    ]], { code_cache = "off", http = "" })
    for _ = 1, 20 do
      assert.equal("good", server:get("/fresh?token=" .. token).body, server:log())
    end
    local log = server:stop()
    assert.equal("", (log:gsub("[^\n]*lua_code_cache is off[^\n]*\n?", "")))
  end)

  it("a failed TLS handshake leaves nothing for nginx to find", function()
    local server = serve([[
      location /tls { content_by_lua_block {
        local client = participant.new { endpoint = os.getenv "ENDPOINT", max_attempts = 1 }
        local _, err = client:get_transcript { ConnectionToken = "t" }
        ngx.print(err.code)
        client:close()
      } }
    ]], { env = { ENDPOINT = service.running.tls_endpoint } })
    for _ = 1, 5 do assert.equal("PEER_FAILED_VERIFICATION", server:get("/tls").body) end
    assert.equal("", server:stop())
  end)
end)
