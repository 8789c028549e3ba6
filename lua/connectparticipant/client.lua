-- A client: its options, its engine, and its methods. What a method does is in the module of its
-- name; how it is run, and cleaned up after, in `run.job`.

local job = require "connectparticipant.run.job"
local config = require "connectparticipant.config"
local core = require "connectparticipant.core"
local download = require "connectparticipant.attachment.download"
local driver = require "connectparticipant.driver"
local failure = require "connectparticipant.error"
local loop = require "connectparticipant.run.loop"
local map_of = require "connectparticipant.run.map"
local started = require "connectparticipant.run.started"
local operation = require "connectparticipant.service.operation"
local options_of = require "connectparticipant.config.options"
local pace = require "connectparticipant.pace"
local wait = require "connectparticipant.attachment.wait"
local transcript = require "connectparticipant.service.transcript"
local upload = require "connectparticipant.attachment.upload"

-- The eleven operations are methods, too: see connectparticipant.Client in types.lua.
local Client = {}
Client.__index = Client
Client.__name = "connectparticipant.client"

local DEFAULT_CONCURRENCY = 8

local CLOCK = { now = core.now, time = core.time, random = core.random }

--- Makes a client. Raises on a wrong option; does no I/O and reads no environment before the first
-- call.
---@param given? connectparticipant.Options
---@param clock? { now: function, time: function, random: function } for specs
---@return connectparticipant.Client
function Client.new(given, clock)
  local options = options_of.read(given == nil and {} or given, "connectparticipant.new", 3)
  local problem = pace.problem(options.pace)
  if problem then error("connectparticipant.new: " .. problem, 3) end
  clock = clock or CLOCK
  local engine = core.engine()
  return setmetatable({
    options = options,
    engine = engine,
    loop = loop.new(engine, driver.choose(options.driver), clock),
  }, Client)
end

--- Ends what is under way, and closes all connections. May be called again.
function Client:close()
  self.loop:close()
end

-- On Lua 5.1 tables have no __gc: there, as everywhere, the engine closes its connections when it
-- is collected.
Client.__gc = Client.close
Client.__close = Client.close

function Client:__tostring()
  return self.loop.closed and "connectparticipant.client (closed)" or "connectparticipant.client"
end

-- What core takes of a configuration.
local function settings_of(resolved)
  return core.settings {
    region = resolved.region, endpoint = resolved.endpoint, use_fips = resolved.use_fips,
    use_dualstack = resolved.use_dualstack, ca_file = resolved.ca_file, proxy = resolved.proxy,
    connect_timeout = resolved.connect_timeout, stall_timeout = resolved.stall_timeout,
    allow_insecure = resolved.allow_insecure, app_id = resolved.app_id,
  }
end

--- Makes ready for a call: the driver must be able to wait here, and the configuration is settled
-- at the first call, and kept. `ready` says that there is nothing left to look at.
---@return connectparticipant.Error|nil problem
function Client:prepare()
  local check = self.loop.driver.check
  local may, problem = true, nil
  if check then may, problem = check() end
  if not may then return failure.configuration(problem, "CannotYield") end
  if self.settings then return nil end
  local resolved, option
  resolved, problem, option = config.resolve(self.options)
  if not resolved then return failure.configuration(problem, nil, option) end
  local settings, err = settings_of(resolved)
  if not settings then
    return failure.configuration(config.explain(resolved, err), err.code, err.option)
  end
  local own_pace, quota = pace.open(self.options.pace, settings:endpoint(), {
    now = self.loop.clock.now, driver = self.loop.driver, logger = self.options.logger,
    ca_file = resolved.ca_file,
  })
  if not own_pace then return failure.configuration(quota) end
  self.pace, self.quota = own_pace, quota
  self.config, self.settings = resolved, settings
  self.ready = not check
end

-- Raises, at the caller of the method, on what no data can make right.
local function check(self, method, params, level)
  level = level or 3
  if type(self) ~= "table" or self.__index ~= Client then
    error(("call it as client:%s(...), not client.%s(...)"):format(method, method), level)
  end
  if self.loop.closed then error("the client is closed", level) end
  if type(params) ~= "table" then
    error(("%s needs a table, not a %s"):format(method, type(params)), level)
  end
end

for _, entry in ipairs(core.operations()) do
  local name, method = entry.name, entry.method
  Client[method] = function(self, params)
    check(self, method, params)
    return job.run(self, params.timeout, operation.run, name, params)
  end
end

--- Uploads an attachment: StartAttachmentUpload, the PUT of its bytes, CompleteAttachmentUpload.
-- Takes `ConnectionToken`; one of `path`, `body` (a string), `file` (a handle, from where it
-- stands) and `read` (a function giving the next chunk, "" for none yet, nil at the end; with
-- `AttachmentSizeInBytes`); and may take `AttachmentName`, `ContentType`, `ClientToken`,
-- `on_progress(sent, total)`, where only `false` cancels, and `wait` for the scan's end.
---@param params connectparticipant.UploadAttachmentParams
---@return connectparticipant.UploadedAttachment|nil attachment
---@return connectparticipant.Error|nil err `step` tells where it failed
function Client:upload_attachment(params)
  check(self, "upload_attachment", params)
  return job.run(self, params.timeout, upload.run, params)
