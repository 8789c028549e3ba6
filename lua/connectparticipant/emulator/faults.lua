--- Faults on demand: the next calls of an operation go wrong, or a share of them at random. The
-- random numbers have a seed, so that a run can be repeated.

local answer = require "connectparticipant.emulator.answer"
local model = require "connectparticipant.emulator.model"

local faults = {}

-- Operations of the object store.
local OBJECTS = { PutObject = true, GetObject = true }

---@class connectparticipant.emulator.Fault
---@field operation string AWS's name, or "PutObject" or "GetObject"
---@field count? integer how many calls: 1, or all if a probability is given
---@field probability? number
---@field seed? integer
---@field action? "error"|"reset"|"reset_after_headers"|"truncate"|"drip"|"hang"
---@field after? boolean the request is carried out first, and its own answer is what goes wrong
---@field interval? number seconds between the bytes of a drip; 0.05
---@field bytes? integer how much of the answer's body a truncation lets through; half of it
---@field status? integer of an error
---@field code? string of an error
---@field message? string
---@field after_body? boolean for a PUT: its body is read to the end first, and then not stored
---@field delay? number seconds before anything else; for a hang, how long it lasts
---@field retry_after? integer milliseconds, for x-amz-retry-after

local MOST = 1000
local LONGEST = 600 -- seconds that a hang without `delay` lasts

local ACTIONS = {
  error = true, reset = true, reset_after_headers = true, truncate = true, drip = true, hang = true,
}

---@class connectparticipant.emulator.Faults
local Faults = {}
Faults.__index = Faults

-- A Lehmer generator, so that a seed gives the same sequence in every LuaJIT.
local function chance(fault)
  fault.state = (fault.state * 16807) % 2147483647
  return fault.state / 2147483647 < fault.probability
end

local function next_fault(self, operation)
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

-- Each takes the fault and, if the fault has `after`, the body of the answer that it replaces.
function actions.error(fault)
  if fault.retry_after then ngx.header["x-amz-retry-after"] = fault.retry_after end
  local object = OBJECTS[fault.operation]
  local message = fault.message or "A fault"
  ngx.header["ETag"] = nil
  if object then
    answer.s3_error { status = fault.status or 500, code = fault.code or "InternalError",
      message = message }
  else
    answer.fault(fault.status or 500, fault.code or "InternalServerException", message)
  end
end

-- 444 makes nginx close without an answer; with reset_timedout_connection it sends a reset.
function actions.reset()
  ngx.exit(444)
end

-- Sets the headers of a made-up answer if there is none to spoil, and returns the body.
local function begin_answer(body)
  if body then return body end
  ngx.status = 200
  ngx.header["Content-Type"] = "application/json"
  ngx.header["Content-Length"] = 1000
  return '{"AttachmentId":"' .. (" "):rep(982) .. "}"
end

function actions.reset_after_headers(_, body)
  begin_answer(body)
  ngx.send_headers()
  ngx.flush(true)
  ngx.exit(444)
end

function actions.truncate(fault, body)
  local whole = begin_answer(body)
  local bytes = fault.bytes or (body and math.floor(#whole / 2)) or 17
  if bytes > 0 then ngx.print(whole:sub(1, bytes)) end
  ngx.flush(true)
  ngx.exit(444)
end

-- Sends one byte every `interval`.
function actions.drip(fault, body)
  local whole = begin_answer(body)
  for index = 1, #whole do
    ngx.print(whole:sub(index, index))
    if not ngx.flush(true) then break end
    ngx.sleep(fault.interval or 0.05)
  end
  if not body then ngx.exit(444) end
end

-- Sends nothing for `delay` seconds, and then closes.
function actions.hang(fault)
  ngx.sleep(fault.delay or LONGEST)
  ngx.exit(444)
end

-- In the rewrite phase nginx would continue with the content phase.
local function finish()
  if ngx.get_phase() == "rewrite" then ngx.exit(ngx.HTTP_OK) end
end

--- Applies a fault before a request's body is read; true if the request was answered.
function Faults:before(operation)
  local fault = next_fault(self, operation)
  if not fault then return false end
  if fault.delay and fault.action ~= "hang" then ngx.sleep(fault.delay) end
  if fault.action == "delay" then return false end
  if fault.after then
    -- answer.send calls it in place of sending.
    ngx.ctx.spoil = function(body) actions[fault.action](fault, body) end
    return false
  end
  ngx.ctx.fault = fault
  if operation == "PutObject" and fault.after_body then return false end
  actions[fault.action](fault)
  finish()
  return true
end

--- Applies the fault that waited until the body had been read; true if the request was answered.
function Faults.after()
  local fault = ngx.ctx.fault
  if not fault then return false end
  actions[fault.action](fault)
  return true
end

--- Adds a fault; nil and what is wrong with it if it is refused.
---@param fault connectparticipant.emulator.Fault
function Faults:add(fault)
  local operation = fault.operation
  if type(operation) ~= "string" then return nil, "a fault needs an operation" end
  if not model.operations[operation] and not OBJECTS[operation] then
    return nil, "there is no operation " .. operation
  end
  fault.action = fault.action or (fault.delay and not fault.status and not fault.code and "delay")
    or "error"
  if fault.action ~= "delay" and not ACTIONS[fault.action] then
    return nil, "there is no action " .. tostring(fault.action)
  end
  for _, name in ipairs { "count", "probability", "delay", "status", "bytes", "retry_after",
    "interval" } do
    if fault[name] ~= nil and type(fault[name]) ~= "number" then
      return nil, name .. " must be a number"
    end
  end
  if #self.list >= MOST then return nil, "there are too many faults" end
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
