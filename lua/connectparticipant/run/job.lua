-- A job is one call of a user, however it was made. It has a deadline, can be cancelled, and
-- releases what it holds when it ends or nobody waits for it any more.

local failure = require "connectparticipant.error"
local guard = require "connectparticipant.run.guard"
local loop_of = require "connectparticipant.run.loop"

---@class connectparticipant.Job
---@field client table
---@field loop connectparticipant.Loop
---@field scene? table what its coroutine works for, where the driver can tell
---@field clock table `now()` in monotonic seconds, `time()`, `random()`
---@field task? connectparticipant.Task the task it runs in; nil: a coroutine of the host's
---@field root connectparticipant.Job the outermost enclosing job, or itself
---@field outer connectparticipant.Job|false the enclosing job
---@field inner? connectparticipant.Job the job made in it, in the same coroutine
---@field began number clock time
---@field deadline? number clock time
---@field patient boolean whether throttled attempts do not count against max_attempts
---@field private tick? fun(job, now: number): connectparticipant.Error|nil
---@field private ticked? number clock time of the last tick
---@field moved? number bytes of its transfer that have moved so far
---@field total? number bytes of its transfer
---@field told? table its `measure()` updates `moved` and `total`
---@field exchange? userdata the exchange in progress
---@field group? table the tasks of a `map`
---@field expects? table<string, integer> of a `map`: how many calls it makes at once to begin with
---@field spare? table<string, connectparticipant.SpareTurns> of a `map`: turns that it has for them
---@field driven? boolean whether it only runs while somebody waits for this client
---@field left_behind? fun(err) called when the job is abandoned
---@field private held? table[] what to release at the end
---@field private stopped string|false why it must stop
---@field private beat number in a root: its last sign of life, in the loop's time
---@field private calling number in a root: how many functions of the caller's are running
---@field private watch? table in a root: the driver's watch on its coroutine, if it has one
---@field key? thread|string its coroutine's key in the loop
-- What most jobs have in common.
local Job = { patient = false, calling = 0, depth = 0 }
Job.__index = Job

-- Seconds after which a patient job without a `timeout` gives up, so that every wait is bounded.
local PATIENCE = 300

-- Seconds between ticks.
local TICK = 1

local job = {}

local MAIN = loop_of.MAIN

--- Seconds until the deadline; nil without one.
function Job:left()
  return self.deadline and self.deadline - self.clock.now()
end

--- Seconds until it gives up on a throttling service.
function Job:patience()
  return (self.deadline or self.began + PATIENCE) - self.clock.now()
end

--- Why the job must stop: it or an enclosing one was cancelled, or its client closed. nil if it may
-- go on.
---@return connectparticipant.Error|nil
function Job:problem()
  repeat
    local reason = self.stopped or self.loop.closed and "the client was closed"
    if reason then return failure.cancelled(reason) end
    self = self.outer
  until not self
end

local function run_tick(self)
  local now = self.clock.now()
  if now < self.ticked + TICK then return nil end
  self.ticked = now
  return self:tick(now)
end

--- Has `tick` called at least once a second while the job waits.
---@param tick fun(job, now: number): connectparticipant.Error|nil an error ends the wait
function Job:call_each_second(tick)
  self.tick, self.ticked = tick, self.clock.now()
end

--- Waits until the exchange is done or needs its caller, or until `moment`. May return early.
---@param exchange userdata
---@param moment? number clock time
---@return connectparticipant.Error|nil stopped why the job must not go on
---@return string state of the exchange
function Job:await(exchange, moment)
  if not self.tick then
    local state = self.loop:await(self, exchange, moment)
    return self:problem(), state
  end
  local due = self.ticked + TICK
  self.loop:await(self, exchange, moment and moment < due and moment or due)
  local stopped = self:problem() or run_tick(self)
  return stopped, exchange:state() -- the tick may have moved the engine
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
  if not (exchange or group or held) then return end
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
    if innermost.waker then self.loop.sleeping[innermost.waker] = nil end
    if innermost == self then break end
    innermost = innermost.outer
  end
  if self.left_behind then self.left_behind(self:problem()) end
end

