--- Faults on demand: the next calls of an operation, or some of them by chance, go wrong. A chance
-- has a seed, so that a run can be repeated.

local answer = require "connectparticipant.emulator.answer"

local faults = {}

---@class connectparticipant.emulator.Fault
---@field operation string AWS's name, or "PutObject" or "GetObject"
---@field count? integer how many calls; all when a probability is given
---@field probability? number
---@field seed? integer
---@field action? "error"|"reset"|"reset_after_headers"|"truncate"|"drip"|"hang"
---@field status? integer of an error
---@field code? string of an error
---@field message? string
---@field delay? number seconds before anything else
---@field retry_after? integer milliseconds, for x-amz-retry-after

local ACTIONS = {
  error = true, reset = true, reset_after_headers = true, truncate = true, drip = true, hang = true,
}

---@class connectparticipant.emulator.Faults
local Faults = {}
Faults.__index = Faults

-- A generator of our own, since every LuaJIT seeds its one differently.
local function chance(fault)
  fault.state = (fault.state * 16807) % 2147483647
  return fault.state / 2147483647 < fault.probability
end

local function take(self, operation)
  for index, fault in ipairs(self.list) do
    if fault.operation == operation then
      local hit = not fault.probability or chance(fault)
      if hit and fault.count then
        fault.count = fault.count - 1
        if fault.count <= 0 then table.remove(self.list, index) end
      end
      if hit then return fault end
    end
  end
end

local actions = {}

function actions.error(fault)
  if fault.retry_after then ngx.header["x-amz-retry-after"] = fault.retry_after end
  local code, message = fault.code or "InternalServerException", fault.message or "A fault"
  local object = fault.operation == "PutObject" or fault.operation == "GetObject"
  if object then
    answer.s3_error { status = fault.status or 500, code = fault.code or "InternalError",
      message = message }
  else
    ngx.header["x-amzn-ErrorType"] = code
    ngx.status = fault.status or 500
    ngx.header["Content-Type"] = "application/json"
    local body = ('{"Message":"%s"}'):format(message)
    ngx.header["Content-Length"] = #body
    ngx.print(body)
  end
  return ngx.exit(ngx.HTTP_OK)
end

-- 444 is nginx's "close without an answer".
function actions.reset()
  return ngx.exit(444)
end

local function begin_answer()
  ngx.status = 200
  ngx.header["Content-Type"] = "application/json"
  ngx.header["Content-Length"] = 1000
end

function actions.reset_after_headers()
  begin_answer()
  ngx.send_headers()
  ngx.flush(true)
  return ngx.exit(444)
end

function actions.truncate()
  begin_answer()
  ngx.print('{"AttachmentId":"')
  ngx.flush(true)
  return ngx.exit(444)
end

-- A byte now and then, never the whole.
function actions.drip()
  begin_answer()
  for _ = 1, 999 do
    ngx.print(" ")
    if not ngx.flush(true) then break end
    ngx.sleep(0.05)
  end
  return ngx.exit(444)
end

function actions.hang()
  for _ = 1, 600 do ngx.sleep(1) end
  return ngx.exit(444)
end

--- Takes what is due before a request is read; true when it has been answered.
function Faults:before(operation)
  local fault = take(self, operation)
  if not fault then return false end
  if fault.delay then ngx.sleep(fault.delay) end
  if fault.action == "delay" then return false end
  ngx.ctx.fault = fault
  if operation == "PutObject" and fault.after_body then return false end
  actions[fault.action](fault)
  return true
end

--- The same for a fault that waits until the body has been read.
function Faults.after()
  local fault = ngx.ctx.fault
  if not fault then return false end
  actions[fault.action](fault)
  return true
end

--- Adds a fault; nil and a sentence where it is none.
---@param fault connectparticipant.emulator.Fault
function Faults:add(fault)
  if type(fault.operation) ~= "string" then return nil, "a fault needs an operation" end
  fault.action = fault.action or (fault.delay and not fault.status and not fault.code and "delay")
    or "error"
  if fault.action ~= "delay" and not ACTIONS[fault.action] then
    return nil, "there is no action " .. tostring(fault.action)
  end
  if fault.probability then
    fault.state = math.max(1, (tonumber(fault.seed) or 1) % 2147483647)
  else
    fault.count = fault.count or 1
  end
  self.list[#self.list + 1] = fault
  return true
end

function Faults:clear()
  self.list = {}
end

function faults.new()
  return setmetatable({ list = {} }, Faults)
end

return faults
