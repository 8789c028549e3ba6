--- Many calls at once in one thread: `map` gives every item a coroutine, and this runs whichever
-- can go on. Waiting is the client's driver's affair.

local core = require "connectparticipant.core"
local guard = require "connectparticipant.guard"

local many = {}

local DEFAULT_CONCURRENCY = 8
local LONGEST_WAIT = 1

-- What a coroutine of ours yields; everything else belongs to a scheduler further out.
local PARKED = {}

---@class connectparticipant.Task
local Task = {}
Task.__index = Task

--- The task of the coroutine that runs, if it belongs to this client's `map`.
function many.current(client)
  local crew = client.crew
  return crew and crew.tasks[coroutine.running()] or nil
end

function Task:wake()
  if self.queued then return end
  self.queued = true
  local crew = self.crew
  crew.last = crew.last + 1
  crew.queue[crew.last] = self
  if crew.on_wake then crew.on_wake() end
end

-- Has the task woken at `due`, whatever else wakes it before.
local function set_due(task, due)
  local crew = task.crew
  task.due = due
  crew.sleeping[task] = true
  if not crew.next_due or due < crew.next_due then crew.next_due = due end
end

--- Waits until the exchange may need its caller, at most `seconds` where they are given.
function Task:park(exchange, seconds)
  local client, id = self.crew.client, exchange:id()
  client.parked[id] = self
  if seconds then set_due(self, client.clock.now() + seconds) end
  coroutine.yield(PARKED)
  client.parked[id] = nil
  self.crew.sleeping[self] = nil
end

function Task:sleep(seconds)
  local client = self.crew.client
  local due = client.clock.now() + seconds
  repeat
    set_due(self, due)
    coroutine.yield(PARKED)
  until client.clock.now() >= due
  self.crew.sleeping[self] = nil
end

--- Makes a coroutine that runs on behalf of the task part of it.
function Task:adopt(routine)
  self.crew.tasks[routine] = self
end

--- What a task holds and must not outlive it: `resource:close()` is called if it is abandoned.
function Task:own(resource)
  self.resources[#self.resources + 1] = resource
end

local function new_task(crew, index)
  local task = setmetatable({ crew = crew, index = index, resources = {} }, Task)
  task.routine = coroutine.create(function()
    return crew.fn(crew.list[index], index)
  end)
  crew.tasks[task.routine] = task
  return task
end

local function wake_due(crew)
  local now = crew.client.clock.now()
  if not crew.next_due or now < crew.next_due then return end
  crew.next_due = nil
  for task in pairs(crew.sleeping) do
    if task.due <= now then
      crew.sleeping[task] = nil
      task:wake()
    elseif not crew.next_due or task.due < crew.next_due then
      crew.next_due = task.due
    end
  end
end

local function forget(crew, task)
  crew.tasks[task.routine] = nil
  crew.active = crew.active - 1
end

local function finish(crew, task, result, err)
  forget(crew, task)
  if not result and err ~= nil then
    crew.errors[task.index] = err
    crew.failed = true
  else
    crew.results[task.index] = result
  end
end

-- Goes on with a task until it parks or ends; yields of other schedulers are passed on to them.
local function continue(crew, task, ok, first, ...)
  if ok and first ~= PARKED and coroutine.status(task.routine) ~= "dead" then
    return continue(crew, task, coroutine.resume(task.routine, coroutine.yield(first, ...)))
  end
  if not ok then
    forget(crew, task)
    crew.raised = { value = first }
  elseif coroutine.status(task.routine) == "dead" then
    finish(crew, task, first, ...)
  end
end

local function run_ready(crew)
  while crew.first <= crew.last and not crew.raised do
    local task = crew.queue[crew.first]
    crew.queue[crew.first] = nil
    crew.first = crew.first + 1
    task.queued = false
    if coroutine.status(task.routine) == "suspended" then
      continue(crew, task, coroutine.resume(task.routine))
    end
  end
end

local function start_more(crew)
  while crew.active < crew.concurrency and crew.started < crew.count do
    crew.started = crew.started + 1
    crew.active = crew.active + 1
    new_task(crew, crew.started):wake()
  end
end

-- Waits until a transfer moves or a sleeper is due.
local function wait(crew)
  local client = crew.client
  local seconds = LONGEST_WAIT
  if crew.next_due then
    seconds = math.max(0, math.min(seconds, crew.next_due - client.clock.now()))
  end
  if client.driver.rest then return client.driver.rest(client, crew, seconds) end
  local moved = client:step()
  if moved or crew.first <= crew.last or seconds == 0 then return end
  if next(client.parked) then
    client.driver.wait(client.engine, seconds)
  else
    client.driver.sleep(seconds)
  end
end

-- Ends every task that has not ended by itself.
local function abandon(crew)
  for _, task in pairs(crew.tasks) do -- a task may be there twice, its resources close once
    for _, resource in ipairs(task.resources) do resource:close() end
  end
  for id, waiter in pairs(crew.client.parked) do
    if waiter.crew == crew then crew.client.parked[id] = nil end
  end
end

local function loop(crew)
  while true do
    start_more(crew)
    run_ready(crew)
    if crew.raised then error(crew.raised.value, 0) end
    if crew.active == 0 and crew.started == crew.count then return end
    if crew.first > crew.last and crew.active > 0 then
      wait(crew)
      wake_due(crew)
    end
  end
end

-- Inside a task, or beside another map of the client, one after another keeps the concurrency.
local function one_by_one(list, fn)
  local results, errors, failed = {}, {}, false
  for index = 1, #list do
    local result, err = fn(list[index], index)
    if result == nil and err ~= nil then
      errors[index], failed = err, true
    else
      results[index] = result
    end
  end
  return results, failed and errors or nil
end

--- Raises, at the level of the caller's caller, on arguments that no data can make right.
function many.check(list, fn, options)
  if type(list) ~= "table" then
    error(("map needs a list, not a %s"):format(type(list)), 3)
  end
  if type(fn) ~= "function" then
    error(("map needs a function, not a %s"):format(type(fn)), 3)
  end
  if options == nil then return end
  if type(options) ~= "table" then error("options must be a table", 3) end
  for name in pairs(options) do
    if name ~= "concurrency" then
      local meant = core.suggest(tostring(name), { "concurrency" })
      error(("unknown option '%s'%s"):format(tostring(name),
        meant and " (did you mean 'concurrency'?)" or ""), 3)
    end
  end
  local width = options.concurrency
  if width ~= nil and not (type(width) == "number" and width >= 1 and width % 1 == 0) then
    error("option 'concurrency' must be a whole number from 1 on", 3)
  end
end

--- What `map` gives when nothing could be begun.
function many.all_failed(list, err)
  local errors = {}
  for index = 1, #list do errors[index] = err end
  return {}, next(errors) and errors or nil
end

function many.map(client, list, fn, options)
  if client.crew then return one_by_one(list, fn) end
  local crew = {
    client = client, list = list, fn = fn, count = #list, tasks = {}, sleeping = {}, queue = {},
    first = 1, last = 0, started = 0, active = 0, results = {}, errors = {},
    concurrency = options and options.concurrency or DEFAULT_CONCURRENCY,
  }
  client.crew = crew
  local ok, raised = guard(loop, crew)
  client.crew = nil
  if not ok then
    abandon(crew)
    error(raised, 0)
  end
  return crew.results, crew.failed and crew.errors or nil
end

return many
