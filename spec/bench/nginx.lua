-- How long a trivial location of a worker waits while the same worker uploads and downloads: prints
-- percentiles.
local core = require "connectparticipant.core"
local emulated = require "spec.support.emulated"
local faults = require "spec.support.faults"
local nginx = require "spec.support.nginx"
local socket = require "socket"

local TARGET = 0.005 -- seconds at p99

-- So many pings at least, and as many more as it takes until each transfer has ended once.
local PINGS, LONGEST = 2000, 60

local CLIENT = [[
  init_by_lua_block {
    client = require("connectparticipant").new { endpoint = os.getenv "ENDPOINT" }
  }
]]

local LOCATIONS = [[
  location /upload { content_by_lua_block {
    local attachment, err = client:upload_attachment { ConnectionToken = ngx.var.arg_token,
      path = ngx.var.arg_file, AttachmentName = "a.bin" }
    ngx.print(attachment and "good" or tostring(err))
  } }
  location /download { content_by_lua_block {
    local attachment, err = client:download_attachment { ConnectionToken = ngx.var.arg_token,
      AttachmentId = ngx.var.arg_id,
      path = ngx.var.arg_to and ngx.var.arg_to .. "/" .. ngx.var.connection }
    ngx.print(attachment and "good" or tostring(err))
  } }
]]

local function begin(port, count, path)
  local connections = {}
  for index = 1, count do
    local connection = assert(socket.connect("127.0.0.1", port))
    connection:send(("GET %s HTTP/1.0\r\n\r\n"):format(path))
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

-- Pings while `count` requests for the path are under way, begun again as they end where `again`.
local function measure(port, count, path, again)
  local connection = assert(socket.connect("127.0.0.1", port))
  local transfers, times, done = begin(port, count, path), {}, 0
  local until_then = core.now() + LONGEST
  while #times < PINGS or again and done < count and core.now() < until_then do
    times[#times + 1] = ping(connection)
    local before = #transfers
    reap(transfers)
    done = done + before - #transfers
    if again and #transfers < count then
      for _, new in ipairs(begin(port, count - #transfers, path)) do
        transfers[#transfers + 1] = new
      end
    end
    core.sleep(0.001)
  end
  connection:close()
  for _, transfer in ipairs(transfers) do transfer:close() end
  table.sort(times)
  return times, done
end

local failures = 0

local function report(name, times, done)
  local p99 = times[math.ceil(#times * 0.99)]
  if p99 > TARGET then failures = failures + 1 end
  print(("%-34s p50 %.2f ms, p99 %.2f ms (<= %.0f: %s), longest %.1f ms, %d done"):format(name,
    times[math.ceil(#times / 2)] * 1000, p99 * 1000, TARGET * 1000,
    p99 <= TARGET and "yes" or "NO", times[#times] * 1000, done))
end

local BIG = 95 * 1024 * 1024

local service = emulated.start { max_size = BIG, quota = 100000 }
local token = service:connect(service.running.participant_token)
local directory = assert(io.popen "mktemp -d"):read "*l"
os.execute("chmod 777 " .. directory)
local file, big = directory .. "/upload", directory .. "/big"
os.execute(("truncate -s 20000000 %s && truncate -s %d %s"):format(file, BIG, big))

local function serve(endpoint)
  return nginx.start { locations = LOCATIONS, http = CLIENT, env = { ENDPOINT = endpoint } }
end

local own = require("connectparticipant").new { endpoint = service.endpoint }
local attachment = assert(own:upload_attachment { ConnectionToken = token, path = big })
own:close()

local server = serve(service.endpoint)
report("nothing else", measure(server.port, 0, ""))
report("four 20 MB uploads at a time", measure(server.port, 4,
  ("/upload?token=%s&file=%s"):format(token, file), true))
local download = ("/download?token=%s&id=%s"):format(token, attachment.AttachmentId)
report("four 95 MiB downloads to a path", measure(server.port, 4,
  download .. "&to=" .. directory, true))
report("one 95 MiB download to a string", measure(server.port, 1, download, true))
server:remove()

local store = faults.start()
local hanging = {}
for index = 1, 8 do hanging[index] = { hang = "request" } end
store:script(hanging)
server = serve(store.url)
report("eight that hang on a slow store", measure(server.port, 8, "/upload?token=t&file=" .. file))
store:stop()
server:remove()
service:stop()
os.execute("rm -rf " .. directory)
os.exit(failures == 0)
