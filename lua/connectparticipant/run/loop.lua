-- One engine and the jobs that wait for it: steps it, waits, wakes jobs, and detects abandoned
-- ones.

local guard = require "connectparticipant.run.guard"
local scheduler = require "connectparticipant.run.scheduler"

---@class connectparticipant.Loop
---@field engine userdata
---@field driver table
---@field clock table `now()` in monotonic seconds
---@field closed boolean
---@field tasks table<thread, connectparticipant.Task>
---@field current table<thread|string, connectparticipant.Job> each coroutine's innermost job
---@field alive table<connectparticipant.Job, true> the outermost jobs
---@field private await_here function how a coroutine that is no task waits for an exchange
---@field private time number seconds that count for heartbeats
---@field private stepped number clock time of the last step
---@field private next_look number in the loop's time: when to look for silent jobs
---@field waiting table<number, table> exchange ids to what to wake when they need their caller
---@field sleeping table<table, true> what to wake when the client is closed
---@field background? connectparticipant.Scheduler runs started jobs, if the driver cannot spawn
local Loop = {}
Loop.__index = Loop

local loop = {}

-- Seconds of the loop's time without a heartbeat after which a job is abandoned. A waiting job's
-- heart beats at least once a second.
local LONGEST_SILENCE = 3

-- The most that the loop's time advances between two steps: while a function of the caller's blocks
-- the process, no job can give a heartbeat, so that time must not count.
local LONGEST_STEP = 0.25

-- The longest wait, in seconds: jobs re-check at least this often whether to go on.
local LONGEST_WAIT = 1

local HUGE = math.huge

--- Stands for the main coroutine, for which Lua 5.1 has no value.
loop.MAIN = "main"

--- The current coroutine's key in `current`.
---@return thread|string
function loop.coroutine()
  return guard.running() or loop.MAIN
end

--- The coroutine's task, if it is one of ours and may yield here.
---@param co thread|string from `loop.coroutine`
---@return connectparticipant.Task|nil
function Loop:task(co)
  local task, scene = self.tasks[co], self.driver.scene
  if not task or not scheduler.can_yield() then return nil end
  if scene and task.scene and task.scene ~= scene() then
    self.tasks[co] = nil
    return nil
  end
  return task
end

--- The innermost job of a coroutine. Where the host reuses killed coroutines, a job of another
--- scene is one whose coroutine was killed: its silence will be noticed.
---@param co thread|string from `loop.coroutine`
---@return connectparticipant.Job|nil
function Loop:innermost(co)
  local job, scene = self.current[co], self.driver.scene
  if not job or not scene or job.scene == scene() then return job end
  self.current[co] = nil
end

-- Abandons jobs that have been silent for too long.
local function look(self, time)
  self.next_look = time + LONGEST_STEP
  for job in pairs(self.alive) do
    if job:is_reliable() and time - job.beat > LONGEST_SILENCE then job:lost() end
  end
end

-- Advances the loop's time. Not while a started job's function waits within another call's step:
-- that call can give no heartbeat.
local function pass_time(self, background)
  local now = self.clock.now()
  local passed = now - self.stepped
  self.stepped = now
  if passed <= 0 or background and background.busy then return end
  local time = self.time + (passed < LONGEST_STEP and passed or LONGEST_STEP)
  self.time = time
  if time >= self.next_look then look(self, time) end
end

-- Resumes started jobs that are ready; returns whether there were any.
local function run_background(self, background)
  if background.busy then return false end
  background:wake_sleepers(self.clock.now())
  if background.last == 0 then return false end
  background:run_queue()
  return true
end

--- Steps the engine, wakes the jobs whose exchanges need them, abandons silent jobs, and resumes
--- started ones.
---@param seconds? number to wait at most, in this step, until an exchange needs its caller
---@return integer active how many exchanges are in progress
---@return boolean moved
function Loop:step(seconds)
  if self.closed then return 0, true end
  local engine, waiting, background = self.engine, self.waiting, self.background
  local active, moved, more = engine:step(seconds)
  while more do
    local id
    id, more = engine:ready()
    local waiter = waiting[id]
    if waiter then
      waiting[id] = nil
      waiter:wake()
    end
  end
  -- Where nothing else can run while a call waits, no call can be abandoned in its wait.
  if not self.driver.alone then pass_time(self, background) end
  if background and run_background(self, background) then moved = true end
  return active, moved
end

--- A bell to wait on where a pump steps the engine; nil with other drivers.
function Loop:bell()
  return self.driver.bell and self.driver.bell()
end

-- Shortens a wait to `most` seconds, and so that started jobs are resumed in time.
local function limit(self, seconds, most)
  if seconds > most then seconds = most end
  local background = self.background
  if not background then return seconds end
  if background:is_ready() then return 0 end
  return math.min(seconds, background.soonest - self.clock.now())
end

--- Waits for the engine, or sleeps if it has no exchanges.
---@param active integer from `step`
---@param seconds number at most this long
---@param idle integer how many pauses in a row saw nothing move
---@param bell? table rung by the pump
function Loop:pause(active, seconds, idle, bell)
  local driver = self.driver
  seconds = limit(self, seconds, LONGEST_WAIT)
  if seconds <= 0 then return end
  if bell and driver.attend(self) then return bell:wait(seconds) end
  if active == 0 then return driver.sleep(math.min(seconds, driver.longest_sleep)) end
  if seconds > driver.longest then seconds = driver.longest end
  return driver.wait(self.engine, seconds, idle)
