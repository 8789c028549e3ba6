-- A round-robin scheduler of plain coroutines, with a client for each: what any event loop needs to
-- run this library beside its other work.
--
--   $ AWS_REGION=us-west-2 CONNECT_CONNECTION_TOKEN=... lua5.4 doc/examples/scheduler.lua FILE...
--
-- Needs luasocket, for its clock and its select.
local participant = require "connectparticipant"
local socket = require "socket"

-- A coroutine that waits yields the time at which to resume it, and the engine that it waits for,
-- if any. The scheduler knows nothing else about the library.
local driver = {
  wait = function(engine, seconds) coroutine.yield(socket.gettime() + seconds, engine) end,
  sleep = function(seconds) coroutine.yield(socket.gettime() + seconds) end,
}

-- An object for socket.select, which asks it for the engine's descriptor.
local function selectable(task)
  return { getfd = function() return task.engine:pollfd() end, dirty = function() return false end,
    task = task }
end

local function resume(task)
  local ok, moment, engine = coroutine.resume(task.co)
  if not ok then error(debug.traceback(task.co, tostring(moment)), 0) end
  task.moment, task.engine = moment, engine
  return coroutine.status(task.co) ~= "dead"
end

-- Blocks until one of the tasks can go on, and marks all that can.
local function wait_for_any(tasks)
  local now, soonest, list = socket.gettime(), math.huge, {}
  for _, task in ipairs(tasks) do
    soonest = math.min(soonest, task.moment)
    if task.engine and task.engine:pollfd() then
      list[#list + 1] = selectable(task)
    elseif task.engine then
      soonest = now + 0.001 -- a system without epoll: there is no descriptor, so look often
    end
  end
  for _, ready in ipairs((socket.select(list, nil, math.max(0, soonest - now)))) do
    ready.task.moment = 0
  end
end

local function run(tasks)
  while #tasks > 0 do
    local now, left = socket.gettime(), {}
    for _, task in ipairs(tasks) do
      local goes_on = true
      if task.moment <= now then goes_on = resume(task) end
      if goes_on then left[#left + 1] = task end
    end
    tasks = left
    if #tasks > 0 then wait_for_any(tasks) end
  end
end

local tasks, failed = {}, 0
for index, path in ipairs(arg) do
  local co = coroutine.create(function()
    local client = participant.new { driver = driver }
    local attachment, err = client:upload_attachment {
      ConnectionToken = os.getenv "CONNECT_CONNECTION_TOKEN", path = path,
    }
    client:close()
    if not attachment then failed = failed + 1 end
    print(attachment and attachment.AttachmentId or tostring(err), path)
  end)
  tasks[index] = { co = co, moment = 0 }
end
run(tasks)
os.exit(failed == 0 and 0 or 1)
