-- A value in nginx's shared dictionary that one worker at a time changes. What it contains, and
-- what to do if the dictionary fails, is up to the caller.

local core = require "connectparticipant.core"

local value = {}

-- A change takes microseconds, so spinning gets the lock unless the kernel has descheduled its
-- holder: hence a nap after this many tries. A worker that has not got it after this many seconds
-- goes on without.
local TRIES, NAP, PATIENCE = 100, 0.0002, 1

-- The lock of a worker that died expires after this many seconds. A worker that was stopped for
-- half as long does not write, since another may hold the lock by then.
local LOCKED = 2

---@class connectparticipant.SharedValue
---@field dict table
---@field key string
---@field lock string
---@field seconds number after which it is forgotten, if it was not changed; 0 for never
---@field update_time fun()
---@field since? number when the lock was taken
local Value = {}
Value.__index = Value

---@param dict table nginx's
---@param key string
---@param seconds? number after which it is forgotten, if it was not changed
---@param update_time fun() nginx's
---@return connectparticipant.SharedValue
function value.new(dict, key, seconds, update_time)
  return setmetatable({
    dict = dict, key = key, lock = key .. " lock", seconds = seconds or 0,
    update_time = update_time,
  }, Value)
end

--- What is there now; nil when nothing is.
---@return any
function Value:get()
  return (self.dict:get(self.key))
end

-- Takes the lock. Its holder never yields, so it is free again soon.
local function acquire(self)
  local began, tries = core.now(), 0
  repeat
    -- The dictionary uses nginx's cached time, which stands still while a worker is busy.
    if tries % TRIES == 0 then self.update_time() end
    local added, problem = self.dict:add(self.lock, true, LOCKED)
    self.since, tries = core.now(), tries + 1
    if added then return true end
    if problem ~= "exists" then return false end
    if tries % TRIES == 0 then core.sleep(NAP) end
  until self.since - began >= PATIENCE
  return false
end

-- Writes the new content, if any, and releases the lock.
local function release(self, content)
  if core.now() - self.since >= LOCKED / 2 then return false end
  local written = content == nil or self.dict:set(self.key, content, self.seconds)
  self.dict:delete(self.lock)
  return written and true or false
end

--- Replaces the content by what `change(content, ...)` gives first, if that is not nil. Returns
--- what it gives second and third. `change` must neither yield nor raise.
---@param change fun(content: any, ...: any): string|number|nil, any, any
---@return boolean changed false where the dictionary fails
---@return any
---@return any
function Value:change(change, ...)
  if not acquire(self) then return false end
  local content, first, second = change(self:get(), ...)
  if not release(self, content) then return false end
  return true, first, second
end

return value
