--- The emulator inside its nginx: made once by the worker, then asked by every location.

local admin = require "connectparticipant.emulator.admin"
local api = require "connectparticipant.emulator.api"
local cjson = require "cjson.safe"
local crypto = require "connectparticipant.emulator.crypto"
local faults = require "connectparticipant.emulator.faults"
local limits = require "connectparticipant.emulator.limits"
local state = require "connectparticipant.emulator.state"
local store = require "connectparticipant.emulator.store"
local ffi = require "ffi"

local server = {}

local SAVE_EVERY = 1 -- seconds

ffi.cdef "int prctl(int option, unsigned long argument, ...);"
local PR_SET_PDEATHSIG, SIGTERM = 1, 15

---@class connectparticipant.emulator.Emulator
local Emulator = {}
Emulator.__index = Emulator

--- Where the objects are, as a client sees them: at the address by which it came.
function Emulator:object_store()
  if self.external then return self.external end
  local host = ngx.var.http_host or (ngx.var.server_addr .. ":" .. ngx.var.server_port)
  return { origin = ngx.var.scheme .. "://" .. host, host = host, path = "/object/attachments/" }
end

local function set(names)
  if not names then return nil end
  local found = {}
  for name in names:gmatch("[^,%s]+") do found[name:lower()] = true end
  return found
end

-- A real S3-compatible store: the emulator then only signs.
local function external(options)
  if not options.s3_endpoint then return nil end
  local origin = options.s3_endpoint:gsub("/+$", "")
  return {
    origin = origin, host = origin:match("^%a+://([^/]+)"),
    path = "/" .. options.s3_bucket .. "/attachments/",
  }
end

local function tell(emulator, chat)
  local options = emulator.options
  local line = cjson.encode {
    endpoint = options.endpoint, tls_endpoint = options.tls_endpoint, ca_file = options.ca_file,
    participant_token = chat.participant_token, view_token = chat.view_token,
    session_id = chat.session_id, contact_id = chat.id, pid = options.pid,
    log_file = options.log_file, directory = emulator.directory,
  }
  line = line:gsub("\\/", "/")
  if not options.json then
    line = ("Amazon Connect Participant Service, emulated\n  endpoint           %s\n"
      .. "  with TLS           %s\n  CA                 %s\n  participant token  %s\n"
      .. "  log                %s\nEnds with Ctrl-C."):format(options.endpoint,
      options.tls_endpoint, options.ca_file, chat.participant_token, options.log_file)
  end
  io.stdout:write(line, "\n")
  io.stdout:flush()
end

--- Called by init_worker: reads the options, opens the state, and says that it is ready.
function server.start(path)
  -- A worker would outlive a master that is killed.
  ffi.C.prctl(PR_SET_PDEATHSIG, SIGTERM)
  local file = assert(io.open(path))
  local options = assert(cjson.decode(file:read "*a"))
  file:close()
  local emulator = setmetatable({
    options = options, directory = options.directory, store = store,
    faults = faults.new(), limits = limits.new(options.rates == "aws", ngx.now),
    extensions = set(options.extensions), organization_id = crypto.uuid(),
    requests = { last = 0 }, external = external(options),
    credentials = {
      access_key = options.access_key or "ASIA" .. crypto.hex(crypto.random(8)):upper(),
      secret_key = options.secret_key or crypto.hex(crypto.random(20)),
      region = options.region or "us-east-1", token = options.session_token,
    },
  }, Emulator)
  -- Specs move this clock, where they would otherwise wait for a URL to end.
  function emulator.now() return ngx.now() + (options.clock_skew or 0) end
  local kept = options.keep and options.directory .. "/state.json" or nil
  emulator.state = state.open(kept, emulator.now)
  if kept then
    -- Presigned URLs must outlive a restart.
    local data = emulator.state.data
    data.credentials = data.credentials or emulator.credentials
    emulator.credentials = data.credentials
    ngx.timer.every(SAVE_EVERY, function() emulator.state:save() end)
  end
  local data = emulator.state.data
  local chat = data.first and data.chats[data.first] or emulator.state:new_chat()
  data.first = chat.id
  server.emulator = emulator
  tell(emulator, chat)
end

--- Called by exit_worker.
function server.stop()
  local emulator = server.emulator
  if not emulator then return end
  emulator.state:save()
  if not emulator.options.keep then
    os.execute(("rm -rf '%s'"):format(emulator.directory:gsub("'", "'\\''")))
  end
end

function server.api() api.handle(server.emulator) end
function server.admin() admin.handle(server.emulator) end
function server.check_put() store.check_put(server.emulator) end
function server.put() store.put(server.emulator) end
function server.get() store.get(server.emulator) end
function server.describe() store.describe(server.emulator) end
function server.record() admin.record(server.emulator) end

--- Requests to the object store that are neither PUT nor GET.
function server.refuse_method()
  require("connectparticipant.emulator.answer").s3_error {
    status = 405, code = "MethodNotAllowed",
    message = "The specified method is not allowed against this resource.",
  }
end

return server