end

--- Downloads an attachment into `path` (which appears only when all is there), `file` (a handle),
-- `write(chunk)`, or a string. Takes `ConnectionToken` and `AttachmentId`; may take
-- `UrlExpiryInSeconds` and `on_progress(received, total)`, where only `false` cancels.
-- https://docs.aws.amazon.com/connect-participant/latest/APIReference/API_GetAttachment.html
---@param params connectparticipant.DownloadAttachmentParams
---@return connectparticipant.DownloadedAttachment|nil attachment
---@return connectparticipant.Error|nil err
function Client:download_attachment(params)
  check(self, "download_attachment", params)
  return job.run(self, params.timeout, download.run, params)
end

--- Waits until an attachment is approved; a rejected one is an error, AttachmentRejected.
---@param params connectparticipant.WaitForAttachmentParams
---@return connectparticipant.AttachmentsItem|nil attachment as the transcript has it
---@return connectparticipant.Error|nil err
function Client:wait_for_attachment(params)
  check(self, "wait_for_attachment", params)
  return job.run(self, params.timeout, wait.run, params)
end

--- Iterates over the items of all pages of a transcript. An error ends the iteration, and is raised
-- unless `on_error(err)` is among the parameters.
---@param params connectparticipant.GetTranscriptParams and `on_error`
---@return fun(): connectparticipant.TranscriptItem|nil
function Client:transcript(params)
  check(self, "transcript", params)
  return transcript.items(self, params)
end

-- Refuses what is no list: a table with names, or with holes, has items that would be passed over.
local function check_list(list, method, level)
  local count = #list
  for key in pairs(list) do
    if type(key) ~= "number" or key < 1 or key > count or key % 1 ~= 0 then
      error(("%s needs a list, with items from 1 on and nothing else; this one has the key %s")
        :format(method, type(key) == "string" and ("'%s'"):format(key) or tostring(key)), level)
    end
  end
end

local function check_map(self, method, list, options)
  check(self, method, list, 4)
  check_list(list, method, 4)
  if options ~= nil then options_of.check_map(options, method, 4) end
end

-- What cannot even begin fails for each item.
local function map(self, list, fn, options, expects)
  options = options or {}
  local results, errors = job.run(self, options.timeout, map_of.run, list, fn, {
    concurrency = options.concurrency or DEFAULT_CONCURRENCY, on_result = options.on_result,
    expects = expects,
  })
  if results then return results, errors end
  local all = {}
  for index = 1, #list do all[index] = errors end
  return {}, next(all) and all or nil
end

--- Calls `fn(item, index)` for every item, `concurrency` at a time, each in a coroutine that it has
--- to itself until it returns; the client's calls in them interleave. What `fn` gives first is the
--- result; `nil, err` is an error, and stops no other item. An error that `fn` raises is that
--- item's, of kind `raised`. Returns however it ends: when the client is closed or the time is
--- over, what is not finished has an error that says so.
---@param list any[]
---@param fn fun(item: any, index: integer): any, any
---@param options? connectparticipant.MapOptions
---@return table results indexed as the list
---@return table|nil errors indexed as the list; nil when there are none
function Client:map(list, fn, options)
  check_map(self, "map", list, options)
  if not options_of.is_callable(fn) then
    error(("map needs a function, not a %s"):format(type(fn)), 2)
  end
  return map(self, list, fn, options)
end

--- Uploads many attachments: `map` with `upload_attachment`.
---@param list table[] parameters of `upload_attachment`
---@param options? connectparticipant.MapOptions
---@return table results indexed as the list
---@return table|nil errors indexed as the list; nil when there are none
function Client:upload_attachments(list, options)
  check_map(self, "upload_attachments", list, options)
  for index = 1, #list do
    if type(list[index]) ~= "table" then
      error(("upload_attachments needs tables in its list, not a %s at %d")
        :format(type(list[index]), index), 2)
    end
  end
  return map(self, list, function(params)
    return job.run(self, params.timeout, upload.run, params)
  end, options, "StartAttachmentUpload")
end

-- What can be started: whatever is one call.
local STARTABLE = {
  "upload_attachment", "upload_attachments", "download_attachment", "wait_for_attachment",
}
for _, entry in ipairs(core.operations()) do STARTABLE[#STARTABLE + 1] = entry.method end
for index = 1, #STARTABLE do STARTABLE[STARTABLE[index]] = true end

--- Begins a call without waiting for it. In nginx it goes on in a light thread of the request;
--- elsewhere, while anything of this client is waited for.
---@param method string "upload_attachment", or another method that takes a table
---@param params table
---@return connectparticipant.StartedJob job
function Client:start(method, params)
  check(self, "start", params)
  if type(method) ~= "string" or STARTABLE[method] ~= true then
    local meant = type(method) == "string" and core.suggest(method, STARTABLE)
    error(("start needs a method's name, not %s%s"):format(
      type(method) == "string" and ("'%s'"):format(method) or type(method),
      meant and (" (did you mean '%s'?)"):format(meant) or ""), 2)
  end
  return started.new(self, method, params)
end

return Client
