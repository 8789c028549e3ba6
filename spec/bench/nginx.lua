-- What calls cost a worker and others in it: how much later than the service has answered a call is
-- over, the CPU of calls that wait, and how long a trivial location takes while the same worker
-- uploads and downloads. Each with a pump that is woken, and with one that polls.
local cjson = require "cjson"
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
    %s
    client = require("connectparticipant").new { endpoint = os.getenv "ENDPOINT" }
  }
]]

-- Without its alarm the pump polls.
local POLLED = [[package.loaded["connectparticipant.driver.alarm"] = { new = function() end }]]

-- Calls of which each has the service take so many seconds: how much longer each took than that, in
-- microseconds, and the CPU of the process.
local WAITS = [[
  location /waits { content_by_lua_block {
    local core, cjson = require "connectparticipant.core", require "cjson"
    local seconds, added = ngx.var.arg_seconds, {}
    local function call()
      local began = core.now()
      local sent = assert(client:send_message { ConnectionToken = seconds, Content = "x",
        ContentType = "text/plain" })
      added[#added + 1] = (core.now() - began) * 1e6 - tonumber(sent.Id)
    end
    local begun, threads = os.clock(), {}
    for _ = 1, ngx.var.arg_count do
      if ngx.var.arg_together then
        threads[#threads + 1] = ngx.thread.spawn(call)
      else
        call()
      end
    end
    for _, thread in ipairs(threads) do assert(ngx.thread.wait(thread)) end
    ngx.print(cjson.encode { cpu = os.clock() - begun, added = added })
  } }
]]

-- A service that takes as many seconds as the token says, and answers how many it really took.
local SLOW = [[
  location /participant/ { content_by_lua_block {
    local core = require "connectparticipant.core"
    local began = core.now()
    ngx.sleep(tonumber(ngx.var.http_x_amz_bearer))
    ngx.header["Content-Type"] = "application/json"
    ngx.print('{"AbsoluteTime":"2026-01-01T00:00:00.000Z","Id":"', (core.now() - began) * 1e6, '"}')
  } }
]]

local LOCATIONS = WAITS .. [[
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
  local begun = core.now()
  local until_then = begun + LONGEST
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
  return times, done, core.now() - begun
end

local failures = 0

local function percentile(sorted, part)
  return sorted[math.max(1, math.ceil(#sorted * part))]
end

local function report(name, times, done, seconds)
  local p99 = percentile(times, 0.99)
  if p99 > TARGET then failures = failures + 1 end
  print(("%-39s p50 %.2f ms, p99 %.2f ms (<= %.0f: %s), longest %.1f ms, %d done in %.0f s")
    :format(name, percentile(times, 0.5) * 1000, p99 * 1000, TARGET * 1000,
      p99 <= TARGET and "yes" or "NO", times[#times] * 1000, done, seconds))
end

-- Has the server make calls that take so many seconds, and prints by how much they were late.
local function report_waits(name, server, query)
  local answer = server:get("/waits?" .. query)
  local told = cjson.decode(answer.body)
  table.sort(told.added)
  print(("%-39s late by p50 %.2f ms, p99 %.2f ms; %.0f ms of CPU"):format(name,
    percentile(told.added, 0.5) / 1000, percentile(told.added, 0.99) / 1000, told.cpu * 1000))
end

local BIG = 95 * 1024 * 1024

local service = emulated.start { max_size = BIG, quota = 100000 }
local token = service:connect(service.running.participant_token)
local directory = assert(io.popen "mktemp -d"):read "*l"
os.execute("chmod 777 " .. directory)
local file, big = directory .. "/upload", directory .. "/big"
os.execute(("truncate -s 20000000 %s && truncate -s %d %s"):format(file, BIG, big))

local function serve(endpoint, polled)
  return nginx.start { locations = LOCATIONS, http = CLIENT:format(polled and POLLED or ""),
    env = { ENDPOINT = endpoint } }
end

local own = require("connectparticipant").new { endpoint = service.endpoint }
local attachment = assert(own:upload_attachment { ConnectionToken = token, path = big })
own:close()

local function compare_waits()
  local slow = nginx.start { locations = SLOW }
  for _, polled in ipairs { true, false } do
    local server = serve("http://127.0.0.1:" .. slow.port, polled)
    local how = polled and "polled: " or "woken: "
    report_waits(how .. "300 calls of 20 ms in turn", server, "seconds=0.02&count=300")
    local together = "seconds=1.5&count=1000&together=1"
    report_waits(how .. "1000 calls of 1.5 s at once", server, together)
    report_waits(how .. "again, on kept connections", server, together)
    server:remove()
  end
  slow:remove()
end

local function compare_transfers()
  local upload = ("/upload?token=%s&file=%s"):format(token, file)
  local download = ("/download?token=%s&id=%s"):format(token, attachment.AttachmentId)
  for _, polled in ipairs { true, false } do
    local server = serve(service.endpoint, polled)
    local how = polled and "polled: " or "woken: "
    report(how .. "nothing else", measure(server.port, 0, ""))
    report(how .. "four 20 MB uploads", measure(server.port, 4, upload, true))
    report(how .. "four 95 MiB downloads to a path", measure(server.port, 4,
      download .. "&to=" .. directory, true))
    report(how .. "a 95 MiB download to a string", measure(server.port, 1, download, true))
    server:remove()
  end
end

local function measure_hanging()
  local store, hanging = faults.start(), {}
  for index = 1, 8 do hanging[index] = { hang = "request" } end
  store:script(hanging)
  local server = serve(store.url)
  report("eight that hang on a slow store", measure(server.port, 8,
    "/upload?token=t&file=" .. file))
  store:stop()
  server:remove()
end

compare_waits()
compare_transfers()
measure_hanging()
service:stop()
os.execute("rm -rf " .. directory)
os.exit(failures == 0)
