-- Finds the step of each request and carries it out. spec.support.server describes the steps.
local answer = require "spec.support.server.answer"
local condition = require "cqueues.condition"
local cqueues = require "cqueues"
local proxy = require "spec.support.server.proxy"
local service = require "spec.support.server.service"

local script = {}
local Script = {}
Script.__index = Script

local PIECE = 262144

function script.new(given)
  return setmetatable({
    steps = given.steps, routes = given.routes or {}, service = service.new(), requests = {},
    open = 0, most = 0,
  }, Script)
end

local function take(list)
  if #list > 1 or not list[1] or not list[1].always then return table.remove(list, 1) end
  return list[1]
end

-- The next step for a route; the second value is true when the step alone makes the answer.
function Script:step(route)
  local list = self.routes[route]
  if list then return take(list) or {}, false end
  if not self.steps then return {}, false end
  return take(self.steps) or { status = 500, body = "no step is left" }, true
end

local function fill(step, origin)
  local function filled(value)
    if type(value) == "string" then return (value:gsub("%${origin}", origin)) end
    if type(value) ~= "table" then return value end
    local copy = {}
    for key, inner in pairs(value) do copy[key] = filled(inner) end
    return copy
  end
  local copy = {}
  for key, value in pairs(step) do copy[key] = value end
  copy.body, copy.headers, copy.raw = filled(step.body), filled(step.headers), filled(step.raw)
  return copy
end

local function write_pieces(connection, made, step, last)
  local size = step.drip and (step.drip_bytes or 1) or PIECE
  local at = made.first
  while at <= last do
    local piece = made.body.piece(at, math.min(at + size - 1, last))
    at = at + #piece
    if step.chunked then piece = ("%x\r\n%s\r\n"):format(#piece, piece) end
    if not connection:write(piece) then return false end
    if step.drip and at <= last then cqueues.sleep(step.drip) end
  end
  return true
end

local function write_raw(connection, step)
  local going = connection:write(step.raw)
  while going and step.flood do going = connection:write(step.flood) end
  return "close"
end

-- Sends what has been made; tells how the connection goes on: "keep", "close" or "reset".
local function write_answer(connection, made, step)
  if not connection:write(answer.head(made, step)) then return "close" end
  if step.reset == "headers" then return "reset" end
  if step.hang == "response" then
    connection:wait_for_end()
    return "close"
  end
  local last = made.last
  if step.cut or step.reset == "response" or step.hang == "middle" then
    last = math.min(last, made.first + (step.cut or step.after or 0) - 1)
  end
  local written = write_pieces(connection, made, step, last)
  if step.reset == "response" then return "reset" end
  if step.hang == "middle" then connection:wait_for_end() end
  if step.hang or not written or step.cut then return "close" end
  if step.chunked then connection:write "0\r\n\r\n" end
  if step.unsolicited then connection:write(step.unsolicited) end
  while step.flood and connection:write(step.flood) do end
  return (step.close or step.length ~= nil) and "close" or "keep"
end

local function respond(self, connection, request, step, whole)
  for _, status in ipairs(step.interim or {}) do
    connection:write(("HTTP/1.1 %d Interim\r\n\r\n"):format(status))
  end
  if step.raw then return write_raw(connection, step) end
  local usual = {}
  if not whole and (not step.status or step.lose) then
    usual = self.service:answer(request, step)
  end
  if step.lose then return "close" end
  return write_answer(connection, answer.make(step, request, usual), step)
end

local function say_continue(connection, request, step)
  if not request.headers.expect or step.continue == false then return end
  local count = type(step.continue) == "number" and step.continue or 1
  connection:write(("HTTP/1.1 100 Continue\r\n\r\n"):rep(count))
end

local function answer_early(self, connection, request, step, whole)
  request.body = ""
  local verdict = respond(self, connection, request, step, whole)
  if not step.unread then connection:read_body(request) end
  return verdict == "reset" and "reset" or "close"
end

local function carry_out(self, connection, request, step, whole)
  if step.reset == "request" then return "reset" end
  if step.hang == "request" then
    cqueues.poll(self.never)
    return "close"
  end
  if step.early then return answer_early(self, connection, request, step, whole) end
  say_continue(connection, request, step)
  local limit = step.read or (step.reset == "body" and (step.after or 0)) or nil
  if not connection:read_body(request, limit) then return "close" end
  if step.reset == "body" then return "reset" end
  if step.read then return "close" end
  request.complete = true
  if step.hang == true then
    connection:wait_for_end()
    return "close"
  end
  if step.answer == false then return "close" end
  if request.route == "connect" and not step.status and step.tunnel ~= false then
    return proxy.tunnel(connection, request)
  end
  return respond(self, connection, request, step, whole)
end

-- Assigns steps to requests that became readable at once, in the order of their connections:
-- cqueues wakes them in any order.
local function give_steps(self, batch)
  table.sort(batch, function(one, other) return one.connection < other.connection end)
  for _, request in ipairs(batch) do
    self.requests[#self.requests + 1] = request
    request.index = #self.requests
    batch.steps[request], batch.whole[request] = self:step(request.route)
  end
end

-- The step of a request, and whether it is all of the answer.
local function next_step(self, request)
  local batch = self.batch
  if batch then
    batch[#batch + 1] = request
    batch.given:wait()
  else
    batch = { request, given = condition.new(), steps = {}, whole = {} }
    self.batch = batch
    cqueues.sleep(0)
    self.batch = nil
    give_steps(self, batch)
    batch.given:signal()
  end
  return batch.steps[request], batch.whole[request]
end

-- Serves a request whose head has been read; tells how the connection goes on.
function Script:serve(connection, request)
  request.route, request.origin = service.route(request), connection.origin
  request.connection = connection.counters.number
  local step, whole = next_step(self, request)
  self.open = self.open + 1
  self.most = math.max(self.most, self.open)
  local verdict = carry_out(self, connection, request, fill(step, connection.origin), whole)
  self.open = self.open - 1
  return verdict
end

return script