--- Abandons a job whose coroutine is gone. The host may reuse the coroutine, so nothing of the job
--- must be found in it.
function Job:lost()
  local current, innermost = self.loop.current, self
  while innermost.inner do innermost = innermost.inner end
  while innermost do
    local key = innermost.key
    if key and current[key] == innermost then current[key] = nil end
    if innermost == self then break end
    innermost = innermost.outer
  end
  return self:abandon()
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
local function deadline_of(now, general, timeout, outer)
  local deadline = general and now + general
  if type(timeout) == "number" and timeout > 0 then deadline = earlier(deadline, now + timeout) end
  return earlier(deadline, outer and outer.deadline)
end

local function new(client, timeout, outer, key, task)
  local the_loop = client.loop
  local clock = the_loop.clock
  local now, general = clock.now(), client.config and client.config.timeout
  -- `stopped` and `outer` are read in every wait: a field that is there is found without a look
  -- into the metatable.
  local self = setmetatable({
    client = client, loop = the_loop, clock = clock, key = key, task = task, stopped = false,
    outer = outer or false, began = now, root = outer and outer.root,
  }, Job)
  local scene = the_loop.driver.scene
  if scene then self.scene = scene() end
  if general or timeout or outer then
    self.deadline = deadline_of(now, general, timeout, outer)
  end
  return self
end

-- Makes it a job that no other encloses.
local function begin_alone(self)
  self.root, self.beat = self, self.loop.time
  self.loop.alive[self] = true
end

-- Makes it its coroutine's innermost job.
local function begin(self, outer, task)
  self.loop.current[self.key] = self
  if task then task.job = self end
  if not outer then return begin_alone(self) end
  local depth = outer.root.calling
  if depth > 0 then self.depth = depth end
  if outer.patient then self.patient = true end
  if outer.task == task then outer.inner = self end
end

-- Takes it out of the enclosing jobs.
local function leave_outer(self, outer, task)
  if outer.inner == self then
    outer.inner = nil
    if self.total then outer.moved, outer.total = self.moved, self.total end
  end
  self.root.calling = self.depth
  if task then task.job = outer.task == task and outer or nil end
end

local function finish(self, ok, result, err)
  local the_loop, outer, task = self.loop, self.outer, self.task
  the_loop.current[self.key] = outer or nil
  if task and not ok then task:forget_wait() end
  if outer then
    leave_outer(self, outer, task)
  else
    the_loop.alive[self] = nil
    if task then task.job = nil end
    if the_loop.driver.watch and self.watch then self.watch:wake() end
  end
  self:release()
  if not ok then error(result, 0) end
  return result, err
end

local function run(client, timeout, co, task, body, a, b, c)
  local problem = not client.ready and client:prepare()
  if problem then return nil, problem end
  local key = co or MAIN
  local outer = client.loop:innermost(key)
  local self = new(client, timeout, outer, key, task)
  begin(self, outer, task)
  return finish(self, guard.call(self, co, body, self, a, b, c))
end

--- Runs `body(job, a, b, c)` as a job. However the body ends, what the job holds is released. An
--- error raised in it, for instance by a caller's function, propagates.
---@param client table
---@param timeout? number seconds
---@param body fun(job: connectparticipant.Job, a: any, b: any, c: any): any, any
---@return any result
---@return any err
function job.run(client, timeout, body, a, b, c)
  local co = guard.running()
  return run(client, timeout, co, co and client.loop:task(co), body, a, b, c)
end

--- The same for use in an iterator, which on Lua 5.1 cannot yield and so waits by blocking.
function job.run_in_iterator(client, timeout, body, a, b, c)
  local co = guard.running()
  local task = co and guard.yields and client.loop:task(co) or nil
  return run(client, timeout, co, task, body, a, b, c)
end

--- Makes an error object for what a function of the caller's raised.
---@param cause any
---@param traceback? string
function job.raised(cause, traceback)
  local err = failure.raised(type(cause) == "string" and cause or tostring(cause))
  err.cause = cause
  err.traceback = traceback
  return err
end

--- Makes a job that does not run yet, for `client:start`.
---@param client table
---@return connectparticipant.Job
function job.new(client)
  local self = new(client, nil, client.loop:innermost(loop_of.coroutine()))
  begin_alone(self)
  return self
end

--- Runs such a job in the current coroutine.
---@param self connectparticipant.Job
---@param body fun(): any, any
function job.run_new(self, body)
  local co = guard.running()
  self.key = co or MAIN
  begin(self, nil, self.task)
  return finish(self, guard.call(self, co, body))
end

return job
