-- The Amazon Connect Participant Service, with attachments done completely: `new` makes a client,
-- and the module's own functions are a default client's methods.
-- https://docs.aws.amazon.com/connect-participant/latest/APIReference/Welcome.html

local Client = require "connectparticipant.client"
local core = require "connectparticipant.core"
local guard = require "connectparticipant.run.guard"

---@alias connectparticipant.Function fun(params: table): table|nil, connectparticipant.Error|nil

---@class connectparticipant
---@field start_attachment_upload connectparticipant.Function
---@field complete_attachment_upload connectparticipant.Function
---@field get_attachment connectparticipant.Function
---@field create_participant_connection connectparticipant.Function
---@field disconnect_participant connectparticipant.Function
---@field send_message connectparticipant.Function
---@field send_event connectparticipant.Function
---@field get_transcript connectparticipant.Function
---@field describe_view connectparticipant.Function
---@field get_authentication_url connectparticipant.Function
---@field cancel_participant_authentication connectparticipant.Function
---@field upload_attachment connectparticipant.Function
---@field upload_attachments fun(list: table[], options?: table): table, table|nil
---@field download_attachment connectparticipant.Function
---@field wait_for_attachment connectparticipant.Function
---@field transcript fun(params: table): fun(): table|nil
---@field map fun(list: any[], fn: function, options?: table): table, table|nil
local participant = { _VERSION = core._VERSION }

---@alias connectparticipant.Kind
---| "validation" | "configuration" | "service" | "storage" | "transport" | "timeout" | "cancelled"
---| "source" | "sink" | "protocol"

---@class connectparticipant.Error prints as one line; holds no token and no presigned URL
---@field kind connectparticipant.Kind
---@field code string AWS's, the store's, libcurl's or the system's own name for it
---@field message string
---@field operation? string AWS's name
---@field step? "start"|"put"|"complete"|"get" of a flow
---@field status? integer of HTTP
---@field request_id? string
---@field retryable boolean whether the same could work another time
---@field throttled boolean
---@field attempts? integer how many requests were sent
---@field attachment_id? string where it is known

--- Makes a client. Raises on a wrong option; does no I/O.
---@param options? connectparticipant.Options
---@return connectparticipant.Client
function participant.new(options)
  return Client.new(options)
end

-- The one state of this module, and only where its own functions are used.
local default

local function shared(method)
  participant[method] = function(...)
    default = default or Client.new()
    return default[method](default, ...)
  end
end

for _, entry in ipairs(core.operations()) do shared(entry.method) end
for _, method in ipairs { "upload_attachment", "upload_attachments", "download_attachment",
  "wait_for_attachment", "transcript", "map", "start" } do
  shared(method)
end

--- pcall for functions that call a client inside `map`: on Lua 5.1 its own pcall cannot be yielded
--- across, and there this one has to be used. Everywhere else it is pcall.
---@param fn function
---@return boolean ok
---@return any ...
participant.pcall = guard.pcall

return participant
