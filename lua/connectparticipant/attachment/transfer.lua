-- What uploads and downloads share: an operation of the service returns a presigned URL, the bytes
-- move through it, and if it expires before all have moved, another one is requested. Which
-- operation, where the bytes come from or go, and how to clean up is defined by the flow.

local attempt = require "connectparticipant.service.attempt"
local expiry = require "connectparticipant.attachment.expiry"

local transfer = {}

-- At most this many URLs are requested: each abandoned Start leaves an uncompleted attachment.
local MOST_URLS = 3

---@class connectparticipant.Grant what the service has answered
---@field url string
---@field expiry? string
---@field headers? table<string, string> to be sent along

---@class connectparticipant.Flow an upload or a download
---@field operation string the operation that gives the URL
---@field step string of the transfer
---@field verb "PUT"|"GET"
---@field progress connectparticipant.Progress
---@field attachment_id? string
---@field ask fun(flow, job): connectparticipant.Grant|nil, connectparticipant.Error|nil
---@field fill fun(flow, fields: table) adds what engine:transfer needs to know of the bytes
---@field move fun(flow, job, exchange): table|nil feeds or drains; may give an error
---@field moved fun(flow, exchange): integer how many bytes
---@field on_start? function to be called once the bytes come, by `announce`
---@field announce? fun(flow, job, exchange): table|nil may give an error
---@field ended? fun(flow, exchange): table|nil looks at the answer; may give a better error
---@field is_curable? fun(flow, err): boolean whether an error that is not retryable may be retried
---@field rewind fun(flow, err): boolean makes ready for another attempt; false where it cannot be
---@field may_start_over fun(flow): boolean whether another URL may be asked for

-- The transfer through one URL as a work; see connectparticipant.Work.
local Move = {}
Move.__index = Move

function Move:send(job, timeout)
  local flow, grant, client = self.flow, self.grant, job.client
  local fields = {
    method = flow.verb, url = grant.url, headers = grant.headers, settings = client.settings,
    timeout = timeout, operation = self.operation, step = self.step,
  }
  flow:fill(fields)
  return client.engine:transfer(fields)
end

-- Moves the bytes until the exchange is done; gives an error of ours, or of the caller's wish.
local function drive(flow, job, exchange)
  local told = flow.progress
  local state = exchange:state()
  while state ~= "done" do
    local is_watched = told.fn or flow.on_start
    local err
    if state == "run" then
      err = job:await(exchange, is_watched and told.due or nil)
    else
      err = flow:move(job, exchange)
    end
    if not err and flow.on_start then err = flow:announce(job, exchange) end
    if not err and is_watched then err = told:look() end
    if err then return err end
    state = exchange:state()
  end
end

function Move:drive(job, exchange)
  local flow = self.flow
  local told = flow.progress
  told.flow, told.exchange = flow, exchange
  local err = drive(flow, job, exchange)
  told.exchange = nil
  return err or flow.ended and flow:ended(exchange)
end

-- Whether to retry with the same URL; `needs_url`: whether another URL could help.
function Move:verdict(err)
  local flow = self.flow
  self.needs_url = false
  local has_expired = expiry.is_error(err)
    or (err.retryable or err.kind == "storage") and self.ends and self.clock.now() >= self.ends
  local again = has_expired or err.retryable or flow.is_curable and flow:is_curable(err)
  if not again then return false end
  if not flow:rewind(err) then
    err.retryable = false
    return false
  end
  self.needs_url = has_expired
  return not has_expired
end

-- Moves the bytes through one URL. The third result says that another URL could help.
local function move(job, flow, grant)
  local work = setmetatable({
    operation = flow.operation, step = flow.step, pace = flow.verb, flow = flow, grant = grant,
    clock = job.clock, ends = expiry.moment(grant.expiry, job.clock),
  }, Move)
  local result, err = attempt.run(job, work)
  if result then return result end
  return nil, err, work.needs_url
end

local function finish(flow, result)
  local err = flow.progress:finish()
  if not err then return result end
  err.operation, err.step = err.operation or flow.operation, err.step or flow.step
  return nil, err
end

--- Runs the flow until its bytes have moved.
---@param job connectparticipant.Job
---@param flow connectparticipant.Flow
---@return table|nil result of the transfer
---@return connectparticipant.Error|nil err
function transfer.run(job, flow)
  for number = 1, MOST_URLS do
    local grant, err = flow:ask(job)
    if not grant then return nil, err end
    local result, problem, needs_url = move(job, flow, grant)
    if result then return finish(flow, result) end
    if not needs_url or number == MOST_URLS or not flow:may_start_over() then
      return nil, problem
    end
  end
end

--- Gives the error of a flow, with the attachment that it is about.
---@return nil
---@return connectparticipant.Error err
function transfer.failed(flow, err)
  err.attachment_id = err.attachment_id or flow.attachment_id
  return nil, err
end

return transfer
