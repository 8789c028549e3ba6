-- The clients of a chaos run: one after the other, each for what the ones before did not do, and
-- what they told.
local cjson = require "cjson"
local core = require "connectparticipant.core"
local files = require "spec.support.files"
local process = require "spec.support.process"

local crew = {}
local Crew = {}
Crew.__index = Crew

local PATIENCE = 180 -- seconds without a word after which a client hangs

--- `run`: directory, seed, endpoint, tokens, and ids of downloads.
function crew.new(run)
  return setmetatable({ run = run, generation = 0, told = {}, ends = {}, killed = 0 }, Crew)
end

local function write_order(self, list)
  local run = self.run
  local order = { generation = self.generation, list = list, seed = run.seed, ids = run.ids,
    endpoint = run.endpoint, tokens = run.tokens, noise = run.directory .. "/noise",
    work = run.directory .. "/work", download = run.ids ~= nil, journal = self.journal }
  local path = run.directory .. "/order.json"
  local file = assert(io.open(path, "wb"))
  file:write(cjson.encode(order))
  file:close()
  return path
end

--- Starts a client for these files.
function Crew:begin(list)
  local run = self.run
  self.generation = self.generation + 1
  self.journal = ("%s/%s-%d"):format(run.directory, run.ids and "down" or "up", self.generation)
  local order = write_order(self, list)
  local words = ("echo $$; CHAOS_ORDER=%s TMPDIR=%s exec %s spec/chaos/client.lua"):format(
    process.quote(order), process.quote(run.directory .. "/tmp"), process.quote(process.lua))
  self.pipe = io.popen(words)
  self.pid = tonumber(self.pipe:read "*l")
  self.at, self.rest, self.seen, self.heard = 0, "", 0, core.now()
  self.current = { generation = self.generation, begun = {}, results = {} }
  self.told[self.generation] = self.current
end

local function take(self, line)
  local entry, current = cjson.decode(line), self.current
  if entry.begun then
    current.begun[entry.begun] = true
  elseif entry.over then
    current.over = entry
  else
    current.results[entry.index] = entry
    self.seen = self.seen + 1
  end
end

--- Reads what the client has told since; raises when it is silent for too long.
function Crew:listen()
  local file = io.open(self.journal, "rb")
  if not file then return end
  file:seek("set", self.at)
  local text = file:read "*a"
  file:close()
  self.at, self.rest = self.at + #text, self.rest .. text
  if text ~= "" then self.heard = core.now() end
  self.rest = self.rest:gsub("([^\n]*)\n", function(line)
    take(self, line)
    return ""
  end)
  assert(core.now() - self.heard < PATIENCE, "a client hangs")
end

-- Whether the process has ended; nobody has waited for it yet.
local function is_over(self)
  local stat = files.read(("/proc/%d/stat"):format(self.pid))
  return not stat or stat:match "%) (%a)" == "Z"
end

--- Ends the client: waits for it, or kills it.
function Crew:finish(kill)
  if kill then
    os.execute("kill -9 " .. self.pid)
    self.killed, self.current.killed = self.killed + 1, true
  end
  self.pipe:read "*a"
  self.pipe:close()
  self:listen()
  assert(kill or self.current.over, "a client has crashed")
end

--- Listens until so many files have ended in this client; false when it has ended before.
function Crew:reach(count)
  while self.seen < count do
    if is_over(self) then
      self:listen()
      return false
    end
    core.sleep(0.02)
    self:listen()
  end
  return true
end

return crew
