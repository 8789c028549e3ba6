-- `map`: runs a function over a list in `concurrency` tasks, each of which takes one item after
-- another. Finished items keep their results however it ends.

local failure = require "connectparticipant.error"
local job_of = require "connectparticipant.run.job"
local scheduler = require "connectparticipant.run.scheduler"

local map = {}

---@class connectparticipant.Group one `map` and its tasks
---@field job connectparticipant.Job the `map` call itself
---@field parent? connectparticipant.Task the task that called `map`
local Group = {}
Group.__index = Group

local function new_group(job, own, list, fn, options)
  return setmetatable({
    job = job, scheduler = own, parent = job.task, list = list, fn = fn, count = #list, taken = 0,
    running = 0, settled = {}, tasks = {}, results = {}, errors = {},
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

-- The body of a task. `ended`: the item whose failure ended the previous task, still to be
-- reported.
local function work(group, task, ended)
  local list, fn = group.list, group.fn
  if ended then group:report(task, ended) end
  for index in group.take, group do
    task.index = index
    group:keep(index, fn(list[index], index))
    task.index = nil
    group:report(task, index)
  end
end

-- Called when a task's coroutine has ended: no items were left, or a function raised; then another
-- task takes over.
function Group:settle(task, ok, problem)
  self.running = self.running - 1
  self.tasks[task] = nil
  local index = not ok and (task.index or task.reporting)
  if index then
    local closed = self.job.loop.closed
    self.settled[index] = true
    self.errors[index] = closed and failure.cancelled("the client was closed")
      or job_of.raised(problem, task.co)
    if not self.finished and not closed then self:spawn(task.index) end
  end
  if self.running == 0 then self:finish() end
end

function Group:spawn(ended)
  local task
  task = self.scheduler:spawn(function(own) return work(self, own, ended) end,
    function(own, ok, problem) return self:settle(own, ok, problem) end)
  self.tasks[task] = true
  self.running = self.running + 1
  local job = self.job
  job.loop.current[task.co] = job
  return task
end

function Group:finish()
  self.finished = true
  if self.parent then self.parent:wake() end
end

--- Ends the tasks that still run; harmless if there are none.
function Group:cancel()
  self.finished = true
  for task in pairs(self.tasks) do task:drop() end
  self.tasks, self.running = {}, 0
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
  group.scheduler:run_queue()
  group:cancel()
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

-- Runs the tasks in the coroutine that called `map`.
local function drive(group)
  local own, job = group.scheduler, group.job
  local the_loop, idle = job.loop, 0
  local now, root = the_loop.clock.now, job.root
  while true do
    own:run_queue()
    if group.finished or end_of(group) then break end
    local active, moved = the_loop:turn()
    root.beat = the_loop.time
    local time = now()
    own:wake_sleepers(time)
    idle = moved and 0 or idle + 1
    -- Exchanges may end without being reported, as those of a closed engine; do not wait for them.
    if active == 0 and not own:is_ready() and not next(own.sleepers) then
      for task in pairs(group.tasks) do task:wake() end
    end
    if not own:is_ready() then
      if not own.bell then
        own.bell = the_loop:bell()
        job.waker = own.bell
        if own.bell then the_loop.sleeping[own.bell] = true end
      end
      local soonest = math.min(own.soonest, job.deadline or math.huge)
      the_loop:pause(active, soonest - time, idle, own.bell)
    end
  end
  the_loop:revise()
  if own.bell then the_loop.sleeping[own.bell] = nil end
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
  local own = parent and parent.scheduler or scheduler.new(job.loop, job)
  local group = new_group(job, own, list, fn, options)
  job.patient, job.group = true, group
  if options.expects then
    job.expects = { [options.expects] = math.min(group.concurrency, group.count) }
  end
  for _ = 1, math.min(group.concurrency, group.count) do group:spawn() end
  if group.running > 0 then
    if parent then wait(group) else drive(group) end
  end
  if not group.finished then stop(group) end
  settle_rest(group)
  job.group = nil
  return group.results, next(group.errors) and group.errors or nil
end

return map
