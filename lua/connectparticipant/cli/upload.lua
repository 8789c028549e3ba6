--- connectparticipant upload FILE...

local common = require "connectparticipant.cli.common"
local core = require "connectparticipant.core"
local interrupt = require "connectparticipant.cli.interrupt"
local progress = require "connectparticipant.cli.progress"
local values = require "connectparticipant.cli.values"

local upload = {
  summary = "upload files to a chat, and complete them",
  description = "Prints the AttachmentId of each file. - is standard input, which needs --name; "
    .. "with --size it is streamed, without it is kept in a temporary file first.",
  arguments = {
    { name = "files", argname = "FILE", args = "*", description = "What to upload." },
  },
  client = true,
  options = {
    { long = "--wait", flag = true, description = "Wait until the scan has approved each file." },
    { long = "--name", argname = "NAME", convert = values.text,
      description = "The attachment's name, instead of the file's (one FILE only)." },
    { long = "--content-type", argname = "TYPE", convert = values.text,
      description = "MIME type, instead of the one that the name suggests." },
    { long = "--size", argname = "BYTES", convert = values.whole,
      description = "Size of standard input." },
    { long = "--concurrency", argname = "N", convert = values.as(values.whole, "concurrency"),
      description = "Files at once (default 8)." },
  },
  examples = {
    "connectparticipant upload invoice.pdf photo.png --wait",
    "pg_dump shop | connectparticipant upload - --name shop.sql --content-type text/plain",
  },
}

local CHUNK = 65536

local function problem_of(options, files)
  if #files == 0 then return "which file? Name one or more, or - for standard input" end
  if options.name and #files > 1 then return "--name is for one file" end
  local has_stdin = false
  for _, file in ipairs(files) do
    if file == "-" then
      if #files > 1 then return "standard input (-) must be the only file" end
      if options.token_file == "-" then
        return "standard input cannot be the token and the file: use --token-file FILE, or "
          .. "CONNECT_CONNECTION_TOKEN"
      end
      has_stdin = true
    end
  end
  if has_stdin and not options.name then return "standard input has no name: use --name NAME" end
  if options.size and not has_stdin then return "--size is for standard input (-)" end
end

-- Spools standard input into a file without a name, which disappears however this process ends.
local function spool(world)
  local file, problem = io.tmpfile()
  while file do
    local chunk, failed = world.stdin:read(CHUNK)
    interrupt.check()
    if failed then return nil, "standard input: " .. failed end
    if not chunk then break end
    local written
    written, problem = file:write(chunk)
    if not written then return nil, "the temporary file: " .. problem end
  end
  if not file then return nil, "no temporary file: " .. problem end
  file:seek "set"
  return file
end

local function add_stdin(world, options, params)
  params.path, params.AttachmentName = nil, options.name
  if options.size then
    params.AttachmentSizeInBytes = options.size
    params.read = function()
      local chunk, problem = world.stdin:read(CHUNK)
      interrupt.check()
      return chunk, problem
    end
    return true
  end
  local file, problem = spool(world)
  if not file then return nil, problem end
  params.file = file
  return true
end

-- What a file is called here: standard input is called what it will be called in the chat.
local function name_of(options, index)
  local file = options.files[index]
  return file == "-" and options.name or file
end

-- Prints how a file ended, and returns the status that goes with it.
local function tell(world, options, file, attachment, err)
  if world.display then world.display:hide() end
  if not attachment then return common.fail(world, options, err, file) end
  attachment.file = file
  common.result(world, options, attachment,
    ("%s  %s"):format(attachment.AttachmentId, common.printable(file)))
  return 0
end

-- Uploads all files, and prints their results in order, each as soon as it and all before it have
-- ended: what was done is printed whatever happens to the rest.
local function upload_all(world, options, client, list)
  local ended, next_one, status = {}, 1, 0
  local function on_result(index, attachment, err)
    ended[index] = { attachment = attachment, err = err }
    if world.display then world.display:finish(index) end
    while ended[next_one] do
      local one = ended[next_one]
      local told = tell(world, options, name_of(options, next_one), one.attachment, one.err)
      status = math.max(status, told)
      next_one = next_one + 1
    end
    world.stdout:flush()
  end
  local results, errors = client:upload_attachments(list, {
    concurrency = options.concurrency, on_result = on_result,
  })
  -- If nothing could even begin, no result was printed yet.
  for index = 1, #list do
    if not ended[index] then on_result(index, results[index], errors and errors[index]) end
  end
  return status
end

-- Announces a file's size before it is sent, so that the line for all files shows the right share
-- from the first byte on. A file that cannot be opened is reported by its upload.
local function expect(display, index, file, size)
  if not display or file == "-" and not size then return end
  local source = file ~= "-" and core.open_source(file)
  if source then
    size = source:size()
    source:close()
  end
  if size then display:expect(index, size) end
end

local function list_of(options, token, display)
  local list = {}
  for index, file in ipairs(options.files) do
    expect(display, index, file, options.size)
    list[index] = {
      ConnectionToken = token, path = file, ContentType = options.content_type,
      AttachmentName = options.name, wait = options.wait,
      on_progress = display and display:on_progress(index),
    }
  end
  return list
end

function upload.run(world, options)
  local problem = problem_of(options, options.files)
  if problem then return nil, problem end
  local token
  token, problem = common.token(world, options)
  if not token then return nil, problem end
  local names = {}
  for index = 1, #options.files do names[index] = name_of(options, index) end
  local display = progress.new(world, names, options, options.wait and "scanning")
  local list, ready = list_of(options, token, display), true
  if options.files[1] == "-" then ready, problem = add_stdin(world, options, list[1]) end
  if not ready then
    common.say(world, problem)
    return 1
  end
  local client = common.client(world, options)
  local status = upload_all(world, options, client, list)
  client:close()
  if display then display:close() end
  return status
end

return upload
