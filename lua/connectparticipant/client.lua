-- A client: its options, its engine, and its methods. The modules in `attachment` and `service` do
-- what a method promises; `run.job` runs it, and releases what it held.

local job = require "connectparticipant.run.job"
local config = require "connectparticipant.config"
local core = require "connectparticipant.core"
local driver = require "connectparticipant.driver"
local failure = require "connectparticipant.error"
local loop = require "connectparticipant.run.loop"
local metrics = require "connectparticipant.service.metrics"
local operation = require "connectparticipant.service.operation"
local options_of = require "connectparticipant.config.options"
local pace = require "connectparticipant.pace"
local upload = require "connectparticipant.attachment.upload"

-- A method requires what only it needs: to load everything would be a quarter of the time in which
-- a short program starts.

-- The eleven operations are methods, too: see connectparticipant.Client in types.lua.
local Client = {}
Client.__index = Client
Client.__name = "connectparticipant.client"

local type = type

local DEFAULT_CONCURRENCY = 8

local CLOCK = { now = core.now, time = core.time, random = core.random }

--- Makes a client. Raises on a wrong option. Does no I/O and reads no environment variable before
-- the first call.
---@param given? connectparticipant.Options
---@param clock? { now: function, time: function, random: function } for specs
---@return connectparticipant.Client
function Client.new(given, clock)
  local options = options_of.read(given == nil and {} or given, "connectparticipant.new", 3)
  local problem = pace.problem(options.pace) or metrics.problem(options.metrics)
  if problem then error("connectparticipant.new: " .. problem, 3) end
  clock = clock or CLOCK
  local engine = core.engine()
  return setmetatable({
    options = options,
    engine = engine,
    counters = metrics.new(options.metrics),
    loop = loop.new(engine, driver.choose(options.driver), clock),
  }, Client)
end

--- Cancels what is under way, and closes all connections. May be called again.
function Client:close()
  if self.loop.closed then return end
  self.loop:close()
  if self.pace then self.pace:close() end
end

Client.__close = Client.close

-- A collector must not wait for a server. Tables of Lua 5.1 have no __gc. There too, the engine,
-- which is userdata, closes its connections when it is collected.
function Client:__gc()
  self.loop:close()
end

function Client:__tostring()
  return self.loop.closed and "connectparticipant.client (closed)" or "connectparticipant.client"
end

-- The settings that core takes, from a resolved configuration.
local function settings_of(resolved)
  return core.settings {
    region = resolved.region, endpoint = resolved.endpoint, use_fips = resolved.use_fips,
    use_dualstack = resolved.use_dualstack, ca_file = resolved.ca_file, proxy = resolved.proxy,
    connect_timeout = resolved.connect_timeout, stall_timeout = resolved.stall_timeout,
    allow_insecure = resolved.allow_insecure, app_id = resolved.app_id,
  }
end

--- Prepares a call: the driver must be able to wait here, and the configuration is resolved at the
-- first call and kept. `ready` skips all of this where the driver can always wait.
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
  -- In the standard mode, single calls keep no pace: they only wait between retries. A fleet's pace
  -- is one that every call keeps.
  self.paced = resolved.retry_mode == "adaptive" or own_pace.always
  self.config, self.settings = resolved, settings
  self.ready = not check
end

-- Raises, with the position of the method's caller, on mistakes in the program rather than in data.
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
-- Takes `ConnectionToken` and one of `path`, `body` (a string), `file` (a handle, read from its
-- current position) and `read` (a function that returns the next chunk, "" when it has none yet,
-- nil at the end). All but `path` need `AttachmentName`; `read` also needs
-- `AttachmentSizeInBytes`. May take `ContentType`, `ClientToken`, `on_progress(sent, total)`, where
-- only `false` cancels, and `wait`, to wait for the end of the scan.
---@param params connectparticipant.UploadAttachmentParams
---@return connectparticipant.UploadedAttachment|nil attachment
---@return connectparticipant.Error|nil err `step` says where it failed
function Client:upload_attachment(params)
  check(self, "upload_attachment", params)
  return job.run(self, params.timeout, upload.run, params)
end

--- Downloads an attachment into `path` (which appears only when it is complete), `file` (a handle),
-- `write(chunk)`, or a string. Takes `ConnectionToken` and `AttachmentId`; may take
-- `UrlExpiryInSeconds`, how long the URL stays valid, `on_start(start)`, and
-- `on_progress(received, total)`; only `false` cancels.
-- https://docs.aws.amazon.com/connect-participant/latest/APIReference/API_GetAttachment.html
---@param params connectparticipant.DownloadAttachmentParams
---@return connectparticipant.DownloadedAttachment|nil attachment
---@return connectparticipant.Error|nil err
function Client:download_attachment(params)
  check(self, "download_attachment", params)
  local download = require "connectparticipant.attachment.download"
  return job.run(self, params.timeout, download.run, params)
