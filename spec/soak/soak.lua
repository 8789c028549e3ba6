-- Checks that take minutes: many files through a throttled service, and a huge one through flat
-- memory. `make soak` runs it; prints what it measured, and fails if that is not right.
local emulated = require "spec.support.emulated"
local participant = require "connectparticipant"
local core = require "connectparticipant.core"
local process = require "spec.support.process"

local failures = 0

local function check(what, good, seen)
  print(("%-6s %s: %s"):format(good and "ok" or "FAILED", what, seen))
  if not good then failures = failures + 1 end
end

local function count_of(list, key)
  local seen, count = {}, 0
  for _, value in pairs(list) do
    if not seen[value[key]] then count = count + 1 end
    seen[value[key]] = true
  end
  return count
end

local function throttled()
  local service = emulated.start { rates = "aws", quota = 1000 }
  local token = service:connect(service.running.participant_token)
  local client = participant.new { endpoint = service.endpoint }
  local list, begun = {}, core.now()
  for index = 1, 200 do
    list[index] = { ConnectionToken = token, body = ("x"):rep(index * 100),
      AttachmentName = index .. ".txt" }
  end
  local results, errors = client:upload_attachments(list, { concurrency = 32 })
  local stored = 0
  for _, attachment in ipairs(service:admin("GET", "attachments").attachments) do
    if attachment.stored then stored = stored + 1 end
  end
  check("200 files at 2 a second", errors == nil and count_of(results, "AttachmentId") == 200,
    ("%d completed in %.0f s%s"):format(count_of(results, "AttachmentId"), core.now() - begun,
      errors and ", " .. tostring(select(2, next(errors))) or ""))
  check("none twice", stored == 200, stored .. " objects")
  client:close()
  service:stop()
end

-- The peak memory of a process that uploads a sparse file.
local function peak_of(service, token, size)
  local directory = process.run { "mktemp", "-d" }.stdout:gsub("\n", "")
  process.run { "truncate", "-s", tostring(size), directory .. "/sparse.bin" }
  local run = process.run { process.lua, "-e", [[
    local client = require("connectparticipant").new { endpoint = os.getenv "ENDPOINT" }
    local attachment, err = client:upload_attachment { ConnectionToken = os.getenv "TOKEN",
      path = os.getenv "FILE" }
    local file = io.open "/proc/self/status"
    local status = file:read "*a"
    print(attachment and status:match "VmHWM:%s*(%d+)" or tostring(err))
  ]], env = { ENDPOINT = service.endpoint, TOKEN = token, FILE = directory .. "/sparse.bin" } }
  process.run { "rm", "-rf", directory }
  return tonumber(run.stdout), run.stdout .. run.stderr
end

local function huge()
  local service = emulated.start { max_size = ("%.0f"):format(5 * 1024 ^ 3) }
  local token = service:connect(service.running.participant_token)
  local small, said = peak_of(service, token, ("%.0f"):format(1024 ^ 2))
  local large
  if small then large, said = peak_of(service, token, ("%.0f"):format(4 * 1024 ^ 3)) end
  check("4 GiB in the memory of 1 MiB", small and large and large - small < 1024,
    large and ("%d KiB and %d KiB"):format(small, large) or said)
  service:stop()
end

throttled()
huge()
os.exit(failures == 0)
