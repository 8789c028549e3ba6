--- connectparticipant upload FILE...

local bar = require "connectparticipant.cli.bar"
local common = require "connectparticipant.cli.common"

local upload = {
  usage = "upload [OPTIONS] FILE...",
  summary = "upload files to a chat, and complete them",
  options = common.with {
    ["content-type"] = { kind = "text", value = "TYPE", help = "instead of the name's type" },
    name = { kind = "text", value = "NAME", help = "instead of the file's name (one FILE)" },
    wait = { kind = "flag", help = "wait until the scan has approved" },
    concurrency = { kind = "whole", value = "N", help = "files at once (8)",
      check = common.check "concurrency" },
  },
}

local function problem_of(options, files)
  if #files == 0 then return "which file?" end
  if options.name and #files > 1 then return "--name is for one file" end
  for _, file in ipairs(files) do
    if file == "-" then
      return "standard input has no size, which the service must be told first: use a file"
    end
  end
end

-- Tells how a file ended, and gives the status that goes with it.
local function tell(world, options, file, attachment, err)
  if not attachment then return common.fail(world, options, err, file) end
  if options.json then
    attachment.file = file
    common.tell(world, attachment)
  else
    world.stdout:write(("%s  %s\n"):format(attachment.AttachmentId, common.printable(file)))
  end
  return 0
end

-- Uploads all, and tells them in their order, each as soon as it and those before it have ended:
-- what was done is told whatever happens to the rest.
local function upload_all(world, options, files, client, list)
  local ended, next_one, status = {}, 1, 0
  local function on_result(index, attachment, err)
    ended[index] = { attachment = attachment, err = err }
    while ended[next_one] do
      local one = ended[next_one]
      status = math.max(status, tell(world, options, files[next_one], one.attachment, one.err))
      next_one = next_one + 1
    end
    world.stdout:flush()
  end
  local results, errors = client:upload_attachments(list, {
    concurrency = options.concurrency, on_result = on_result,
  })
  -- Where nothing could even begin, nothing was told.
  for index = 1, #files do
    if not ended[index] then on_result(index, results[index], errors and errors[index]) end
  end
  return status
end

function upload.run(world, options, files)
  local problem = problem_of(options, files)
  if problem then return nil, problem end
  local token
  token, problem = common.token(world, options)
  if not token then return nil, problem end
  local list = {}
  for index, file in ipairs(files) do
    list[index] = {
      ConnectionToken = token, path = file, ContentType = options.content_type,
      AttachmentName = options.name, wait = options.wait,
      on_progress = #files == 1 and not options.json and bar.new(world, file) or nil,
    }
  end
  local client = common.client(world, options)
  local status = upload_all(world, options, files, client, list)
  client:close()
  return status
end

return upload
