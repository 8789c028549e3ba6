--- Keeps plain tables across crashes. Every change is appended to a file and synced before the
-- request that made it is answered. The first line of the file is a snapshot of everything.
--
-- A line is a JSON list of pairs: a path in the tables, and the new value there, null when it was
-- removed. The changes of all requests that are waiting make one line and one fsync.

local cjson = require "cjson.safe"
local disk = require "connectparticipant.emulator.disk"
local found, semaphore = pcall(require, "ngx.semaphore")
if not found then semaphore = nil end

local journal = {}

local PATIENCE = 60 -- seconds to wait for other requests' fsync

---@class connectparticipant.emulator.Journal
---@field data table what is kept
local Journal = {}
Journal.__index = Journal

local function apply(self, pair)
  local path, value = pair[1], pair[2]
  if value == cjson.null then value = nil end
  local at, name = self, "data"
  for _, key in ipairs(path) do
    at, name = at[name], key
  end
  at[name] = value
end

local function replay_line(self, line)
  local pairs_of_line = cjson.decode(line)
  if type(pairs_of_line) ~= "table" then return false end
  return (pcall(function()
    for _, pair in ipairs(pairs_of_line) do apply(self, pair) end
  end))
end

-- Applies every complete line, and returns the size of all of them. An incomplete last line was
-- being written at a crash: its requests were never answered, so it is ignored. The first line is
-- always complete, since the file is renamed into place together with it.
local function replay(self, text)
  local at, number = 1, 0
  while true do
    local stop = text:find("\n", at, true)
    number = number + 1
    if not stop and (number > 1 or text == "") then return at - 1 end
    stop = stop or #text
    if not replay_line(self, text:sub(at, stop - 1)) then
      if stop == #text and number > 1 then return at - 1 end
      error(("%s is not the emulator's state: line %d is broken"):format(self.path, number), 0)
    end
    at = stop + 1
  end
end

local function read(path)
  local file = io.open(path, "rb")
  if not file then return "" end
  local text = file:read "*a"
  file:close()
  return text or ""
end

local function open_file(self)
  local file, problem = io.open(self.path, "ab")
  if not file then return nil, problem end
  -- Unbuffered, so that a failed write leaves nothing in a buffer that would be written later.
  file:setvbuf "no"
  self.file = file
  return true
end

--- Notes that the value at a path of `data` has changed; `commit` writes it as it is then.
function Journal:touch(...)
  local node, count = self.dirty, select("#", ...)
  for index = 1, count - 1 do
    local key = select(index, ...)
    if node[key] == true then return end
    node[key] = node[key] or {}
    node = node[key]
  end
  node[select(count, ...)] = true
  self.clean = false
end

