-- What the gateway passes on, and the memory that it takes, with 200 uploads at once in one worker;
-- beside it nginx's own proxy_pass, which neither asks the service nor checks anything.
local core = require "connectparticipant.core"
local nginx = require "spec.support.nginx"
local process = require "spec.support.process"

local UPLOADS, SIZE, ROUNDS = 200, 4 * 1024 * 1024, 5

-- A service, and a store that discards what it is sent.
local STORE = [[
  location = /participant/start-attachment-upload { content_by_lua_block {
    ngx.header["Content-Type"] = "application/json"
    ngx.print('{"AttachmentId":"a","UploadMetadata":{"UrlExpiry":"2090-01-01T00:00:00.000Z",',
      '"HeadersToInclude":{},"Url":"http://127.0.0.1:', ngx.var.server_port, '/store?signed"}}')
  } }
  location = /participant/complete-attachment-upload {
    default_type application/json;
    return 200 '{}';
  }
  location = /store { content_by_lua_block {
    local body, left = ngx.req.socket(), tonumber(ngx.var.content_length)
    while left > 0 do left = left - #assert(body:receive(math.min(left, 65536))) end
  } }
]]

local HTTP = [[
  init_by_lua_block {
    gateway = require "connectparticipant.nginx.gateway"
    client = require("connectparticipant").new { endpoint = os.getenv "ENDPOINT" }
  }
]]

local LOCATIONS = [[
  location = /gateway { content_by_lua_block { gateway.upload(client) } }
  location = /proxy {
    proxy_http_version 1.1; proxy_request_buffering off;
    proxy_pass http://127.0.0.1:%d/store;
  }
]]

local function median(list)
  table.sort(list)
  return list[math.ceil(#list / 2)]
end

-- The worker's memory in KiB: what it has, or had at most.
local function memory_of(server, what)
  local told = process.run { "sh", "-c",
    ("cat /proc/$(cut -d' ' -f1 /proc/%s/task/%s/children)/status"):format(server:pid(),
      server:pid()) }
  return tonumber(told.stdout:match(what .. ":%s*(%d+)"))
end

-- Uploads to the location at once; returns seconds.
local function upload(server, file, location)
  local begun = core.now()
  local sent = process.run { "/usr/bin/curl", "-sSfZ", "--parallel-immediate", "--parallel-max",
    tostring(UPLOADS), "-o", "/dev/null", "-H", "X-Connection-Token: t", "-H",
    "X-File-Name: a.pdf", "-H", "Content-Type: application/pdf", "-H", "Expect:", "-T", file,
    ("http://127.0.0.1:%d/%s?[1-%d]"):format(server.port, location, UPLOADS) }
  assert(sent.status == 0, sent.stderr)
  return core.now() - begun
end

-- Each round in a new worker, whose peak is that of this location alone.
local function measure(store, file, location)
  local times, grown = {}, {}
  for round = 1, ROUNDS do
    local server = nginx.start { http = HTTP, locations = LOCATIONS:format(store.port),
      env = { ENDPOINT = "http://127.0.0.1:" .. store.port } }
    server:get "/ping"
    local before = memory_of(server, "VmRSS")
    times[round] = upload(server, file, location)
    grown[round] = (memory_of(server, "VmHWM") - before) / UPLOADS
    server:remove()
  end
  return UPLOADS * SIZE / 1e9 / median(times), median(grown)
end

local store = nginx.start { locations = STORE }
local file = process.run { "mktemp" }.stdout:gsub("\n", "")
process.run { "truncate", "-s", tostring(SIZE), file }
local ok, problem = pcall(function()
  for _, location in ipairs { "gateway", "proxy" } do
    local rate, grown = measure(store, file, location)
    print(("%-8s %d uploads of 4 MiB at once: %.2f GB/s, %.0f KiB of memory each"):format(location,
      UPLOADS, rate, grown))
  end
end)
store:remove()
os.remove(file)
if not ok then error(problem, 0) end
