-- A job is one call of a user, however it was made. It has a deadline, can be cancelled, and
-- releases what it holds when it ends or nobody waits for it any more.

local failure = require "connectparticipant.error"
local guard = require "connectparticipant.run.guard"
local loop_of = require "connectparticipant.run.loop"

---@class connectparticipant.Job
---@field client table
---@field loop connectparticipant.Loop
---@field clock table `now()` in monotonic seconds, `time()`, `random()`
---@field task? connectparticipant.Task the task it runs in; nil: a coroutine of the host's
---@field root connectparticipant.Job the outermost enclosing job, or itself
---@field outer? connectparticipant.Job the enclosing job
---@field inner? connectparticipant.Job the job made in it, in the same coroutine
---@field began number clock time
---@field deadline? number clock time
---@field patient boolean whether throttled attempts do not count against max_attempts
---@field tick? fun(job, now: number): connectparticipant.Error|nil called at least once a second
---@field moved? number bytes of its transfer that have moved so far
---@field total? number bytes of its transfer
---@field told? table its `measure()` updates `moved` and `total`
---@field exchange? userdata the exchange in progress
---@field group? table the tasks of a `map`
---@field driven? boolean whether it only runs while somebody waits for this client
---@field left_behind? fun(err) called when the job is abandoned
---@field private held? table[] what to release at the end
---@field private stopped? string why it must stop
---@field private beat number in a root: its last sign of life, in the loop's time
---@field private calling number in a root: how many functions of the caller's are running
---@field private watch? table in a root: the driver's watch on its coroutine, if it has one
local Job = {}
Job.__index = Job

-- Seconds after which a patient job without a `timeout` gives up, so that every wait is bounded.
local PATIENCE = 300

-- Seconds between ticks.
local TICK = 1

local job = {}

--- Seconds until the deadline; nil without one.
function Job:left()
  return self.deadline and self.deadline - self.clock.now()
end

--- Seconds until it gives up on a throttling service.
function Job:patience()
  return (self.deadline or self.began + PATIENCE) - self.clock.now()
end

-- Why the job or an enclosing one must stop, as a message; nil if none must.
local function reason_of(self)
  while self do
    if self.stopped then return self.stopped end
    if self.loop.closed then return "the client was closed" end
    self = self.outer
  end
end

--- Why the job must stop: it was cancelled or its client closed. nil if it may go on.
---@return connectparticipant.Error|nil
function Job:problem()
  local reason = reason_of(self)
  return reason and failure.cancelled(reason)
end

local function run_tick(self)
  local now = self.clock.now()
  if now < self.ticked + TICK then return nil end
  self.ticked = now
  return self:tick(now)
end

--- Waits until the exchange is done or needs its caller, or until `moment`. May return early.
---@param exchange userdata
---@param moment? number clock time
---@return connectparticipant.Error|nil stopped why the job must not go on
function Job:await(exchange, moment)
  if not self.tick then
    self.loop:await(self, exchange, moment)
    return self:problem()
  end
  local due = self.ticked + TICK
  self.loop:await(self, exchange, moment and moment < due and moment or due)
  return self:problem() or run_tick(self)
end

--- Sleeps.
---@param seconds number
---@return connectparticipant.Error|nil stopped why the job must not go on
function Job:sleep(seconds)
  local now = self.clock.now
  if not self.tick then
    self.loop:sleep(self, seconds)
    return self:problem()
  end
  local moment = now() + seconds
  repeat
    self.loop:sleep(self, math.min(moment, self.ticked + TICK) - now())
    local stopped = self:problem() or run_tick(self)
    if stopped then return stopped end
  until now() >= moment
end

--- Call before running a function of the caller's. While it runs, only the driver's watch can tell
--- whether the coroutine is alive.
function Job:enter()
  local root = self.root
  root.calling = root.calling + 1
  local watch = self.loop.driver.watch
  if watch and root.watch == nil then root.watch = watch(root) or false end
end

--- Call after it has returned.
function Job:leave()
  local root = self.root
  root.calling = root.calling - 1
  root.beat = self.loop.time
end

local function leave(self, ...)
  self:leave()
  return ...
end

--- Calls a function of the caller's, which may yield or raise.
function Job:callback(fn, ...)
  self:enter()
  return leave(self, fn(...))
end

