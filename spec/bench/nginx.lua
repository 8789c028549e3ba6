-- How long a trivial location of a worker waits while the same worker uploads: prints percentiles.
local core = require "connectparticipant.core"
local emulated = require "spec.support.emulated"
local faults = require "spec.support.faults"
local nginx = require "spec.support.nginx"
local socket = require "socket"

local TARGET = 0.005 -- seconds at p99

local CLIENT = [[
  init_by_lua_block {
    client = require("connectparticipant").new { endpoint = os.getenv "ENDPOINT" }
  }
]]

local UPLOAD = [[
  location /upload { content_by_lua_block {
    local attachment, err = client:upload_attachment { ConnectionToken = ngx.var.arg_token,
      path = ngx.var.arg_file, AttachmentName = "a.bin" }
    ngx.print(attachment and "good" or tostring(err))
  } }
]]

local function begin(port, count, query)
  local connections = {}
  for index = 1, count do
    local connection = assert(socket.connect("127.0.0.1", port))
    connection:send(("GET /upload?%s HTTP/1.0\r\n\r\n"):format(query))
    connection:settimeout(0)
    connections[index] = connection
  end
  return connections
end

local function ping(connection)
  local begun = core.now()
  connection:send "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
  local length
  repeat
    local line = assert(connection:receive "*l")
    length = line:match "^Content%-Length: (%d+)" or length
  until line == ""
  connection:receive(tonumber(length))
  return core.now() - begun
end

-- Takes out of the list what has been answered.
local function reap(connections)
  for index = #connections, 1, -1 do
    local _, problem = connections[index]:receive "*a"
    if problem ~= "timeout" then table.remove(connections, index) end
  end
end

-- Pings while `count` uploads are under way, begun again as they end, until there are enough.
local function measure(port, count, query, again)
  local connection = assert(socket.connect("127.0.0.1", port))
  local uploads, times, done = begin(port, count, query), {}, 0
  for index = 1, 2000 do
    times[index] = ping(connection)
    local before = #uploads
    reap(uploads)
    done = done + before - #uploads
    if again and #uploads < count then
      for _, new in ipairs(begin(port, count - #uploads, query)) do uploads[#uploads + 1] = new end
    end
    core.sleep(0.001)
  end
  connection:close()
  for _, upload in ipairs(uploads) do upload:close() end
  table.sort(times)
  return times, done
end

local failures = 0

local function report(name, times, done)
  local p99 = times[math.ceil(#times * 0.99)]
  if p99 > TARGET then failures = failures + 1 end
  print(("%-40s p50 %.2f ms, p99 %.2f ms (<= %.0f: %s), %d uploads done"):format(name,
    times[math.ceil(#times / 2)] * 1000, p99 * 1000, TARGET * 1000,
    p99 <= TARGET and "yes" or "NO", done))
end

local service = emulated.start { max_size = 30000000, quota = 100000 }
local token = service:connect(service.running.participant_token)
local file = os.tmpname()
os.execute("truncate -s 20000000 " .. file)

local server = nginx.start { locations = UPLOAD, http = CLIENT,
  env = { ENDPOINT = service.endpoint } }
report("nothing else", measure(server.port, 0, ""))
report("four 20 MB uploads at a time", measure(server.port, 4,
  ("token=%s&file=%s"):format(token, file), true))
server:remove()

local store = faults.start()
local hanging = {}
for index = 1, 8 do hanging[index] = { hang = "request" } end
store:script(hanging)
server = nginx.start { locations = UPLOAD, http = CLIENT, env = { ENDPOINT = store.url } }
report("eight that hang on a slow store", measure(server.port, 8, "token=t&file=" .. file))
store:stop()
server:remove()
service:stop()
os.remove(file)
os.exit(failures == 0)
