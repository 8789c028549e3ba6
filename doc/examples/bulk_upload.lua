-- Uploads all files of a folder, many at a time, and reports what became of each.
--
--   $ AWS_REGION=us-west-2 CONNECT_CONNECTION_TOKEN=... lua5.4 doc/examples/bulk_upload.lua FOLDER
--
-- Prints a line for each file that was uploaded, its AttachmentId and its name, for another
-- program; the report goes to standard error. Ends with status 1 if a file failed.
local participant = require "connectparticipant"

local CONCURRENCY = 16 -- a throttled client slows down by itself
local TIMEOUT = 3600 -- seconds, for all of them

-- The files below a folder, whatever their names: find ends each with a zero byte.
local function files_of(folder)
  local quoted = "'" .. folder:gsub("'", "'\\''") .. "'"
  local pipe = assert(io.popen("cd -- " .. quoted .. " && find . -type f -print0 | sort -z"))
  local text, files, from = pipe:read "*a", {}, 1
  pipe:close()
  for at in function() return text:find("\0", from, true) end do
    files[#files + 1] = folder .. text:sub(from + 1, at - 1) -- without the dot
    from = at + 1
  end
  return files
end

local folder = arg[1]
if not folder then error("which folder? Name it as the argument", 0) end
local token = os.getenv "CONNECT_CONNECTION_TOKEN"

local client = participant.new()
local list = {}
for index, path in ipairs(files_of(folder)) do
  list[index] = { ConnectionToken = token, path = path }
end

-- Called for each file as it is finished, in any order.
local done, failed, bytes = 0, 0, 0
local function on_result(index, attachment, err)
  if attachment then
    done, bytes = done + 1, bytes + attachment.AttachmentSizeInBytes
    io.stdout:write(attachment.AttachmentId, "\t", list[index].path, "\n")
  else
    failed = failed + 1
    io.stderr:write(list[index].path, ": ", tostring(err), "\n")
  end
end

client:upload_attachments(list, {
  concurrency = CONCURRENCY, timeout = TIMEOUT, on_result = on_result,
})
client:close()
io.stderr:write(("%d of %d files uploaded, %.0f bytes\n"):format(done, #list, bytes))
os.exit(failed == 0 and 0 or 1)
