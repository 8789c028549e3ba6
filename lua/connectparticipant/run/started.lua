-- The result of `client:start`: a call to be awaited later. Each runs in a coroutine of its own: in
-- nginx a light thread; elsewhere a task, which is resumed whenever something waits for the client.

local job_of = require "connectparticipant.run.job"
local loop_of = require "connectparticipant.run.loop"
local scheduler = require "connectparticipant.run.scheduler"

---@class connectparticipant.Started
---@field private job connectparticipant.Job
---@field private done? boolean
---@field private waiters table<table, true>
local Started = {}
Started.__index = Started
Started.__name = "connectparticipant.job"

local started = {}

function Started:__tostring()
  return self.done and "connectparticipant.job (done)" or "connectparticipant.job"
end

-- Stores the outcome and wakes the waiters.
local function conclude(self, result, err)
  if self.done then return end
  self.done, self.result, self.err = true, result, err
  self.job.loop.alive[self.job] = nil
  for waiter in pairs(self.waiters) do
    if waiter.waker then waiter.waker:wake() end
  end
end

local function run(job, method, params)
  return job_of.run_new(job, function() return job.client[method](job.client, params) end)
end

local function in_background(self, method, params)
  local job = self.job
  local the_loop = job.loop
  the_loop.background = the_loop.background or scheduler.new(the_loop)
  job.driven = true
  job.task = the_loop.background:task(function()
    conclude(self, run(job, method, params))
  end, function(_, ok, problem, traceback)
    if not ok then conclude(self, nil, job_of.raised(problem, traceback)) end
  end)
  job.task:start()
end

local function in_light_thread(self, method, params)
  self.job.loop.driver.spawn(function()
    local ok, result, err = pcall(run, self.job, method, params)
    if ok then return conclude(self, result, err) end
    conclude(self, nil, job_of.raised(result))
  end)
end

--- Starts a call without waiting for it.
---@param client table
---@param method string the client's method
---@param params table
---@return connectparticipant.Started
function started.new(client, method, params)
  local self = setmetatable({
    job = job_of.new(client), waiters = setmetatable({}, { __mode = "k" }),
  }, Started)
  self.job.left_behind = function(err) conclude(self, nil, err) end
  local begin = client.loop.driver.spawn and in_light_thread or in_background
  begin(self, method, params)
  return self
end

-- Stands in for a job in the loop while something waits for a started one.
local Waiter = {}
Waiter.__index = Waiter

function Waiter:problem()
  return self.loop.closed or self.outer and self.outer:problem()
end

local function new_waiter(the_loop)
  local key = loop_of.coroutine()
  local outer = the_loop:innermost(key)
  return setmetatable({
    loop = the_loop, task = the_loop:task(key), outer = outer, root = outer and outer.root or {},
  }, Waiter)
end

local function wait(self, seconds)
  local the_loop, now = self.job.loop, self.job.clock.now()
  local waiter = new_waiter(the_loop)
  local outer = waiter.outer and waiter.outer.deadline or math.huge
  local moment = math.min(seconds and now + seconds or math.huge, outer)
  self.waiters[waiter] = true
  the_loop:await_end(waiter, moment < math.huge and moment or nil, function() return self.done end)
  self.waiters[waiter] = nil
end

--- Waits for it.
---@param seconds? number at most this long; default: until it is done
---@return boolean done
---@return any result what the method returns
---@return connectparticipant.Error|nil err
function Started:wait(seconds)
  local the_loop = self.job.loop
  if not self.done and not the_loop.closed then wait(self, seconds) end
  if not self.done and the_loop.closed then conclude(self, nil, self.job:problem()) end
  if self.done then return true, self.result, self.err end
  return false
end

--- Cancels it; harmless if it is done.
function Started:cancel()
  if not self.done then self.job:cancel "the job was cancelled" end
end

--- How far its transfer is; nothing if it has none yet.
---@return number|nil moved bytes
---@return number|nil total bytes
function Started:progress()
  local moved, total, at = nil, nil, self.job
  while at do
    if at.told then at.told:measure() end
    if at.total then moved, total = at.moved, at.total end
    at = at.inner
  end
  return moved, total
end

---@return boolean
function Started:is_done()
  return self.done == true
end

return started