--- Registers an object to release, by calling the named method, when the job ends.
function Job:hold(object, method)
  self.held = self.held or {}
  self.held[#self.held + 1] = { object = object, method = method }
end

--- Stops the job and the jobs inside it.
---@param reason string
function Job:cancel(reason)
  self.stopped = self.stopped or reason
  -- A running function of the caller's cannot be interrupted; abandon the job so that nobody waits
  -- for it.
  if self.calling > 0 then return self:abandon() end
  local inner = self
  while inner do
    if inner.exchange then inner.exchange:cancel() end
    if inner.group then inner.group:wake_all(true) end
    if inner.waker then inner.waker:wake() end
    inner = inner.inner
  end
end

--- Called when the client is closed. A `driven` job will not be resumed any more, so it ends here.
function Job:closed()
  if self.driven then self:abandon() end
end

--- Cancels and releases everything the job has; harmless if it has ended.
function Job:release()
  local exchange, group, held = self.exchange, self.group, self.held
  self.exchange, self.group, self.held = nil, nil, nil
  if exchange then exchange:cancel() end
  if group then group:cancel() end
  if not held then return end
  for index = #held, 1, -1 do held[index].object[held[index].method](held[index].object) end
end

--- Whether a missing heartbeat means that the job is abandoned. Not while a function of the
--- caller's runs, unless the driver watches its coroutine; and never for a `driven` job.
function Job:is_reliable()
  if self.driven then return false end
  return self.calling == 0 or (self.watch and true or false)
end

--- Gives the job up because nobody waits for it any more: releases what it and the jobs inside it
--- hold.
function Job:abandon()
  self.stopped = self.stopped or "nobody waits for this call any more"
  self.loop.alive[self] = nil
  local innermost = self
  while innermost.inner do innermost = innermost.inner end
  while innermost do
    innermost:release()
    if innermost == self then break end
    innermost = innermost.outer
  end
  if self.left_behind then self.left_behind(self:problem()) end
end

-- The interface of guard.call's `scope`.
function Job:returned(...)
  self.has_returned = true
  return ...
end

function Job:__close()
  if not self.has_returned then self:abandon() end
end

local function earlier(a, b)
  if a and b then return a < b and a or b end
  return a or b
end

-- The earliest of the client's timeout, the call's and the enclosing job's deadline. An invalid
-- timeout is refused later, with the other parameters.
local function deadline_of(client, now, timeout, outer)
  local general = client.config and client.config.timeout
  local deadline = general and now + general
  if type(timeout) == "number" and timeout > 0 then deadline = earlier(deadline, now + timeout) end
  return earlier(deadline, outer and outer.deadline)
end

local function new(client, timeout, key, task)
  local the_loop = client.loop
  local clock = the_loop.clock
  local now, outer = clock.now(), key and the_loop.current[key]
  local self = setmetatable({
    client = client, loop = the_loop, clock = clock, key = key, task = task, outer = outer,
    began = now, ticked = now, deadline = deadline_of(client, now, timeout, outer),
    patient = outer ~= nil and outer.patient, calling = 0, beat = the_loop.time,
  }, Job)
  self.root = outer and outer.root or self
  self.depth = self.root.calling
  return self
end

-- Makes it its coroutine's innermost job.
local function begin(self)
  local the_loop, outer, task = self.loop, self.outer, self.task
  the_loop.current[self.key] = self
  if task then task.job = self end
  if outer and outer.task == task then outer.inner = self end
  if self.root == self then
    self.co = coroutine.running()
    the_loop.alive[self] = true
  end
end

local function finish(self, ok, result, err)
  local the_loop, outer, task, root = self.loop, self.outer, self.task, self.root
  self.ended = true
  the_loop.current[self.key] = outer
  if task then
    task.job = outer and outer.task == task and outer or nil
    if not ok then task:forget_wait() end
  end
  if outer and outer.inner == self then
    outer.inner = nil
    if self.total then outer.moved, outer.total = self.moved, self.total end
  end
  root.calling = self.depth
  if root == self then
    the_loop.alive[self] = nil
    if self.watch then self.watch:wake() end
  end
  self:release()
  if not ok then error(result, 0) end
  return result, err
end

local function run(client, timeout, key, task, body, ...)
  local problem = client:prepare()
  if problem then return nil, problem end
  local self = new(client, timeout, key, task)
  begin(self)
  return finish(self, guard.call(self, body, self, ...))
end

--- Runs `body(job, ...)` as a job. However the body ends, what the job holds is released. An error
--- raised in it, for instance by a caller's function, propagates.
---@param client table
---@param timeout? number seconds
---@param body fun(job: connectparticipant.Job, ...: any): any, any
---@return any result
---@return any err
function job.run(client, timeout, body, ...)
  local key = loop_of.coroutine()
  return run(client, timeout, key, client.loop:task(key), body, ...)
end

--- The same for use in an iterator, which on Lua 5.1 cannot yield and so waits by blocking.
function job.run_in_iterator(client, timeout, body, ...)
  local key = loop_of.coroutine()
  return run(client, timeout, key, guard.yields and client.loop:task(key) or nil, body, ...)
end

--- Makes an error object for what a function of the caller's raised.
---@param cause any
---@param co? thread for the traceback
function job.raised(cause, co)
  local err = failure.raised(type(cause) == "string" and cause or tostring(cause))
  err.cause = cause
  err.traceback = co and debug.traceback(co) or nil
  return err
end

--- Makes a job that does not run yet, for `client:start`.
---@param client table
---@return connectparticipant.Job
function job.new(client)
  local self = new(client, nil, nil, nil)
  local outer = client.loop.current[loop_of.coroutine()]
  self.deadline = earlier(self.deadline, outer and outer.deadline)
  client.loop.alive[self] = true
  return self
end

--- Runs such a job in the current coroutine.
---@param self connectparticipant.Job
---@param body fun(): any, any
function job.run_new(self, body)
  self.key = loop_of.coroutine()
  begin(self)
  return finish(self, guard.call(self, body))
end

return job
