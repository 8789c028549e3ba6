--- connectparticipant message TEXT

local common = require "connectparticipant.cli.common"
local interrupt = require "connectparticipant.cli.interrupt"
local values = require "connectparticipant.cli.values"

local message = {
  summary = "send a message to the chat",
  description = "Prints the message's Id.",
  arguments = {
    { name = "text", argname = "TEXT",
      description = "The message; - reads it from standard input." },
  },
  client = true,
  options = {
    { long = "--content-type", argname = "TYPE", convert = values.text,
      description = "text/plain (the default), text/markdown, application/json ..." },
  },
  examples = {
    "connectparticipant message 'The invoice is on its way.'",
    "fortune | connectparticipant message -",
  },
}

function message.run(world, options)
  local text = options.text
  if not text then return nil, "which message? Give its text, or - for standard input" end
  if text == "-" then
    if options.token_file == "-" then
      return nil, "standard input cannot be both the token and the message: use --token-file FILE"
    end
    text = (world.stdin:read "*a" or ""):gsub("\n$", "")
    interrupt.check()
  end
  local sent, status, problem = common.call(world, options, "send_message",
    { Content = text, ContentType = options.content_type or "text/plain" })
  if not sent then return status, problem end
  common.result(world, options, sent, sent.Id)
  return 0
end

return message
