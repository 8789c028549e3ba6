-- One public call on its way: its deadline, what it waits for, and what has to be let go of when it
-- ends early. Every method of a client that sends something goes through `job.run`.

local failure = require "connectparticipant.error"
local guard = require "connectparticipant.run.guard"

---@class connectparticipant.Job
---@field client table
---@field loop connectparticipant.Loop
---@field clock table `now()` in monotonic seconds, `time()`, `random()`
---@field task? table the `map` task that this job runs in
---@field deadline? number when its time is over, of the clock
---@field patient boolean whether it waits for throttling to end, beyond max_attempts
---@field outer? connectparticipant.Job the one that this one is made in, in the same task
---@field stopped? connectparticipant.Error why it must not go on
---@field exchange? userdata what is under way
---@field group? table the tasks of a `map`
---@field held? table[] what to let go of at the end
local Job = {}
Job.__index = Job

-- A patient job without a `timeout` gives up here: every wait has a bound.
local PATIENCE = 300

local job = {}

--- Seconds that are left of the deadline; nil without one.
function Job:left()
  return self.deadline and self.deadline - self.clock.now()
end

--- Seconds that throttling may still be waited for.
function Job:patience()
  return (self.deadline or self.began + PATIENCE) - self.clock.now()
end

--- Why the job must not go on: it was cancelled, or its client closed. Nil normally.
---@return connectparticipant.Error|nil
function Job:problem()
  if not self.stopped and self.loop.closed then
    self.stopped = failure.cancelled("the client was closed")
  end
  return self.stopped
end

--- Waits until the exchange is done or wants something, or the moment has come.
---@return connectparticipant.Error|nil stopped why the job must not go on
function Job:await(exchange, moment)
  self.loop:await(self.task, exchange, moment)
  return self:problem()
end

---@return connectparticipant.Error|nil stopped why the job must not go on
function Job:sleep(seconds)
  self.loop:sleep(self.task, seconds)
  return self:problem()
end

--- Calls a function of the caller's, which may yield and raise.
function Job.callback(_, fn, ...)
  return fn(...)
end

--- Remembers something to let go of when the job ends, by its method of that name.
function Job:hold(object, method)
  self.held = self.held or {}
  self.held[#self.held + 1] = { object = object, method = method }
end

--- Lets go of everything; harmless for what is already through.
function Job:release()
  if self.exchange then self.exchange:cancel() end
  if self.group then self.group:cancel() end
  local held = self.held
  if not held then return end
  self.held = nil
  for _, entry in ipairs(held) do entry.object[entry.method](entry.object) end
end

local function new(client, task)
  local the_loop = client.loop
  local clock = the_loop.clock
  local now = clock.now()
  local timeout = client.config and client.config.timeout
  local outer = task and task.call
  local deadline = timeout and now + timeout
  if outer and outer.deadline and (not deadline or outer.deadline < deadline) then
    deadline = outer.deadline
  end
  return setmetatable({
    client = client,
    loop = the_loop,
    clock = clock,
    task = task,
    began = now,
    deadline = deadline,
    patient = task ~= nil,
    outer = outer,
  }, Job)
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

--- Runs `body(job, ...)`. What the job holds is let go of however the body ends, and an error
--- that it raises, from a caller's function say, goes on to the caller.
---@param client table
---@param body fun(job: connectparticipant.Job, ...: any): any, any
---@return any result
---@return any err
function job.run(client, body, ...)
  return run(client, client.loop:task(), body, ...)
end

--- The same from inside an iterator, which cannot wait by yielding on Lua 5.1.
function job.run_in_iterator(client, body, ...)
  return run(client, guard.yields and client.loop:task() or nil, body, ...)
end

return job
