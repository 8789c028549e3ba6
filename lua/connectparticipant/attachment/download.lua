-- One attachment back: GetAttachment, and the GET of its presigned URL into a sink, resumed where
-- it breaks off, and checked against the size that was promised.

local attempt = require "connectparticipant.service.attempt"
local expiry = require "connectparticipant.attachment.expiry"
local failure = require "connectparticipant.error"
local members = require "connectparticipant.config.members"
local operation = require "connectparticipant.service.operation"
local progress = require "connectparticipant.attachment.progress"
local sink = require "connectparticipant.attachment.sink"

local download = {}

-- So many URLs are asked for when they expire before everything has arrived.
local MOST_URLS = 3

-- How often a file that the engine writes is checked for growing beyond its size, in seconds.
local LOOK = 1

local GET = "GetAttachment"
local WHERE = { operation = GET, step = "get" }

local KINDS = {
  ConnectionToken = "service", AttachmentId = "service", UrlExpiryInSeconds = "service",
  path = "string", file = "file", write = "function", on_progress = "function",
}

local NAMES = members.names(KINDS)

---@class connectparticipant.DownloadPlan
---@field params table the caller's
---@field get table the parameters of GetAttachment
---@field sink connectparticipant.Sink
---@field size? integer what GetAttachment promised
---@field etag? string of the object, so that a resumed download is of the same one
---@field progress? connectparticipant.Progress

-- Everything that is wrong with the parameters in one error, and the sink before anything is sent.
local function make_plan(job, params)
  local problems = members.problems(params, KINDS, NAMES, "download_attachment")
  local given = members.given(params, sink.NAMES)
  if #given > 1 then
    problems[#problems + 1] = ("at most one of %s is possible, not %s")
      :format(table.concat(sink.NAMES, ", "), table.concat(given, " and "))
  end
  local get = {
    ConnectionToken = params.ConnectionToken, AttachmentId = params.AttachmentId,
    UrlExpiryInSeconds = params.UrlExpiryInSeconds,
  }
  local request, err = operation.request(job.client, GET, get, "get")
  if #problems == 0 and err then return nil, err end
  if err then problems[#problems + 1] = err.message end
  if #problems > 0 then return nil, failure.validation(problems, GET, "get") end
  local into
  into, err = sink.open(params)
  if not into then return nil, err end
  job:hold(into, "discard")
  return { params = params, get = get, request = request, sink = into }
end

local function ask(job, plan)
  local request, err = plan.request, nil
  plan.request = nil
  if not request then request, err = operation.request(job.client, GET, plan.get, "get") end
  if not request then return nil, err end
  local got
  got, err = operation.send(job, GET, request, "get")
  if not got then return nil, err end
  local size = got.AttachmentSizeInBytes
  if not got.Url or not size then
    return nil, failure.protocol("InvalidResponse", "the answer names no URL, or no size", WHERE)
  end
  if plan.size and plan.size ~= size then
    return nil, failure.protocol("SizeMismatch", "the attachment's size has changed", WHERE)
  end
  plan.size = size
  plan.progress = plan.progress
    or progress.new(plan.params.on_progress, size, job.loop.clock.now)
  return got
end

local function wrong_size(plan)
  return failure.protocol("SizeMismatch",
    ("%.0f bytes have arrived, not the %.0f promised"):format(plan.sink:size(), plan.size), WHERE)
end

-- The GET as a work; see connectparticipant.Work.
local Get = {}
Get.__index = Get

function Get:send(job, timeout)
  local plan = self.plan
  return job.client.engine:transfer {
    method = "GET", url = self.got.Url, sink = plan.sink:target(), offset = plan.sink:size(),
    etag = plan.etag, settings = job.client.settings, timeout = timeout,
    operation = GET, step = "get",
  }
end

local function receive(self, job, exchange)
  local plan = self.plan
  local into, told, now = plan.sink, plan.progress, self.clock.now
  local state = exchange:state()
  while state ~= "done" do
    local err
    if state == "have_data" then err = into:take(exchange:drain()) end
    if err then return err end
    if into:size() > plan.size then return wrong_size(plan) end
    if state == "run" then job:await(exchange, told:moment() or now() + LOOK) end
    if not told:report(into:size()) then
      return failure.cancelled("on_progress returned false", WHERE)
    end
    state = exchange:state()
  end
end

function Get:drive(job, exchange)
  local plan = self.plan
  local err = receive(self, job, exchange)
  local etag, range = exchange:header("etag"), exchange:header("content-range")
  local total = range and tonumber(range:match("/(%d+)$"))
  -- Not every cache honours If-Match; what goes on must be the object that began.
  local other = plan.etag and etag and etag ~= plan.etag or total and total ~= plan.size
  if other and exchange:info().status == 206 then
    return failure.protocol("ObjectChanged", "the store resumed with another object", WHERE)
  end
  plan.etag = plan.etag or etag
  return err
end

-- Whether only a download from the first byte on can help: the object is another one, or the store
-- does not say whether it is.
local function must_restart(plan, err)
  if err.status == 412 or err.status == 416 or err.code == "RangeIgnored"
    or err.code == "WrongRange" then
    return true
  end
  return err.retryable and plan.etag == nil
end

function Get:verdict(err)
  local plan = self.plan
  self.has_expired = (err.retryable or err.kind == "storage")
    and expiry.has_passed(self.got.UrlExpiry, self.since, self.clock)
  if plan.sink:size() > 0 and must_restart(plan, err) then
    if not plan.sink:restart() then return err.retryable and not self.has_expired end
    plan.etag = nil
    return not self.has_expired
  end
  if self.has_expired then return false end
end

-- Fetches the bytes; the third value tells that another URL could help.
local function fetch(job, plan, got)
  local clock = job.loop.clock
  local work = setmetatable({
    operation = GET, step = "get", pace = "GET", plan = plan, got = got, clock = clock,
    since = clock.now(),
  }, Get)
  local result, err = attempt.run(job, work)
  if result then return result end
  return nil, err, work.has_expired or expiry.is_error(err)
end

local function fetch_all(job, plan)
  for number = 1, MOST_URLS do
    local got, err = ask(job, plan)
    if not got then return nil, err end
    local result, problem, expired = fetch(job, plan, got)
    if result then return result end
    if not expired or number == MOST_URLS then return nil, problem end
  end
end

local function transfer(job, plan)
  local result, err = fetch_all(job, plan)
  if not result then return nil, err end
  if plan.sink:size() ~= plan.size then return nil, wrong_size(plan) end
  if not plan.progress:finish() then
    return nil, failure.cancelled("on_progress returned false", WHERE)
  end
  local committed
  committed, err = plan.sink:commit()
  if not committed then return nil, err end
  return result
end

--- Downloads one attachment.
---@param job connectparticipant.Job
---@param params table
---@return table|nil attachment
---@return connectparticipant.Error|nil err
function download.run(job, params)
  local plan, err = make_plan(job, params)
  if not plan then return nil, err end
  local result
  result, err = transfer(job, plan)
  if not result then
    err.attachment_id = err.attachment_id or params.AttachmentId
    return nil, err
  end
  return {
    AttachmentSizeInBytes = plan.size, ContentType = result.content_type,
    path = params.path, body = plan.sink:body(),
  }
end

return download
