-- One public call on its way: its deadline, the task it runs in, and what has to be let go of when
-- it ends early. Every method of a client that sends something goes through `call.run`.

local guard = require "connectparticipant.run.guard"

---@class connectparticipant.Call
---@field client table
---@field loop connectparticipant.Loop
---@field task? table the `map` task that this call runs in
---@field deadline? number when the client's `timeout` is over, of the clock
---@field patient boolean whether it waits for throttling to end, beyond max_attempts
---@field outer? connectparticipant.Call the one that this one is made in, in the same task
---@field exchange? userdata what is under way
---@field group? table the tasks of a `map`
---@field held? table[] what to let go of at the end
local Call = {}
Call.__index = Call

-- A patient call without a `timeout` gives up here: every wait has a bound.
local PATIENCE = 300

local call = {}

--- Seconds that are left of the deadline; nil without one.
function Call:left()
  return self.deadline and self.deadline - self.loop.clock.now()
end

--- Seconds that throttling may still be waited for.
function Call:patience()
  return (self.deadline or self.began + PATIENCE) - self.loop.clock.now()
end

--- Waits until the exchange is done or wants something, or the moment has come.
function Call:await(exchange, moment)
  return self.loop:await(self.task, exchange, moment)
end

function Call:sleep(seconds)
  return self.loop:sleep(self.task, seconds)
end

--- Remembers something to let go of when the call ends, by its method of that name.
function Call:hold(object, method)
  self.held = self.held or {}
  self.held[#self.held + 1] = { object = object, method = method }
end

--- Lets go of everything; harmless for what is already through.
function Call:release()
  if self.exchange then self.exchange:cancel() end
  if self.group then self.group:cancel() end
  local held = self.held
  if not held then return end
  self.held = nil
  for _, entry in ipairs(held) do entry.object[entry.method](entry.object) end
end

local function new(client, task)
  local the_loop = client.loop
  local now = the_loop.clock.now()
  local timeout = client.config and client.config.timeout
  return setmetatable({
    client = client,
    loop = the_loop,
    task = task,
    began = now,
    deadline = timeout and now + timeout,
    patient = task ~= nil,
    outer = task and task.call,
  }, Call)
end

local function finish(self, ok, result, err)
  if self.task then self.task.call = self.outer end
  self:release()
  if not ok then error(result, 0) end
  return result, err
end

local function run(client, task, body, ...)
  local problem = client:prepare()
  if problem then return nil, problem end
  local self = new(client, task)
  local adopt
  if task then
    task.call = self
    if not guard.yields then
      adopt = function(helper) self.loop.tasks[helper] = task end
    end
  end
  return finish(self, guard.call(adopt, body, self, ...))
end

--- Runs `body(call, ...)`. What the call holds is let go of however the body ends, and an error
--- that it raises, from a caller's function say, goes on to the caller.
---@param client table
---@param body fun(call: connectparticipant.Call, ...: any): any, any
---@return any result
---@return any err
function call.run(client, body, ...)
  return run(client, client.loop:task(), body, ...)
end

--- The same from inside an iterator, which cannot wait by yielding on Lua 5.1.
function call.run_in_iterator(client, body, ...)
  return run(client, guard.yields and client.loop:task() or nil, body, ...)
end

return call
