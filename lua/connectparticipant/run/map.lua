-- Runs many functions as coroutines over one loop: `map`. Knows who runs, who sleeps and who is
-- woken; what the functions do is their affair.

local loop = require "connectparticipant.run.loop"

local create, resume, status = coroutine.create, coroutine.resume, coroutine.status
local yield = coroutine.yield
local close_coroutine = rawget(coroutine, "close") -- Lua 5.4 alone has it
local WAITS = loop.WAITS

-- A coroutine that takes one item after the other, and the innermost of the client's calls in it.
local Task = {}
Task.__index = Task

-- One `map`: its list, its tasks, its results.
local Group = {}
Group.__index = Group

-- What the outermost `map` runs: its own tasks and those of every `map` inside them.
local Root = {}
Root.__index = Root

local function new_root(the_loop)
  return setmetatable({
    loop = the_loop, queue = {}, last = 0, sleepers = {}, soonest = math.huge,
  }, Root)
end

local function new_group(root, list, fn, concurrency)
  return setmetatable({
    root = root, list = list, fn = fn, count = #list, started = 0, running = 0,
    concurrency = concurrency, tasks = {}, results = {}, errors = {},
  }, Group)
end

--- Puts the task into the queue of those that can go on.
function Task:wake()
  if self.queued or self.finished then return end
  local root = self.group.root
  self.queued = true
  root.last = root.last + 1
  root.queue[root.last] = self
  if root.bell then root.bell:wake() end
end

--- Has the task woken at a moment, if nothing wakes it before.
---@param moment number
function Task:sleep_until(moment)
  local root = self.group.root
  self.moment = moment
  root.sleepers[self] = true
  if moment < root.soonest then root.soonest = moment end
end

-- Lets go of everything that the task has under way; it is never resumed.
function Task:drop()
  self.finished = true
  self.group.root.sleepers[self] = nil
  local call = self.call
  while call do
    call:release()
    call = call.outer
  end
  if close_coroutine and status(self.co) == "suspended" then close_coroutine(self.co) end
end

-- The next item's index; nil when none is left.
function Group:take()
  local index = self.started + 1
  if index > self.count then return nil end
  self.started = index
  return index
end

-- Keeps what the function gave for an item.
function Group:keep(index, result, err)
  if result == nil and err ~= nil then
    self.errors[index] = err
  else
    self.results[index] = result
  end
end

-- What the coroutine of a task runs.
local function work(task)
  local group = task.group
  local list, fn = group.list, group.fn
  for index in group.take, group do
    group:keep(index, fn(list[index], index))
  end
end

function Group:start()
  for number = 1, math.min(self.concurrency, self.count) do
    local task = setmetatable({ group = self, co = create(work) }, Task)
    self.tasks[number] = task
    self.root.loop.tasks[task.co] = task
    task:wake()
  end
  self.running = #self.tasks
  if self.running == 0 then self:finish() end
end

function Group:finish()
  self.finished = true
  if self.parent then self.parent:wake() end
end

-- Ends what still runs; a finished group has nothing left.
function Group:cancel()
  self.finished = true
  for _, task in ipairs(self.tasks) do
    if not task.finished then task:drop() end
  end
end

-- The task has taken its last item, or the function has raised.
function Group:settle(task, ok, problem)
  task.finished = true
  self.running = self.running - 1
  if not ok then
    self.failure = { value = problem }
    self:cancel()
  end
  if not ok or self.running == 0 then self:finish() end
end

-- Goes on after a resume: what is not ours is yielded to the host, and its answer given back.
local function after(task, ok, what, ...)
  if what == WAITS then return end
  if not ok or status(task.co) == "dead" then return task.group:settle(task, ok, what) end
  return after(task, resume(task.co, yield(what, ...)))
end

-- Runs all that can go on, and all that can because of them.
function Root:run_queue(group)
  local queue, at = self.queue, 1
  while at <= self.last and not group.finished do
    local task = queue[at]
    at = at + 1
    task.queued = false
    if task.moment then self.sleepers[task], task.moment = nil, nil end
    if not task.finished then after(task, resume(task.co, task)) end
  end
  self.last = 0
end

-- Wakes those whose time has come, and finds when the next one's does.
function Root:wake_sleepers(now)
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

-- A closed engine tells nobody of what it let go, so everybody has a look.
function Root:wake_all(group)
  for _, task in ipairs(group.tasks) do
    local call = task.call
    while call do
      if call.group then self:wake_all(call.group) end
      call = call.outer
    end
    task:wake()
  end
end

function Root:run(group)
  local the_loop, idle = self.loop, 0
  local now = the_loop.clock.now
  while not group.finished do
    self:run_queue(group)
    if group.finished then return end
    local active, moved = the_loop:step()
    local time = now()
    if time >= self.soonest then self:wake_sleepers(time) end
    local stuck = active == 0 and self.last == 0 and not next(self.sleepers)
    if stuck or the_loop.closed then self:wake_all(group) end
    idle = moved and 0 or idle + 1
    if self.last == 0 then
      self.bell = self.bell or the_loop:bell()
      the_loop:pause(active, self.soonest - time, idle, self.bell)
    end
  end
end

local scheduler = {}

--- Calls `fn(item, index)` for every item of the list, at most `concurrency` at a time.
---@param job connectparticipant.Job the job that this is, which holds what runs until it ends
---@param list any[]
---@param fn fun(item: any, index: integer): any, any
---@param concurrency integer
---@return table results
---@return table|nil errors
function scheduler.run(job, list, fn, concurrency)
  local parent = job.task
  local root = parent and parent.group.root or new_root(job.loop)
  local group = new_group(root, list, fn, concurrency)
  group.parent = parent
  job.group = group
  group:start()
  if parent then
    while not group.finished do yield(WAITS) end
  else
    root:run(group)
  end
  if group.failure then error(group.failure.value, 0) end
  return group.results, next(group.errors) and group.errors or nil
end

return scheduler
