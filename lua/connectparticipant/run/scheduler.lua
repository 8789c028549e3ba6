-- Runs our own coroutines ("tasks"): a queue of those that are ready, and the wake-up times of
-- those that sleep. Used by run/map.lua and run/started.lua.

local create, resume, status = coroutine.create, coroutine.resume, coroutine.status
local running, yield = coroutine.running, coroutine.yield
local isyieldable = rawget(coroutine, "isyieldable") -- not in Lua 5.1 and 5.2
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
---@field ended fun(task, ok: boolean, problem: any) called when its function has returned or
--- raised
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

--- Makes a task and queues it.
---@param fn fun(task: connectparticipant.Task)
---@param ended fun(task: connectparticipant.Task, ok: boolean, problem: any)
---@return connectparticipant.Task
function Scheduler:spawn(fn, ended)
  local task = setmetatable({
    scheduler = self, co = create(fn), ended = ended, waits = true,
  }, Task)
  self.loop.tasks[task.co] = task
  task:wake()
  return task
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
    return task:ended(ok, what)
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

return scheduler
