--- connectparticipant disconnect

local common = require "connectparticipant.cli.common"

local disconnect = {
  summary = "leave the chat; the token is no longer valid then",
  client = true,
  options = {},
  examples = { "connectparticipant disconnect --token-file token" },
}

function disconnect.run(world, options)
  local left, status, problem = common.call(world, options, "disconnect_participant", {})
  if not left then return status, problem end
  common.result(world, options, left)
  return 0
end

return disconnect
