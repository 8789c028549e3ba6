--- connectparticipant connect: exchanges a ParticipantToken for a ConnectionToken.

local common = require "connectparticipant.cli.common"
local core = require "connectparticipant.core"
local values = require "connectparticipant.cli.values"

local connect = {
  summary = "turn a participant token into a connection token",
  description = "The participant token comes from CONNECT_PARTICIPANT_TOKEN or --token-file. The "
    .. "connection token, which all other commands take, is printed, or saved with --save.",
  client = true,
  options = {
    { long = "--save", argname = "FILE", convert = values.text,
      description = "Save the token in a file that only you may read (mode 600)." },
  },
  examples = {
    "export CONNECT_CONNECTION_TOKEN=$(connectparticipant connect --token-file participant)",
    "connectparticipant connect --save token && connectparticipant transcript --token-file token",
  },
}

local function save(world, options, credentials)
  local saved, problem = core.write_private(options.save, credentials.ConnectionToken .. "\n")
  if not saved then
    common.say(world, "the token cannot be saved: " .. problem)
    return 1
  end
  common.result(world, options, { path = options.save, Expiry = credentials.Expiry },
    ("saved in %s, valid until %s"):format(common.printable(options.save),
      credentials.Expiry or "?"))
  return 0
end

function connect.run(world, options)
  local token, problem = common.token(world, options, "CONNECT_PARTICIPANT_TOKEN")
  if not token then return nil, problem end
  local client = common.client(world, options)
  local connection, err = client:create_participant_connection {
    ParticipantToken = token, Type = { "CONNECTION_CREDENTIALS" }, ConnectParticipant = true,
  }
  client:close()
  if not connection then return common.fail(world, options, err) end
  local credentials = connection.ConnectionCredentials
  if options.save then return save(world, options, credentials) end
  if options.json then
    common.tell(world, credentials)
  else
    world.stdout:write(credentials.ConnectionToken, "\n")
  end
  return 0
end

return connect
