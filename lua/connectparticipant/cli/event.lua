--- connectparticipant event NAME

local common = require "connectparticipant.cli.common"
local json = require "connectparticipant.cli.json"
local values = require "connectparticipant.cli.values"

local PREFIX = "application/vnd.amazonaws.connect.event."

local TYPES = {
  typing = "typing", acknowledged = "connection.acknowledged", delivered = "message.delivered",
  read = "message.read",
}

local event = {
  summary = "send an event to the chat",
  description = "NAME is typing, acknowledged, delivered or read, or a whole ContentType; "
    .. "delivered and read name their message with --message.",
  arguments = { { name = "name", argname = "NAME", description = "Which event." } },
  client = true,
  options = {
    { long = "--message", argname = "ID", convert = values.text,
      description = "Id of the message that was delivered or read." },
    { long = "--content", argname = "JSON", convert = values.text,
      description = "Content of the event, as the service wants it." },
  },
  examples = {
    "connectparticipant event typing",
    "connectparticipant event read --message 2f1c9d3a-5a0f-4c58-9a51-0b7a6c1d2e3f",
  },
}

function event.run(world, options)
  local name = options.name
  if not name then return nil, "which event? typing, acknowledged, delivered or read" end
  local known = TYPES[name]
  if not known and not name:find("/", 1, true) then
    return nil, ("there is no event '%s': typing, acknowledged, delivered, read, or a ContentType")
      :format(name)
  end
  if (name == "delivered" or name == "read") and not (options.message or options.content) then
    return nil, ("which message was %s? Use --message ID"):format(name)
  end
  local content = options.content
    or options.message and json.encode { messageId = options.message } or nil
  local sent, status, problem = common.call(world, options, "send_event",
    { ContentType = known and PREFIX .. known or name, Content = content })
  if not sent then return status, problem end
  common.result(world, options, sent, sent.Id)
  return 0
end

return event
