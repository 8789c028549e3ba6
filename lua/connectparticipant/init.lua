--- The Amazon Connect Participant Service, with attachments done completely.
-- https://docs.aws.amazon.com/connect-participant/latest/APIReference/Welcome.html

local Client = require "connectparticipant.client"
local core = require "connectparticipant.core"

local participant = { _VERSION = core._VERSION }

--- Makes a client. Raises on a wrong option; does no I/O.
---@param options? connectparticipant.Options
---@return connectparticipant.Client
function participant.new(options)
  return Client.new(options)
end

-- The module's own functions share one client, made at the first call.
local default

local function shared(name)
  participant[name] = function(...)
    default = default or Client.new()
    return default[name](default, ...)
  end
end

for _, operation in ipairs(core.operations()) do shared(operation.method) end
for _, name in ipairs { "upload_attachment", "upload_attachments", "download_attachment",
  "wait_for_attachment", "transcript", "map" } do
  shared(name)
end

return participant
