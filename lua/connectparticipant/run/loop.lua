-- One engine and the coroutines that wait for it: who waits, how, and who is woken. Knows nothing
-- of AWS or of what is sent.

local running, yield = coroutine.running, coroutine.yield
local isyieldable = rawget(coroutine, "isyieldable") -- Lua 5.1 and 5.2 have none

---@class connectparticipant.Loop
---@field engine userdata
---@field driver table
---@field clock table `now()` in monotonic seconds
---@field closed boolean
---@field tasks table<thread, table>
---@field waiting table<number, table> exchanges to what is woken when they need their caller
local Loop = {}
Loop.__index = Loop

local loop = {}

-- Nobody is told when a client is closed: sleepers look after so long, in seconds.
local LONGEST_SLEEP = 1

--- What a task yields when it waits; anything else that it yields belongs to the host.
loop.WAITS = setmetatable({}, { __name = "connectparticipant.waits" })

---@return connectparticipant.Loop
function loop.new(engine, driver, clock)
  return setmetatable({
    engine = engine,
    driver = driver,
    clock = clock,
    closed = false,
    -- Tasks belong to the map that runs them: when it is abandoned, nothing here keeps them.
    tasks = setmetatable({}, { __mode = "kv" }),
    waiting = setmetatable({}, { __mode = "v" }),
  }, Loop)
end

--- The task that the current coroutine is, if it is one and may yield here.
function Loop:task()
  local co = running()
  local task = co and self.tasks[co]
  if task and isyieldable and not isyieldable() then return nil end
  return task
end

--- Moves everything that can move, and wakes the tasks that waited for it.
---@return integer active how many exchanges are under way
---@return boolean moved
function Loop:step()
  if self.closed then return 0, true end
  local engine, waiting = self.engine, self.waiting
  local active, moved = engine:step()
  local id = engine:ready()
  while id do
    local waiter = waiting[id]
    if waiter then
      waiting[id] = nil
      waiter:wake()
    end
    id = engine:ready()
  end
  return active, moved
end

--- What ends a pause early, where somebody else moves the engine meanwhile; nil elsewhere.
function Loop:bell()
  return self.driver.bell and self.driver.bell()
end

--- Waits for the engine, or just sleeps when nothing is under way in it.
---@param active integer as `step` said
---@param seconds number at most this long
---@param idle integer how many pauses in a row saw nothing move
---@param bell? table rung by whoever moves what is waited for
function Loop:pause(active, seconds, idle, bell)
  local driver = self.driver
  if seconds <= 0 then return end
  if active == 0 then return driver.sleep(math.min(seconds, LONGEST_SLEEP)) end
  if seconds > driver.longest then seconds = driver.longest end
  if bell and driver.pump(self) then return bell:wait(seconds) end
  return driver.wait(self.engine, seconds, idle)
end

local function await_directly(self, exchange, moment)
  local idle, id, bell = 0, exchange:id(), nil
  while true do
    local active, moved = self:step()
    if exchange:state() ~= "run" then break end
    local left = moment and moment - self.clock.now() or math.huge
    if left <= 0 then break end
    idle = moved and 0 or idle + 1
    bell = bell or self:bell()
    if bell then self.waiting[id] = bell end
    self:pause(active, left, idle, bell)
  end
  if bell then self.waiting[id] = nil end
end

--- Waits until an exchange that runs is done or wants something, or the moment has come.
---@param task? table the task to suspend; nil waits here and now, whatever coroutine this is
---@param exchange userdata
---@param moment? number of the clock
function Loop:await(task, exchange, moment)
  if not task then return await_directly(self, exchange, moment) end
  local id = exchange:id()
  self.waiting[id] = task
  if moment then task:sleep_until(moment) end
  yield(loop.WAITS)
  self.waiting[id] = nil
end

--- Lets the time pass, while everything else goes on. Ends early when the client is closed.
---@param task? table as for `await`
---@param seconds number
function Loop:sleep(task, seconds)
  local now = self.clock.now
  local moment, idle = now() + seconds, 0
  while not self.closed and now() < moment do
    if task then
      task:sleep_until(moment)
      yield(loop.WAITS)
    else
      local active, moved = self:step()
      idle = moved and 0 or idle + 1
      self:pause(active, moment - now(), idle)
    end
  end
end

--- Ends everything that is under way; whoever waits finds it cancelled.
function Loop:close()
  if self.closed then return end
  self.closed = true
  self.engine:close()
end

return loop
