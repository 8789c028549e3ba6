--- connectparticipant download ID -o FILE

local common = require "connectparticipant.cli.common"
local place = require "connectparticipant.cli.place"
local progress = require "connectparticipant.cli.progress"
local values = require "connectparticipant.cli.values"

local download = {
  summary = "download an attachment",
  description = "A file appears under its name only when it is complete. In a directory the "
    .. "attachment keeps its own name, as the transcript has it, and no file there is replaced.",
  arguments = { { name = "id", argname = "ID", description = "AttachmentId." } },
  client = true,
  options = {
    { long = "--output", short = "-o", argname = "FILE", convert = values.text,
      description = "Where to: a file, a directory, or - for standard output." },
  },
  examples = {
    "connectparticipant download 4b0b2f4e-3c0a-4d5f-9f63-6f0f3a8d6a2e -o invoice.pdf",
    "connectparticipant download 4b0b2f4e-3c0a-4d5f-9f63-6f0f3a8d6a2e -o ~/Downloads",
  },
}

local STDOUT = { ["-"] = true, ["/dev/stdout"] = true, ["/dev/fd/1"] = true }

-- Sets the sink; returns the name of the result, and a function that closes the sink.
local function open(world, client, options, params)
  local output = options.output
  if STDOUT[output] then
    params.write = function(chunk) return world.stdout:write(chunk) end
    return "standard output"
  end
  if output:sub(1, 5) == "/dev/" then -- /dev/null, a pipe: no file can be renamed onto it
    local file, problem = io.open(output, "wb")
    if not file then return nil, problem end
    params.write = function(chunk) return file:write(chunk) end
    return output, function() return file:close() end
  end
  if place.is_directory(output) then
    local path, err = place.choose(client, params, output)
    if not path then return nil, err end
    output = path
  end
  params.path = output
  return output
end

local function fetch(world, client, options, params)
  local name, close = open(world, client, options, params)
  if not name then return nil, close end
  local display = not STDOUT[options.output] and progress.new(world, { name }, options)
  params.on_progress = display and display:on_progress(1) or nil
  local attachment, err = client:download_attachment(params)
  if close then
    local closed, problem = close()
    if attachment and not closed then attachment, err = nil, name .. ": " .. problem end
  end
  if display and attachment then display:close() end
  return attachment, err
end

function download.run(world, options)
  if not options.id then return nil, "which attachment? `transcript` lists their ids" end
  if not options.output then return nil, "where to? Use -o FILE, -o DIRECTORY or -o -" end
  local token, problem = common.token(world, options)
  if not token then return nil, problem end
  local client = common.client(world, options)
  local attachment, err = fetch(world, client, options,
    { ConnectionToken = token, AttachmentId = options.id })
  client:close()
  -- A failure to write standard output is reported by output.lua, at the end.
  if world.stdout.problem then return 1 end
  if not attachment then return common.fail(world, options, err) end
  if STDOUT[options.output] then return 0 end
  -- Print where it went only if the command chose the name.
  common.result(world, options, attachment, attachment.path ~= options.output and attachment.path)
  return 0
end

return download
