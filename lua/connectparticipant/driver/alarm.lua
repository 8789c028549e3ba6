-- Tells the pump when an engine's descriptor is readable. nginx's Lua cannot wait for a descriptor
-- that is not a connection of its own, so a thread does, and writes a byte on a connection; a light
-- thread reads it.

local core = require "connectparticipant.core"

---@class connectparticipant.Alarm
---@field private watcher userdata the thread
---@field private socket table nginx's end of the connection
---@field private round integer how many bytes have come, from which no descriptor may be armed
---@field private armed table<connectparticipant.Loop, integer> the round in which it was armed
---@field rang? fun() called when a byte has come, and at the end
---@field over boolean whether the connection has ended
local Alarm = {}
Alarm.__index = Alarm

local alarm = {}

-- Milliseconds to connect; and between two bytes, of which a pump that runs sees many more.
local CONNECTING, READING = 1000, 24 * 3600 * 1000

-- A worker that could not make one once does not try again.
local refused = false

local function connect()
  local watcher, path = core.watcher()
  if not watcher then return nil, path end
  local socket = ngx.socket.tcp()
  socket:settimeouts(CONNECTING, CONNECTING, READING)
  local ok, problem = socket:connect("unix:" .. path)
  if ok then ok, problem = watcher:start() end
  if ok then return watcher, socket end
  watcher:close()
  socket:close()
  return nil, problem
end

--- Makes one, in the request or timer that is to read it; nil where the system has no epoll, or no
--- place for a socket.
---@return connectparticipant.Alarm|nil
function alarm.new()
  if refused then return nil end
  local watcher, socket = connect()
  if not watcher then
    refused = true
    ngx.log(ngx.INFO, "connectparticipant: engines are polled: ", socket)
    return nil
  end
  return setmetatable({
    watcher = watcher, socket = socket, round = 0, armed = setmetatable({}, { __mode = "k" }),
    over = false,
  }, Alarm)
end

--- Reads until the connection ends; runs in a light thread.
function Alarm:listen()
  while self.socket:receive(1) do
    self.round = self.round + 1
    self.rang()
  end
  self.over = true
  self.socket:close()
  self.rang()
end

--- Has it ring when the loop's engine is readable.
---@param loop connectparticipant.Loop
function Alarm:arm(loop)
  if self.armed[loop] == self.round then return end
  self.armed[loop] = self.round
  self.watcher:arm(loop.engine:pollfd())
end

--- Ends it.
function Alarm:close()
  self.watcher:close()
end

return alarm
