-- Tasks in nginx: each is a light thread of its own, so that a caller's function may wait for
-- anything (a cosocket, ngx.sleep, another client) while the other tasks go on. It offers what
-- run/scheduler.lua does, but nginx resumes the tasks, and the pump steps the engine.

local running = coroutine.running

local threads = {}

-- Seconds that cancelled tasks get to return errors of their own.
local LAST_WORDS = 0.05

-- Seconds after which a waiting task re-checks its condition, even if nothing has woken it.
local LONGEST_WAIT = 1

---@class connectparticipant.ThreadTask: connectparticipant.Task
---@field scheduler connectparticipant.Threads
---@field thread? thread the light thread
---@field parent? thread the coroutine that made it: nginx lets no other end it
---@field scene? table what it works for; nginx reuses the coroutines that it has killed
local Task = {}
Task.__index = Task

---@class connectparticipant.Threads
---@field loop connectparticipant.Loop
---@field owner connectparticipant.Job the job whose coroutine waits for the tasks
local Threads = {}
Threads.__index = Threads

--- Whether the loop's driver has light threads, and bells to wake them.
---@param loop connectparticipant.Loop
---@return boolean
function threads.serves(loop)
  return loop.driver.spawn ~= nil and loop:bell() ~= nil
end

---@param loop connectparticipant.Loop
---@param owner connectparticipant.Job
---@return connectparticipant.Threads
function threads.new(loop, owner)
  return setmetatable({ loop = loop, owner = owner }, Threads)
end

---@return connectparticipant.ThreadTask
function Threads:task(fn, ended, job)
  local loop = self.loop
  return setmetatable({
    scheduler = self, fn = fn, ended = ended, outer = job, bell = loop:bell(),
    scene = loop.driver.scene(),
  }, Task)
end

-- What a light thread does. A function that raised is called again if its owner wants that.
local function live(task)
  local loop, co = task.scheduler.loop, running()
  local trace
  local function handler(problem)
    trace = debug.traceback("", 2)
    return problem
  end
  loop.tasks[co], loop.current[co], task.co = task, task.outer, co
  loop.sleeping[task.bell] = true
  repeat
    local ok, problem = xpcall(task.fn, handler, task)
    loop.current[co] = task.outer
  until task.finished or not task:ended(ok, problem, trace)
  task.finished = true
  task:forget()
end

-- Takes it out of the loop.
function Task:forget()
  local loop, co = self.scheduler.loop, self.co
  loop.sleeping[self.bell] = nil
  if loop.tasks[co] == self then loop.tasks[co], loop.current[co] = nil, nil end
end

--- Begins the light thread, which runs at once, up to its first wait.
function Task:start()
  self.parent = running()
  self.thread = self.scheduler.loop.driver.spawn(function() return live(self) end)
end

--- Ends its wait.
function Task:wake()
  if not self.finished then self.bell:wake() end
end

--- Waits until it is woken, or until `moment`; perhaps not as long.
---@param moment? number clock time
function Task:suspend(moment)
  local loop = self.scheduler.loop
  local left = moment and moment - loop.clock.now() or LONGEST_WAIT
  loop.driver.attend(loop)
  if left > 0 then self.bell:wait(left < LONGEST_WAIT and left or LONGEST_WAIT) end
end

--- A wait that was left by an error leaves nothing behind here.
function Task.forget_wait() end

--- Ends the task for good and releases its jobs. A light thread that waits for something of the
--- caller's is killed by the coroutine that made it. Called from elsewhere (by the pump, say), the
--- task ends by itself: its calls fail.
function Task:drop()
  if self.finished then return self:reap() end
  self.finished = true
  local job = self.job
  while job and job.task == self do
    job:release()
    job = job.outer
  end
  if self:reap() then return end
  -- nginx may have killed it, and then nothing of it would take its bell out of the loop.
  self.scheduler.loop.sleeping[self.bell] = nil
  self.bell:wake()
end

--- Ends the light thread, or frees the one that has ended: nginx keeps it for its parent. False if
--- only another coroutine may.
---@return boolean
function Task:reap()
  local thread = self.thread
  if not thread or self.parent ~= running() then return false end
  self.thread = nil
  self.scheduler.loop.driver.kill(thread)
  self:forget()
  return true
end

--- Waits in the owner's coroutine until `ended()`.
function Threads:drive(_, ended)
  local job = self.owner
  self.loop:await_end(job, job.deadline, ended)
end

--- Lets the tasks that were woken return what they have to say.
---@param group connectparticipant.Group
function Threads:finish(group)
  local clock = self.loop.clock
  local due, bell = clock.now() + LAST_WORDS, self.loop:bell()
  group.job.waker = bell
  while group.running > 0 and clock.now() < due do bell:wait(due - clock.now()) end
  group.job.waker = nil
end

return threads
