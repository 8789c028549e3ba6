-- `map`: runs a function over a list in `concurrency` tasks, each of which takes one item after
-- another. Finished items keep their results however it ends.

local failure = require "connectparticipant.error"
local job_of = require "connectparticipant.run.job"
local scheduler = require "connectparticipant.run.scheduler"
local threads = require "connectparticipant.run.threads"

local map = {}

---@class connectparticipant.Group one `map` and its tasks
---@field job connectparticipant.Job the `map` call itself
---@field parent? connectparticipant.Task the task that called `map`
---@field all table<connectparticipant.Task, true> its tasks
---@field tasks table<connectparticipant.Task, true> those that have not ended
local Group = {}
Group.__index = Group

local function new_group(job, own, list, fn, options)
  return setmetatable({
    job = job, scheduler = own, parent = job.task, list = list, fn = fn, count = #list, taken = 0,
    running = 0, settled = {}, all = {}, tasks = {}, results = {}, errors = {},
    on_result = options.on_result, concurrency = options.concurrency,
  }, Group)
end

-- Takes the next item's index; nil: none left.
function Group:take()
  local index = self.taken + 1
  if index > self.count then return nil end
  self.taken = index
  return index
end

-- Stores what the function returned for an item.
function Group:keep(index, result, err)
  self.settled[index] = true
  if result == nil and err ~= nil then
    self.errors[index] = err
  else
    self.results[index] = result
  end
end

-- Calls on_result for a finished item.
function Group:report(task, index)
  local on_result = self.on_result
  if not on_result then return end
  task.reporting = index
  on_result(index, self.results[index], self.errors[index])
  task.reporting = nil
end

-- The body of a task.
local function work(group, task)
  local list, fn, ended = group.list, group.fn, task.unreported
  task.unreported = nil
  if ended then group:report(task, ended) end
  for index in group.take, group do
    task.index = index
    group:keep(index, fn(list[index], index))
    task.index = nil
    group:report(task, index)
  end
end

-- Called when a task's function has ended: no items were left, or a function of the caller's
-- raised. Then the task goes on with the next item, after it has reported that one.
function Group:settle(task, ok, problem, traceback)
  local index = not ok and (task.index or task.reporting)
  if index then
    local closed = self.job.loop.closed
    self.settled[index] = true
    self.errors[index] = closed and failure.cancelled("the client was closed")
      or job_of.raised(problem, traceback)
    task.unreported, task.index, task.reporting = task.index, nil, nil
    if not self.finished and not closed then return true end
  end
  self.running = self.running - 1
  self.tasks[task] = nil
  if self.running == 0 then self:finish() end
end

function Group:spawn()
  local task = self.scheduler:task(function(own) return work(self, own) end,
    function(...) return self:settle(...) end, self.job)
  self.all[task], self.tasks[task] = true, true
  self.running = self.running + 1
  task:start()
end

function Group:finish()
  self.finished = true
  local waker = self.parent or self.job.waker
  if waker then waker:wake() end
end

--- Ends the tasks that still run; harmless if there are none.
function Group:cancel()
  self.finished, self.taken, self.running = true, self.count, 0
  for task in pairs(self.all) do task:drop() end
  self.all, self.tasks = {}, {}
end

--- Wakes every task so that it checks whether to go on; with `cancelled`, also cancels its
--- exchanges.
function Group:wake_all(cancelled)
  for task in pairs(self.tasks) do
    local inner = task.job
    while inner and inner.task == task do
      if cancelled and inner.exchange then inner.exchange:cancel() end
      if inner.group then inner.group:wake_all(cancelled) end
      inner = inner.outer
    end
    task:wake()
  end
  if self.parent then self.parent:wake() end
end

-- Why no more items may be started; nil if they may.
local function end_of(group)
  local job = group.job
  local problem = job:problem()
  if problem then return problem end
  local left = job:left()
  if left and left <= 0 then return failure.timeout("no time was left for this item") end
end

-- Called when the client is closed, the deadline has passed or the job was cancelled. Lets running
-- calls return their own errors first; settle_rest covers the others.
local function stop(group)
  group.taken = group.count
  group:wake_all(group.job:problem() ~= nil)
  group.scheduler:finish(group)
end

-- Sets errors for items that were not finished.
local function settle_rest(group)
  for index = 1, group.count do
    if not group.settled[index] then
      local err = end_of(group) or failure.cancelled "the call was ended"
      group.settled[index], group.errors[index] = true, err
      if group.on_result then group.on_result(index, nil, err) end
    end
  end
end

local function ended(group)
  return function() return group.finished or end_of(group) end
end

-- Waits for the tasks from within a task of another `map`, which runs them.
local function wait(group)
  local job = group.job
  while not group.finished and not end_of(group) do group.parent:suspend(job.deadline) end
end

--- Calls `fn(item, index)` for every item of the list, at most `concurrency` at a time.
---@param job connectparticipant.Job the `map` call's own job
---@param list any[]
---@param fn fun(item: any, index: integer): any, any
---@param options { concurrency: integer, on_result?: fun(index, result, err), expects?: string }
-- `expects` is the operation that each item begins with
---@return table results
---@return table|nil errors
function map.run(job, list, fn, options)
  local parent = job.task
  local tasks_of = threads.serves(job.loop) and threads or scheduler
  local own = parent and parent.scheduler or tasks_of.new(job.loop, job)
  local group = new_group(job, own, list, fn, options)
  job.patient, job.group = true, group
  if options.expects then
    job.expects = { [options.expects] = math.min(group.concurrency, group.count) }
  end
  for _ = 1, math.min(group.concurrency, group.count) do group:spawn() end
  if group.running > 0 then
    if parent then wait(group) else own:drive(group.tasks, ended(group)) end
  end
  if not group.finished then stop(group) end
  group:cancel()
  settle_rest(group)
  job.group = nil
  return group.results, next(group.errors) and group.errors or nil
end

return map
