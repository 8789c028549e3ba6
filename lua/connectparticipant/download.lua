--- One attachment back: GetAttachment, and the GET of its presigned URL into a sink, resumed where
-- it breaks off, and checked against the size that was promised.

local attempt = require "connectparticipant.attempt"
local core = require "connectparticipant.core"
local expiry = require "connectparticipant.expiry"
local progress = require "connectparticipant.progress"
local scope = require "connectparticipant.scope"
local sink_of = require "connectparticipant.sink"

local download = {}

-- So many URLs are asked for when they expire before everything has arrived.
local MOST_URLS = 3

local FIELDS = {
  ConnectionToken = "string", AttachmentId = "string", UrlExpiryInSeconds = "number",
  path = "string", file = "file", write = "function", on_progress = "function",
}

local NAMES = {}
for name in pairs(FIELDS) do NAMES[#NAMES + 1] = name end
table.sort(NAMES)

local function problems_of(params)
  local problems, sinks = {}, 0
  for name, value in pairs(params) do
    local wanted = FIELDS[name]
    if not wanted then
      local meant = type(name) == "string" and core.suggest(name, NAMES)
      problems[#problems + 1] = ("%s is no member of download_attachment%s")
        :format(tostring(name), meant and (" (did you mean %s?)"):format(meant) or "")
    elseif wanted == "file" then
      if io.type(value) ~= "file" then problems[#problems + 1] = "file must be an open file" end
    elseif not name:match("^%u") and type(value) ~= wanted then
      problems[#problems + 1] = ("%s must be a %s, not %s"):format(name, wanted, type(value))
    end
    if wanted and sink_of.is_kind(name) then sinks = sinks + 1 end
  end
  if sinks > 1 then
    problems[#problems + 1] = "at most one of path, file and write can be taken"
  end
  table.sort(problems)
  return problems
end

local function protocol_error(code, message)
  return core.new_error {
    kind = "protocol", code = code, message = message, operation = "GetAttachment", step = "get",
  }
end

-- Everything that is wrong with the parameters in one error, and the sink where there is none.
local function check(client, params)
  local problems = problems_of(params)
  local get = {
    ConnectionToken = params.ConnectionToken, AttachmentId = params.AttachmentId,
    UrlExpiryInSeconds = params.UrlExpiryInSeconds,
  }
  local request, err = core.request("GetAttachment", get, client.settings)
  if not request then problems[#problems + 1] = err.message end
  if #problems > 0 then
    return nil, core.new_error {
      kind = "validation", code = "ParamValidationError", operation = "GetAttachment",
      message = table.concat(problems, "; "),
    }
  end
  local sink
  sink, err = sink_of.open(params)
  if not sink then return nil, err end
  return { get = get, sink = sink }
end

-- Drains the exchange into the sink until it is done; nil and an error when that must end.
local function receive(client, plan, exchange)
  local sink, size = plan.sink, plan.size
  local function tick()
    return plan.progress:report(sink:size())
  end
  local state, err
  repeat
    state = client:await(exchange, plan.progress.fn and tick)
    if state == "have_data" then err = sink:take(exchange:drain()) end
    if sink:size() > size then
      err = protocol_error("SizeMismatch",
        ("more than the %.0f bytes promised have arrived"):format(size))
    end
  until state == "done" or state == "cancelled" or err
  if err or state == "cancelled" then
    exchange:cancel()
    return nil, err or progress.cancelled("GetAttachment", "get")
  end
  return exchange:result()
end

-- Answers after which only a beginning from the first byte can help.
local function must_restart(err)
  return err.code == "RangeIgnored" or err.status == 412 or err.status == 416
    or err.code == "WrongRange"
end

-- Runs the GET; the third value tells that another URL could help.
local function fetch(client, plan, got)
  local sink, expired = plan.sink, false
  local job = { operation = "GetAttachment", step = "get", deadline = plan.deadline, pace = "GET" }
  function job.send(_, left)
    local exchange, err = client.engine:transfer {
      method = "GET", url = got.Url, sink = sink:handle(), offset = sink:size(), etag = plan.etag,
      settings = client.settings, timeout = left, operation = "GetAttachment", step = "get",
    }
    if exchange then plan.scope:hold(exchange) end
    return exchange, err
  end
  function job.settle(exchange)
    local result, err = receive(client, plan, exchange)
    plan.etag = plan.etag or exchange:header("etag")
    if err and must_restart(err) and sink:size() > 0 and sink:restart() then
      err.retryable, plan.etag = true, nil
    end
    return result, err
  end
  function job.may_repeat()
    expired = expiry.is_near(got.UrlExpiry, client.clock.time())
    return not expired
  end
  local result, err = attempt.run(client, job)
  if result then return result end
  return nil, err, expired or expiry.is_error(err)
end

local function get_url(client, plan)
  local got, err = client:call("GetAttachment", plan.get,
    { deadline = plan.deadline, step = "get" })
  if not got then return nil, err end
  if not got.Url or not got.AttachmentSizeInBytes then
    return nil, protocol_error("InvalidResponse", "the answer names no URL, or no size")
  end
  if plan.size and plan.size ~= got.AttachmentSizeInBytes then
    return nil, protocol_error("SizeMismatch", "the attachment's size has changed")
  end
  plan.size = got.AttachmentSizeInBytes
  plan.progress = plan.progress or progress.new(plan.on_progress, plan.size, client.clock.now)
  return got
end

local function transfer(client, plan)
  local result, err, expired
  for number = 1, MOST_URLS do
    local got
    got, err = get_url(client, plan)
    if not got then return nil, err end
    result, err, expired = fetch(client, plan, got)
    if result or not expired or number == MOST_URLS then break end
  end
  if not result then return nil, err end
  if plan.sink:size() ~= plan.size then
    return nil, protocol_error("SizeMismatch", ("%.0f bytes have arrived, not the %.0f promised")
      :format(plan.sink:size(), plan.size))
  end
  if not plan.progress:finish() then return nil, progress.cancelled("GetAttachment", "get") end
  local committed
  committed, err = plan.sink:commit()
  if not committed then return nil, err end
  return result
end

--- Downloads one attachment.
---@param client connectparticipant.Client
---@param params table
---@return table|nil attachment
---@return connectparticipant.Error|nil err
function download.run(client, params)
  local plan, err = check(client, params)
  if not plan then return nil, err end
  plan.deadline, plan.on_progress = client:deadline(), params.on_progress
  return scope.run(client, function(held)
    plan.scope = held
    held:hold(plan.sink)
    local result, problem = transfer(client, plan)
    if not result then
      problem.attachment_id = problem.attachment_id or params.AttachmentId
      return nil, problem
    end
    return {
      AttachmentSizeInBytes = plan.size, ContentType = result.headers["content-type"],
      path = params.path, body = plan.sink:body(),
    }
  end)
end

return download
