-- An emulator under stress: it fails one request in five in every way that it has, is stopped, and
-- is killed and restarted over the same directory.
local core = require "connectparticipant.core"
local emulated = require "spec.support.emulated"

local storm = {}
local Storm = {}
Storm.__index = Storm

local ODDS = 0.2

-- The ways of the service and of the object store. What is `after` has been carried out.
local OF_ALL = {
  { action = "reset" }, { action = "reset_after_headers" }, { action = "truncate" },
  { action = "hang", delay = 1 }, { action = "hang", delay = 20 }, { delay = 0.3 },
  { action = "drip", interval = 0.001 },
}
local OF_SERVICE = {
  { status = 500 }, { status = 503, code = "ServiceUnavailable" },
  { status = 429, code = "ThrottlingException", message = "Rate exceeded" },
  { status = 429, code = "ThrottlingException", message = "Rate exceeded", retry_after = 200 },
  { status = 403, code = "AccessDeniedException" }, { status = 400, code = "ValidationException" },
  { status = 302, code = "Found" },
  { after = true, action = "reset" }, { after = true, action = "reset_after_headers" },
  { after = true, action = "truncate" }, { after = true, action = "truncate", bytes = 0 },
  { after = true, action = "drip", interval = 0.001 }, { after = true, status = 500 },
  { after = true, action = "hang", delay = 1 }, { after = true, action = "hang", delay = 20 },
}
local OF_STORE = {
  { status = 500 }, { status = 503, code = "SlowDown" }, { status = 403, code = "AccessDenied" },
  { status = 400, code = "RequestTimeout" }, { status = 307, code = "TemporaryRedirect" },
}
local OF_PUT = {
  { after_body = true, action = "reset" }, { after_body = true, status = 500 },
  { after_body = true, action = "reset_after_headers" },
  { after_body = true, action = "truncate" }, { after_body = true, action = "hang", delay = 1 },
  { after_body = true, action = "hang", delay = 20 },
  { after_body = true, status = 503, code = "SlowDown" },
}

local MENUS = {
  StartAttachmentUpload = { OF_ALL, OF_SERVICE }, CompleteAttachmentUpload = { OF_ALL, OF_SERVICE },
  GetTranscript = { OF_ALL, OF_SERVICE }, GetAttachment = { OF_ALL, OF_SERVICE },
  PutObject = { OF_ALL, OF_STORE, OF_PUT }, GetObject = { OF_ALL, OF_STORE },
}

function storm.begin(directory, dice)
  local self = setmetatable({ dice = dice, directory = directory, ways = 0 }, Storm)
  self:start()
  return self
end

function Storm:start(port)
  self.service = emulated.start { dir = self.directory, port = port, quota = 1000000 }
  self.endpoint = self.service.endpoint
end

-- Each way has the same share; the emulator tries one after the other, each with its own
-- probability.
local function faults_of(operation)
  local list = {}
  for _, menu in ipairs(MENUS[operation]) do
    for _, way in ipairs(menu) do
      local fault = { operation = operation }
      for name, value in pairs(way) do fault[name] = value end
      list[#list + 1] = fault
    end
  end
  local odds = 1 - (1 - ODDS) ^ (1 / #list)
  for _, fault in ipairs(list) do fault.probability = odds end
  return list
end

--- Makes one request in five fail from now on.
function Storm:rage()
  self.ways = 0
  local names = {}
  for operation in pairs(MENUS) do names[#names + 1] = operation end
  table.sort(names)
  for _, operation in ipairs(names) do
    for _, fault in ipairs(faults_of(operation)) do
      fault.seed = self.dice:pick(1000000)
      self.service:fault(fault)
      self.ways = self.ways + 1
    end
  end
end

function Storm:calm()
  self.service:admin("DELETE", "faults")
end

local SIGNAL = "kill -%s $(cat /proc/%d/task/%d/children 2>/dev/null) %d"

local function signal(self, name)
  local pid = self.service.running.pid
  os.execute(SIGNAL:format(name, pid, pid, pid))
end

--- Stops it for so many seconds: it takes connections, and answers nothing.
function Storm:pause(seconds)
  signal(self, "STOP")
  core.sleep(seconds)
  signal(self, "CONT")
end

--- Kills nginx and its worker, and starts them again after so many seconds.
function Storm:kill(seconds)
  local port = self.service.port
  signal(self, "STOP") -- or nginx would replace the worker before it is ended itself
  signal(self, "KILL")
  self.service.running:stop()
  core.sleep(seconds)
  self:start(port)
  self:rage()
end

--- What the emulator knows: the completed attachments by name, each a list.
function Storm:record()
  local by_name = {}
  for _, attachment in ipairs(self.service:admin("GET", "attachments").attachments) do
    if attachment.Status ~= "STARTED" then
      local list = by_name[attachment.AttachmentName] or {}
      list[#list + 1] = attachment
      by_name[attachment.AttachmentName] = list
    end
  end
  return by_name
end

function Storm:stop()
  self.service:stop()
end

return storm