end

--- Call after steps that no pause has followed: the pump does not know what they have changed.
function Loop:revise()
  local driver = self.driver
  if driver.revise then driver.revise(self) end
end

-- Runs the loop in the current coroutine until `ended()` or `moment`.
local function step_until(self, job, moment, ended)
  local root, idle = job.root, 0
  local bell
  while true do
    local active, moved = self:step()
    root.beat = self.time
    if ended() or job:problem() then break end
    local left = moment and moment - self.clock.now() or HUGE
    if left <= 0 then break end
    idle = moved and 0 or idle + 1
    if not bell then
      bell = self:bell()
      job.waker = bell
      if bell then self.sleeping[bell] = true end
    end
    self:pause(active, left, idle, bell)
  end
  self:revise()
  job.waker = nil
  if bell then self.sleeping[bell] = nil end
end

-- Runs it until an exchange needs its caller; returns the exchange's state. Where nothing else can
-- run meanwhile, the step itself waits: what moves before it is over does not concern Lua. This is
-- the most common wait, so it makes no closure.
local function await_alone(self, job, exchange, moment)
  local root, now = job.root, self.clock.now
  while true do
    self:step(limit(self, moment and moment - now() or HUGE, LONGEST_STEP))
    local state = exchange:state()
    root.beat = self.time
    if state ~= "run" or job:problem() or moment and now() >= moment then return state end
  end
end

-- The same where the driver may run other coroutines while it waits.
local function await_directly(self, job, exchange, moment)
  local root, idle = job.root, 0
  while true do
    local active, moved = self:step()
    local state = exchange:state()
    root.beat = self.time
    if state ~= "run" or job:problem() then return state end
    local left = moment and moment - self.clock.now() or HUGE
    if left <= 0 then return state end
    idle = moved and 0 or idle + 1
    self:pause(active, left, idle)
  end
end

-- The same where a pump steps the engine: it steps once itself, so as not to wait for the pump if
-- that is all it takes.
local function await_bell(self, job, exchange, moment)
  local root, idle, stepped, id, bell = job.root, 0, true, nil, nil
  while true do
    local active, moved = self:step()
    root.beat = self.time
    if exchange:state() ~= "run" or job:problem() then break end
    local left = moment and moment - self.clock.now() or HUGE
    if left <= 0 then break end
    idle = moved and 0 or idle + 1
    if not bell then bell, id = self:bell(), exchange:id() end
    self.waiting[id], self.sleeping[bell], job.waker = bell, true, bell
    self:pause(active, left, idle, bell)
    if exchange:state() ~= "run" then
      root.beat, stepped = self.time, false
      break
    end
  end
  if stepped then self:revise() end
  if bell then self.waiting[id], self.sleeping[bell], job.waker = nil, nil, nil end
  return exchange:state()
end

--- Waits until a running exchange is done or needs its caller, or until `moment`.
---@param job connectparticipant.Job
---@param exchange userdata
---@param moment? number clock time
---@return string state of the exchange
function Loop:await(job, exchange, moment)
  local task = job.task
  if not task then return self.await_here(self, job, exchange, moment) end
  local id = exchange:id()
  self.waiting[id] = task
  job.waker = task
  task:suspend(moment)
  job.waker = nil
  self.waiting[id] = nil
  return exchange:state()
end

--- Waits until `ended()` or `moment`. Whatever makes `ended()` true must wake the job.
---@param job connectparticipant.Job
---@param moment? number clock time
---@param ended fun(): boolean
function Loop:await_end(job, moment, ended)
  local task = job.task
  if not task then return step_until(self, job, moment, ended) end
  job.waker = task
  while not ended() and not job:problem() do
    if moment and self.clock.now() >= moment then break end
    task:suspend(moment)
  end
  job.waker = nil
end

local function never()
  return false
end

--- Sleeps while everything else goes on. Ends early if the job must stop.
---@param job connectparticipant.Job
---@param seconds number
function Loop:sleep(job, seconds)
  if seconds > 0 then self:await_end(job, self.clock.now() + seconds, never) end
end

--- Whether the pump has to step this loop.
---@return boolean
function Loop:is_needed()
  return not self.closed and (next(self.alive) ~= nil or next(self.waiting) ~= nil)
end

--- Cancels all exchanges and wakes everything that waits.
function Loop:close()
  if self.closed then return end
  self.closed = true
  self.engine:close()
  for _, waiter in pairs(self.waiting) do waiter:wake() end
  for bell in pairs(self.sleeping) do bell:wake() end
  for job in pairs(self.alive) do job:closed() end
end

---@return connectparticipant.Loop
function loop.new(engine, driver, clock)
  return setmetatable({
    engine = engine,
    driver = driver,
    await_here = driver.alone and await_alone or driver.bell and await_bell or await_directly,
    clock = clock,
    closed = false,
    time = 0,
    stepped = clock.now(),
    next_look = 0,
    tasks = setmetatable({}, { __mode = "kv" }),
    current = setmetatable({}, { __mode = "k" }),
    waiting = setmetatable({}, { __mode = "v" }),
    alive = {},
    sleeping = {},
  }, Loop)
end

return loop
