-- What each thread of threads.c does, in a Lua state of its own: uploads and downloads like a
-- worker thread of nginx, whose bytes go through our writing threads, and a watcher's thread.
-- Returns how many calls it has made.
-- luacheck: push ignore
local connect_to, shut, endpoint = connect_to, shut, endpoint
-- luacheck: pop
local core = require "connectparticipant.core"
local participant = require "connectparticipant"
local worker = require "connectparticipant.worker"

local TOKEN = "the-token"
local OPTIONS = { endpoint = endpoint, driver = "blocking" }
local calls = 0

local function called(result, err)
  if not result then error(tostring(err and err.message or err), 0) end
  calls = calls + 1
  return result
end

local function downloaded(path)
  called(worker.download_attachment({ ConnectionToken = TOKEN, AttachmentId = "a", path = path },
    OPTIONS))
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  os.remove(path)
  assert(text == "hello", text)
end

local function watched()
  local watcher, path = core.watcher()
  if not watcher then return end
  local near = connect_to(path)
  assert(watcher:start())
  assert(watcher:arm(near))
  watcher:ring()
  watcher:close()
  shut(near)
end

for _ = 1, 3 do
  called(worker.upload_attachment({ ConnectionToken = TOKEN, body = ("x"):rep(10000),
    AttachmentName = "a.txt" }, OPTIONS))
  downloaded(os.tmpname())
  assert(called(worker.download_attachment({ ConnectionToken = TOKEN, AttachmentId = "a" },
    OPTIONS)).body == "hello")
  called(core.get_transcript({ ConnectionToken = TOKEN }, { endpoint = endpoint }))
  watched()
end

-- Several calls at once on one engine, and a client that is closed while they are in flight.
local client = participant.new(OPTIONS)
local jobs = {}
for index = 1, 6 do
  jobs[index] = client:start("download_attachment", { ConnectionToken = TOKEN, AttachmentId = "a",
    path = os.tmpname() })
end
jobs[1]:wait()
client:close()
for index = 1, 6 do
  local _, result = jobs[index]:wait()
  if result then calls = calls + 1 end
  if result and result.path then os.remove(result.path) end
end
return calls