local function collect(node, value, path, out)
  if node == true then
    if value == nil then value = cjson.null end
    out[#out + 1] = { { unpack(path) }, value }
    return
  end
  for key, child in pairs(node) do
    path[#path + 1] = key
    collect(child, type(value) == "table" and value[key] or nil, path, out)
    path[#path] = nil
  end
end

local function append(self, line)
  local written, problem = self.file:write(line)
  if written then written, problem = disk.sync(self.file) end
  if written then
    self.size = self.size + #line
    return true
  end
  disk.cut(self.file, self.size)
  return nil, problem
end

-- Replaces the file by one whose only line is a snapshot.
local function write_anew(self)
  local line = assert(cjson.encode { { {}, self.data } }) .. "\n"
  local file, problem = io.open(self.path .. ".new", "wb")
  local done = file
  if done then done, problem = file:write(line) end
  if done then done, problem = disk.sync(file) end
  if file then file:close() end
  if done then done, problem = os.rename(self.path .. ".new", self.path) end
  if done then done, problem = disk.sync_directory(self.directory) end
  if not done then return nil, problem end
  if self.file then self.file:close() end
  self.size, self.whole = #line, #line
  return open_file(self)
end

-- Removes the files that the lines on the disk no longer name.
local function remove_discarded(self)
  local list = self.discarded
  self.discarded = {}
  for _, path in ipairs(list) do os.remove(path) end
end

-- A file's name must be on the disk before the line that mentions it.
local function sync_directories(self)
  for path in pairs(self.directories) do
    local synced, problem = disk.sync_directory(path)
    if not synced then return nil, problem end
    self.directories[path] = nil
  end
  return true
end

--- Writes and syncs all changes at once.
---@return boolean|nil
---@return string|nil problem
function Journal:flush()
  if self.clean then return true end
  local out = {}
  collect(self.dirty, self.data, {}, out)
  local line, problem = cjson.encode(out)
  local done = line
  if done then done, problem = sync_directories(self) end
  if done then done, problem = append(self, line .. "\n") end
  if not done then return nil, tostring(problem) end
  self.dirty, self.clean = {}, true
  remove_discarded(self)
  if self.size > math.max(self.bytes(), 2 * self.whole) then
    local written, reason = write_anew(self)
    if not written then ngx.log(ngx.ERR, "the state cannot be written anew: ", reason) end
  end
  return true
end

--- Notes that a file was renamed into a directory, to be synced before the next line.
function Journal:named_in(path)
  self.directories[path] = true
end

--- Removes a file after the next line is on the disk, which no longer mentions it.
function Journal:discard(path)
  self.discarded[#self.discarded + 1] = path
end

local function run(self, turn)
  self.turn = nil
  local results = {}
  for index, prepare in pairs(turn.prepared) do
    local ok, done, problem = pcall(prepare)
    if not ok then done, problem = nil, done end
    results[index] = { done, problem }
  end
  local written, problem = self:flush()
  for index = 1, turn.count do
    if not written then results[index] = { nil, problem } end
  end
  turn.results = results
  turn.done:post(turn.count)
end

-- Without lua-resty-core there are no semaphores, so requests cannot share one fsync.
local function commit_alone(self, prepare)
  local turn = { count = 1, prepared = { prepare }, done = { post = function() end } }
  run(self, turn)
  local result = turn.results[1] or { true }
  return result[1], result[2]
end

--- Waits until all changes so far are on the disk, including those of other requests, which an
-- answer may show.
---@param prepare? fun(): boolean|nil, string|nil called before the line is written
---@return boolean|nil
---@return string|nil problem
function Journal:commit(prepare)
  local turn = self.turn
  if self.clean and not prepare and not turn then return true end
  if not semaphore then return commit_alone(self, prepare) end
  if not turn then
    turn = { count = 0, prepared = {}, done = semaphore.new(0) }
    self.turn = turn
    -- The timer runs after all requests that are ready now, so they share its fsync.
    if not ngx.timer.at(0, function() run(self, turn) end) then self.turn = nil end
  end
  turn.count = turn.count + 1
  local index = turn.count
  turn.prepared[index] = prepare
  if self.turn ~= turn then run(self, turn) end
  local waited, problem = turn.done:wait(PATIENCE)
  if not waited then return nil, problem end
  local result = turn.results[index] or { true }
  return result[1], result[2]
end

--- Reads the file, or begins one.
---@param directory string
---@param bytes fun(): integer from which size on the file is written anew
---@return connectparticipant.emulator.Journal
function journal.open(directory, bytes)
  local self = setmetatable({
    directory = directory, path = directory .. "/state.journal", bytes = bytes, dirty = {},
    clean = true, directories = {}, discarded = {}, whole = 0,
  }, Journal)
  local text = read(self.path)
  self.size = replay(self, text)
  if self.size == 0 then
    self.data = { chats = {}, tokens = {}, attachments = {} }
    assert(write_anew(self))
  else
    self.whole = text:find("\n", 1, true)
    assert(open_file(self))
    if self.size < #text then assert(disk.cut(self.file, self.size)) end
  end
  return self
end

return journal
