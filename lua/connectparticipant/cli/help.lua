--- connectparticipant help [COMMAND]

local core = require "connectparticipant.core"
local manual = require "connectparticipant.cli.manual"

local help = {
  summary = "show the help of a command, or of all",
  arguments = {
    { name = "topic", argname = "COMMAND", optional = true, description = "Which command." },
  },
  options = {
    { long = "--man", flag = true, description = "Print the manual page, for man(1)." },
  },
  examples = { "connectparticipant help upload", "connectparticipant help --man | man -l -" },
}

function help.run(world, options)
  local parser = require "connectparticipant.cli.parser"
  if options.man then
    world.stdout:write(manual.page(parser))
    return 0
  end
  local topic = options.topic
  if topic then
    local known = false
    for _, name in ipairs(parser.COMMANDS) do known = known or name == topic end
    if not known then
      local meant = core.suggest(topic, parser.COMMANDS)
      return nil, ("there is no command '%s'%s"):format(topic,
        meant and (" (did you mean '%s'?)"):format(meant) or "")
    end
  end
  world.stdout:write(parser.help(world.parser, topic))
  return 0
end

return help
