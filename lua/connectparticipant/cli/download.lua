--- connectparticipant download ID -o FILE

local bar = require "connectparticipant.cli.bar"
local common = require "connectparticipant.cli.common"

local download = {
  usage = "download [OPTIONS] ID -o FILE",
  summary = "download an attachment to a file, or to standard output with -o -",
  options = common.with {
    output = { kind = "text", value = "FILE", help = "where to (also -o); - is standard output" },
  },
  short = { ["-o"] = "output" },
}

function download.run(world, options, operands)
  if #operands ~= 1 then return nil, "which attachment?" end
  if not options.output then return nil, "where to? Use -o FILE" end
  local token, problem = common.token(world, options)
  if not token then return nil, problem end
  local params = { ConnectionToken = token, AttachmentId = operands[1] }
  if options.output == "-" then
    params.write = function(chunk) return world.stdout:write(chunk) end
  else
    params.path = options.output
    params.on_progress = not options.json and bar.new(world, options.output) or nil
  end
  local client = common.client(world, options)
  local attachment, err = client:download_attachment(params)
  client:close()
  -- That standard output could not be written is told at the end.
  if world.stdout.problem then return 1 end
  if not attachment then return common.fail(world, options, err) end
  if options.json and options.output ~= "-" then common.tell(world, attachment) end
  return 0
end

return download
