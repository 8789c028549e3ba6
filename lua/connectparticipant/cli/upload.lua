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

local function tell(world, options, file, attachment)
  if options.json then
    attachment.file = file
    common.tell(world, attachment)
  else
    world.stdout:write(("%s  %s\n"):format(attachment.AttachmentId, common.printable(file)))
  end
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
  local results, errors = client:upload_attachments(list, { concurrency = options.concurrency })
  client:close()
  local status = 0
  for index, file in ipairs(files) do
    if results[index] then
      tell(world, options, file, results[index])
    else
      status = common.fail(world, options, errors[index], file)
    end
  end
  return status
end

return upload