end

--- Waits until an attachment is approved; a rejected one is an error, AttachmentRejected. Without
-- `timeout` it gives up after 240 s.
---@param params connectparticipant.WaitForAttachmentParams
---@return connectparticipant.AttachmentsItem|nil attachment as the transcript has it
---@return connectparticipant.Error|nil err
function Client:wait_for_attachment(params)
  check(self, "wait_for_attachment", params)
  local wait = require "connectparticipant.attachment.wait"
  return job.run(self, params.timeout, wait.run, params)
end

--- Iterates over the items of all pages of a transcript, in the order in which the service returns
-- them: newest first, unless `SortOrder` is "ASCENDING". An error ends the iteration, and is raised
-- unless `on_error(err)` is among the parameters.
---@param params connectparticipant.GetTranscriptParams and `on_error`
---@return fun(): connectparticipant.TranscriptItem|nil
function Client:transcript(params)
  check(self, "transcript", params)
  return require("connectparticipant.service.transcript").items(self, params)
end

-- Refuses a table with names or holes, some of whose items `#` and ipairs would silently skip.
local function check_list(list, method, level)
  local count = #list
  for key in pairs(list) do
    if type(key) ~= "number" or key < 1 or key > count or key % 1 ~= 0 then
      error(("%s needs a list, with indices from 1 on and no other keys; this one has the key %s")
        :format(method, type(key) == "string" and ("'%s'"):format(key) or tostring(key)), level)
    end
  end
end

local function check_map(self, method, list, options)
  check(self, method, list, 4)
  check_list(list, method, 4)
  if options ~= nil then options_of.check_map(options, method, 4) end
end

-- If the call cannot even begin, every item has that error.
local function map(self, list, fn, options, expects)
  options = options or {}
  local run = require("connectparticipant.run.map").run
  local results, errors = job.run(self, options.timeout, run, list, fn, {
    concurrency = options.concurrency or DEFAULT_CONCURRENCY, on_result = options.on_result,
    expects = expects,
  })
  if results then return results, errors end
  local all = {}
  for index = 1, #list do all[index] = errors end
  return {}, next(all) and all or nil
end

--- Calls `fn(item, index)` for every item, `concurrency` at a time, each in a coroutine of its own;
--- the client's calls inside them interleave. What `fn` returns first is the item's result; `nil,
--- err` is its error, and stops no other item. What `fn` raises is the item's error, too, of kind
--- `raised`. Returns however it ends: if the client is closed or the time is over, unfinished items
--- have an error that says so. In nginx the coroutines are light threads, so `fn` may wait for
--- anything; elsewhere what it waits for outside the client holds up the others.
---@param list any[]
---@param fn fun(item: any, index: integer): any, any
---@param options? connectparticipant.MapOptions
---@return table results with the list's indices
---@return table|nil errors with the list's indices; nil when there are none
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
---@return table results with the list's indices
---@return table|nil errors with the list's indices; nil when there are none
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

--- What this client has done so far, and the gateway with it; of all workers of an nginx, where the
--- option `metrics` names a shared dictionary. The keys are `calls[operation][outcome]`, where the
--- outcome is "success" or an error's kind, `retries[operation]`, `throttles[operation]`,
--- `bytes[operation]`, `call_seconds[operation]` with a count for each bucket and their `sum`, and
--- of the gateway `requests[what][status]` and `request_seconds[what]`. Transfers are "PUT" and
--- "GET".
---@param format? "prometheus" as text, for Prometheus
---@return table|string
function Client:metrics(format)
  if format == "prometheus" then return self.counters:text() end
  if format ~= nil then error("metrics: the format must be \"prometheus\", or none", 2) end
  return self.counters:read()
end

-- The methods that `start` accepts: those that are one call.
local STARTABLE = {
  "upload_attachment", "upload_attachments", "download_attachment", "wait_for_attachment",
}
for _, entry in ipairs(core.operations()) do STARTABLE[#STARTABLE + 1] = entry.method end
for index = 1, #STARTABLE do STARTABLE[STARTABLE[index]] = true end

--- Begins a call without waiting for it. In nginx it goes on in a light thread of the request;
--- elsewhere it goes on whenever the program waits for any call of this client.
---@param method string "upload_attachment", or another method that takes a table
---@param params table
---@return connectparticipant.StartedJob job
function Client:start(method, params)
  check(self, "start", params)
  if type(method) ~= "string" or STARTABLE[method] ~= true then
    local meant = type(method) == "string" and core.suggest(method, STARTABLE)
    error(("start needs the name of a method, not %s%s"):format(
      type(method) == "string" and ("'%s'"):format(method) or type(method),
      meant and (" (did you mean '%s'?)"):format(meant) or ""), 2)
  end
  return require("connectparticipant.run.started").new(self, method, params)
end

return Client
