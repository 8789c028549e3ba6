-- Our side of the benchmark: ours.lua MODE URL COUNT [WIDTH|FILE]; prints one JSON object.
local core = require "connectparticipant.core"

local mode, url, count, more = arg[1], arg[2], tonumber(arg[3]), arg[4]
local TOKEN = "benchmark-connection-token"
local PARAMS = {
  ConnectionToken = TOKEN, AttachmentName = "invoice.pdf", AttachmentSizeInBytes = 65536,
  ContentType = "application/pdf",
}
local ca_file = os.getenv "RAW_CA_FILE"

local function client_of()
  return require("connectparticipant").new { endpoint = url, ca_file = ca_file }
end

local modes = {}

function modes.core()
  local options = { endpoint = url }
  for _ = 1, count do assert(core.start_attachment_upload(PARAMS, options)) end
end

function modes.client()
  local client = client_of()
  for _ = 1, count do assert(client:start_attachment_upload(PARAMS)) end
end

local function map(fn)
  local client, list = client_of(), {}
  for index = 1, count do list[index] = index end
  local _, errors = client:map(list, function() return fn(client) end,
    { concurrency = tonumber(more) })
  assert(not errors, errors and tostring(select(2, next(errors))))
end

-- Keeps no answer, like the other contenders.
function modes.map()
  map(function(client)
    local answer, err = client:start_attachment_upload(PARAMS)
    return answer ~= nil, err
  end)
end

-- Keeps all answers until the end, 1.9 KiB each.
function modes.map_keeping()
  map(function(client) return client:start_attachment_upload(PARAMS) end)
end

function modes.flows()
  local client, list, body = client_of(), {}, ("x"):rep(65536)
  for index = 1, count do
    list[index] = { ConnectionToken = TOKEN, body = body, AttachmentName = "invoice.pdf" }
  end
  local _, errors = client:upload_attachments(list, { concurrency = tonumber(more) })
  assert(not errors, errors and tostring(select(2, next(errors))))
end

-- Uploads the files of a directory.
function modes.files()
  local client, list = client_of(), {}
  for index = 1, count do
    list[index] = { ConnectionToken = TOKEN, path = ("%s/%d.pdf"):format(arg[5], index) }
  end
  local _, errors = client:upload_attachments(list, { concurrency = tonumber(more) })
  assert(not errors, errors and tostring(select(2, next(errors))))
end

-- One download, to a path or, where none is given, to a function.
function modes.get()
  assert(client_of():download_attachment {
    ConnectionToken = TOKEN, AttachmentId = "a", path = more,
    write = not more and function() end or nil,
  })
end

-- One PUT of a file, without the two calls around it.
function modes.put()
  local settings = assert(core.settings { endpoint = url, ca_file = ca_file })
  local engine = core.engine()
  local exchange = assert(engine:transfer { method = "PUT", url = url .. "/drop", headers = {},
    source = assert(core.open_source(more)), settings = settings })
  while exchange:state() ~= "done" do
    engine:step()
    engine:wait(1)
  end
  assert(exchange:result())
end

-- CPU of the first new TLS connection, and of each later one, in seconds.
local function connections()
  local client, times = client_of(), {}
  for index = 1, count do
    local before = os.clock()
    assert(client:start_attachment_upload(PARAMS))
    times[index] = os.clock() - before
  end
  local first = table.remove(times, 1)
  table.sort(times)
  print(("{\"first\":%.6f,\"later\":%.6f}"):format(first, times[math.ceil(#times / 2)]))
end

if mode == "connections" then return connections() end
local wall, cpu = core.now(), os.clock()
modes[mode]()
wall, cpu = core.now() - wall, os.clock() - cpu
local file = io.open "/proc/self/status"
local peak = file:read("*a"):match "VmHWM:%s*(%d+)"
print(("{\"count\":%d,\"wall\":%.6f,\"cpu\":%.6f,\"peak\":%s}"):format(count, wall, cpu, peak))
