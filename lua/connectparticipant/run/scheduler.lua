-- Runs our own coroutines ("tasks"): a queue of those that are ready, and the wake-up times of
-- those that sleep. Used by run/map.lua and run/started.lua; run/threads.lua is the same for nginx.

local create, resume, status = coroutine.create, coroutine.resume, coroutine.status
local running, yield = coroutine.running, coroutine.yield
local isyieldable = rawget(coroutine, "isyieldable") -- not in Lua 5.1 and 5.2
local traceback = debug.traceback
local close_coroutine = rawget(coroutine, "close") -- from Lua 5.4 on

local scheduler = {}

-- What a task yields when it waits for us. Anything else is a yield to the host, made in a caller's
-- function.
local WAITS = setmetatable({}, { __name = "connectparticipant.waits" })

---@class connectparticipant.Task
---@field scheduler connectparticipant.Scheduler
---@field co thread
---@field job? connectparticipant.Job its innermost job
---@field waits boolean whether it has yielded to us and may be resumed
---@field fn fun(task: connectparticipant.Task)
---@field ended fun(task, ok: boolean, problem: any, traceback?: string): boolean|nil called when
--- `fn` has returned or raised; true runs it again
local Task = {}
Task.__index = Task

---@class connectparticipant.Scheduler
---@field loop connectparticipant.Loop
---@field owner? connectparticipant.Job the job whose coroutine runs the tasks; nil: any that waits
local Scheduler = {}
Scheduler.__index = Scheduler

---@param loop connectparticipant.Loop
---@param owner? connectparticipant.Job
---@return connectparticipant.Scheduler
function scheduler.new(loop, owner)
  return setmetatable({
    loop = loop, owner = owner, queue = {}, last = 0, sleepers = {}, soonest = math.huge,
  }, Scheduler)
end

--- Whether the current coroutine can yield, as far as this Lua can tell.
---@return boolean
function scheduler.can_yield()
  if isyieldable then return isyieldable() end
  local co, main = running()
  return co ~= nil and not main
end

--- Makes a task.
---@param fn fun(task: connectparticipant.Task)
---@param ended fun(task, ok: boolean, problem: any, traceback?: string): boolean|nil
---@param job? connectparticipant.Job that of the tasks' calls
---@return connectparticipant.Task
function Scheduler:task(fn, ended, job)
  return setmetatable({ scheduler = self, fn = fn, ended = ended, outer = job }, Task)
end

--- Queues the task, which begins in a new coroutine.
function Task:start()
  local loop = self.scheduler.loop
  self.co = create(self.fn)
  loop.tasks[self.co], loop.current[self.co] = self, self.outer
  self.finished, self.waits = false, true
  self:wake()
end

--- Queues the task to be resumed.
function Task:wake()
  if self.queued or self.finished or not self.waits then return end
  local own = self.scheduler
  self.queued = true
  own.last = own.last + 1
  own.queue[own.last] = self
  if own.bell then own.bell:wake() end
end

--- Suspends the task until it is woken, or until `moment`.
---@param moment? number clock time
function Task:suspend(moment)
  local own = self.scheduler
  if moment then
    self.moment = moment
    own.sleepers[self] = true
    if moment < own.soonest then own.soonest = moment end
  end
  self.waits = true
  yield(WAITS)
end

--- Undoes a wait whose yield raised, as yielding across a pcall does on Lua 5.1.
function Task:forget_wait()
  self.waits = false
  self.scheduler.sleepers[self] = nil
end

--- Ends the task for good and releases its jobs.
function Task:drop()
  if self.finished then return end
  self.finished = true
  self.scheduler.sleepers[self] = nil
  local job = self.job
  while job and job.task == self do
    job:release()
    job = job.outer
  end
  if close_coroutine and status(self.co) == "suspended" then close_coroutine(self.co) end
end

-- Passes a foreign yield on to the host.
local function pass_on(own, ...)
  if not scheduler.can_yield() then
    error("a function yielded, and nothing can resume it here", 0)
  end
  local owner = own.owner
  if owner then owner:enter() end
  return owner, yield(...)
end

local function leave(owner, ...)
  if owner then owner:leave() end
  return ...
end

local function after(task, ok, what, ...)
  if ok and what == WAITS then return end
  if not ok or status(task.co) == "dead" then
    task.finished, task.waits = true, false
    if task:ended(ok, what, not ok and traceback(task.co) or nil) then task:start() end
    return
  end
  task.waits = false
  local own = task.scheduler
  if not own.owner and not scheduler.can_yield() then
    task:drop()
    return task:ended(false, "a function yielded, and nothing can resume it here")
  end
  return after(task, resume(task.co, leave(pass_on(own, what, ...))))
end

--- Resumes all queued tasks, including those queued meanwhile.
function Scheduler:run_queue()
  if self.busy then return end
  self.busy = true
  local queue, at = self.queue, 1
  while at <= self.last do
    local task = queue[at]
    at = at + 1
    task.queued = false
    if task.moment then self.sleepers[task], task.moment = nil, nil end
    if not task.finished and task.waits then
      task.waits = false
      after(task, resume(task.co, task))
    end
  end
  self.last = 0
  self.busy = false
end

--- Queues the sleepers that are due, and finds when the next one is.
---@param now number
function Scheduler:wake_sleepers(now)
  if now < self.soonest then return end
  local soonest = math.huge
  for task in pairs(self.sleepers) do
    if task.moment <= now then
      task:wake()
    elseif task.moment < soonest then
      soonest = task.moment
    end
  end
  self.soonest = soonest
end

--- Whether a task is ready to be resumed.
---@return boolean
function Scheduler:is_ready()
  return self.last > 0 and not self.busy
end

-- Wakes every task that waits for an exchange: those of a closed engine may end without being
-- reported.
local function wake_all(tasks)
  for task in pairs(tasks) do task:wake() end
end

-- Waits until a task is ready, an exchange moves, or the owner's deadline has passed.
local function pause(self, active, time, idle)
  local job, the_loop = self.owner, self.loop
  if not self.bell then
    self.bell = the_loop:bell()
    job.waker = self.bell
    if self.bell then the_loop.sleeping[self.bell] = true end
  end
  local soonest = math.min(self.soonest, job.deadline or math.huge)
  the_loop:pause(active, soonest - time, idle, self.bell)
end

--- Runs the tasks in the owner's coroutine until `ended()`.
---@param tasks table<connectparticipant.Task, true>
---@param ended fun(): any
function Scheduler:drive(tasks, ended)
  local the_loop, idle = self.loop, 0
  local now, root = the_loop.clock.now, self.owner.root
  while true do
    self:run_queue()
    if ended() then break end
    local active, moved = the_loop:step()
    root.beat = the_loop.time
    local time = now()
    self:wake_sleepers(time)
    idle = moved and 0 or idle + 1
    if active == 0 and not self:is_ready() and not next(self.sleepers) then wake_all(tasks) end
    if not self:is_ready() then pause(self, active, time, idle) end
  end
  the_loop:revise()
  if self.bell then the_loop.sleeping[self.bell] = nil end
end

--- Lets the tasks that were woken return what they have to say.
function Scheduler:finish()
  self:run_queue()
end

return scheduler
