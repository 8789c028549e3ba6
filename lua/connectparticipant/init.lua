-- The Amazon Connect Participant Service, with attachments done completely: `new` makes a client,
-- and the module's own functions are a default client's methods.
-- https://docs.aws.amazon.com/connect-participant/latest/APIReference/Welcome.html

local Client = require "connectparticipant.client"
local core = require "connectparticipant.core"
local guard = require "connectparticipant.run.guard"

---@class connectparticipant: connectparticipant.Module
---@field upload_attachment fun(params: connectparticipant.UploadAttachmentParams):
--- connectparticipant.UploadedAttachment|nil, connectparticipant.Error|nil
---@field upload_attachments fun(list: connectparticipant.UploadAttachmentParams[],
--- options?: connectparticipant.MapOptions): table, table|nil
---@field download_attachment fun(params: connectparticipant.DownloadAttachmentParams):
--- connectparticipant.DownloadedAttachment|nil, connectparticipant.Error|nil
---@field wait_for_attachment fun(params: connectparticipant.WaitForAttachmentParams):
--- connectparticipant.AttachmentsItem|nil, connectparticipant.Error|nil
---@field transcript fun(params: connectparticipant.GetTranscriptParams):
--- fun(): connectparticipant.TranscriptItem|nil
---@field map fun(list: any[], fn: function, options?: connectparticipant.MapOptions): table,
--- table|nil
---@field start fun(method: string, params: table): connectparticipant.StartedJob
local participant = { _VERSION = core._VERSION }

--- Makes a client. Raises on a wrong option; does no I/O.
---@param options? connectparticipant.Options
---@return connectparticipant.Client
function participant.new(options)
  return Client.new(options)
end

-- The default client, made when one of the module's own functions is first used.
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

--- pcall for functions that call a client inside `map`. Lua 5.1's own pcall cannot be yielded
--- across; on every other Lua this is the language's pcall.
---@param fn function
---@return boolean ok
---@return any ...
participant.pcall = guard.pcall

return participant
