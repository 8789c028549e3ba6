--- Plain tables that outlive a crash: every change is a line of a file, on the disk before the
-- request that made it is answered. The first line holds everything, as it was when the file was
-- written anew.
--
-- A line is a JSON list of pairs: the path of what has changed, and its new value, null when it is
-- gone. All that several requests have changed goes in one line and with one fsync.

local cjson = require "cjson.safe"
local disk = require "connectparticipant.emulator.disk"

local journal = {}

local PATIENCE = 60 -- seconds

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

-- Applies every whole line; gives the size of all of them. What follows was being written when the
-- process was killed, and has never been answered. The first line cannot be such: it came with the
-- file.
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
  -- A write that fails must leave nothing behind in a buffer, to be written later.
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

-- Writes a file with everything in one line, and puts it in the old one's place.
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

-- What nobody needs any more is removed after the record has gone.
local function remove_discarded(self)
  local list = self.discarded
  self.discarded = {}
  for _, path in ipairs(list) do os.remove(path) end
end

-- The names of files have to be on the disk before the line that tells of them.
local function sync_directories(self)
  for path in pairs(self.directories) do
    local synced, problem = disk.sync_directory(path)
    if not synced then return nil, problem end
    self.directories[path] = nil
  end
  return true
end

--- Writes what has changed, without waiting for others.
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

--- Notes that a directory has new names, which the next line may tell of.
function Journal:named_in(path)
  self.directories[path] = true
end

--- Removes a file as soon as what is on the disk does not name it any more.
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

--- Waits until all that has been changed so far is on the disk, also by others, whose changes an
-- answer may show.
---@param prepare? fun(): boolean|nil, string|nil is done first, with the others' in one go
---@return boolean|nil
---@return string|nil problem
function Journal:commit(prepare)
  local turn = self.turn
  if self.clean and not prepare and not turn then return true end
  if not turn then
    turn = { count = 0, prepared = {}, done = require("ngx.semaphore").new(0) }
    self.turn = turn
    -- By the time of the timer, all requests that are ready have taken their part.
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
