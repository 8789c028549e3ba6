--- connectparticipant demo [FILE]: an upload and a download against the emulator, step by step.

local common = require "connectparticipant.cli.common"
local core = require "connectparticipant.core"
local progress = require "connectparticipant.cli.progress"

local demo = {
  summary = "upload a file to a local emulator, and download it again",
  arguments = {
    { name = "file", argname = "FILE", optional = true, description = "What to upload." },
  },
  examples = { "connectparticipant demo invoice.pdf" },
}

-- The most that AWS lets an instance allow.
local LARGEST = 100 * 1024 * 1024

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function sha256(path)
  local pipe = io.popen("sha256sum -- " .. quote(path))
  local line = pipe:read "*l"
  pipe:close()
  return line and line:match("^\\?(%x+)")
end

local WHAT = {
  start = "StartAttachmentUpload        an id, a presigned URL and headers for the PUT",
  put = "PUT to the presigned URL     the bytes go to the object store",
  complete = "CompleteAttachmentUpload     the attachment is in the chat",
  get = "GET from a presigned URL     the bytes come back",
}

-- Prints one line for each attempt, from its log event.
local function narrator(world)
  return function(event)
    if world.display then world.display:hide() end
    local what = WHAT[event.step] or event.operation
    if event.step == "get" and event.bytes_sent > 0 then
      what = "GetAttachment                another presigned URL, to download it"
    elseif event.operation == "CreateParticipantConnection" then
      what = "CreateParticipantConnection  a ConnectionToken for the ParticipantToken"
    end
    world.stdout:write(("  %-78s %s  %.1f ms\n"):format(what, event.status or event.code or "?",
      event.seconds * 1000))
    world.stdout:flush()
  end
end

local function peak_memory()
  local file = io.open "/proc/self/status"
  local peak = file and file:read("*a"):match("VmHWM:%s*(%d+) kB")
  if file then file:close() end
  return peak and tonumber(peak) / 1024
end

local function connect(client, running)
  local connection, err = client:create_participant_connection {
    ParticipantToken = running.participant_token, Type = { "CONNECTION_CREDENTIALS" },
  }
  if not connection then return nil, err end
  return connection.ConnectionCredentials.ConnectionToken
end

-- Uploads the file, and downloads it into the emulator's directory, which is removed when the
-- emulator stops.
local function round_trip(world, client, running, path)
  local token, err = connect(client, running)
  if not token then return nil, err end
  local attachment
  local display = progress.new(world, { "  sent" })
  attachment, err = client:upload_attachment {
    ConnectionToken = token, path = path, on_progress = display and display:on_progress(1),
  }
  if display then display:hide() end
  if not attachment then return nil, err end
  local back = running.directory .. "/downloaded"
  local downloaded
  display = progress.new(world, { "  received" })
  downloaded, err = client:download_attachment {
    ConnectionToken = token, AttachmentId = attachment.AttachmentId, path = back,
    on_progress = display and display:on_progress(1),
  }
  if display then display:hide() end
  if not downloaded then return nil, err end
  return { attachment = attachment, back = back }
end

local function compare(world, path, trip)
  local sent, received = sha256(path), sha256(trip.back)
  world.stdout:write(("\n  SHA-256 sent      %s\n  SHA-256 received  %s\n"):format(
    tostring(sent), tostring(received)))
  if not sent or sent ~= received then
    common.say(world, "the files differ")
    return 1
  end
  local peak = peak_memory()
  world.stdout:write(("\n%s went up, was completed, and came back identical%s.\n"):format(
    common.bytes(trip.attachment.AttachmentSizeInBytes),
    peak and (" (peak memory of this process: %.1f MiB)"):format(peak) or ""))
  return 0
end

-- A file that certainly exists: the README of a checkout, or else a module of this package.
local function own_file()
  local readme = io.open "README.md"
  if readme then
    readme:close()
    return "README.md"
  end
  return debug.getinfo(1, "S").source:sub(2)
end

function demo.run(world, options)
  local path = options.file or own_file()
  local begun = core.now()
  local running, problem = world.emulator.start { max_size = LARGEST }
  if not running then
    common.say(world, problem)
    return 1
  end
  world.stdout:write(("The emulator listens at %s (ready in %.0f ms).\n"):format(running.endpoint,
    (core.now() - begun) * 1000))
  world.stdout:write(("Uploading %s:\n\n"):format(common.printable(path)))
  local client = world.participant.new {
    endpoint = running.endpoint, logger = narrator(world), driver = world.driver,
  }
  -- An interrupt is raised as an error; stop the emulator before it goes on.
  local ok, trip, err = pcall(round_trip, world, client, running, path)
  client:close()
  local status = 1
  if ok and trip then
    status = compare(world, path, trip)
  elseif ok then
    status = common.fail(world, {}, err)
  end
  running:stop()
  if not ok then error(trip, 0) end
  return status
end

return demo
