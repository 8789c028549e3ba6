--- The emulator inside its nginx worker: created when the worker starts, and called by nginx.conf's
-- locations.

local admin = require "connectparticipant.emulator.admin"
local api = require "connectparticipant.emulator.api"
local attachments = require "connectparticipant.emulator.attachments"
local cjson = require "cjson.safe"
local crypto = require "connectparticipant.emulator.crypto"
local directory = require "connectparticipant.emulator.directory"
local disk = require "connectparticipant.emulator.disk"
local faults = require "connectparticipant.emulator.faults"
local limits = require "connectparticipant.emulator.limits"
local state = require "connectparticipant.emulator.state"
local store = require "connectparticipant.emulator.store"
local ffi = require "ffi"

local server = {}

local LOCK_PATIENCE = 10 -- seconds

ffi.cdef [[
int prctl(int option, unsigned long argument, ...);
unsigned int umask(unsigned int mask);
int kill(int pid, int signal);
int getppid(void);
int usleep(unsigned int microseconds);
void *signal(int number, void *handler);
]]
local PR_SET_PDEATHSIG, SIGKILL, SIGTERM, SIGXFSZ, SIG_IGN = 1, 9, 15, 25, 1

---@class connectparticipant.emulator.Emulator
local Emulator = {}
Emulator.__index = Emulator

--- Where presigned URLs point: at the external store, or at the host and port of this request.
function Emulator:object_store()
  if self.external then return self.external end
  local host = ngx.var.http_host or (ngx.var.server_addr .. ":" .. ngx.var.server_port)
  return { origin = ngx.var.scheme .. "://" .. host, host = host, path = "/object/attachments/" }
end

-- The external S3-compatible store, if one is named. The emulator then only signs URLs, and asks
-- the store what has arrived.
local function external(options)
  if not options.s3_endpoint then return nil end
  local origin = options.s3_endpoint:gsub("/+$", "")
  local scheme, host = origin:match "^(https?)://([^/]+)$"
  if not host then error("--s3-endpoint must be like https://host:port", 0) end
  local address, port = host:match "^(.-):(%d+)$"
  address = address or host
  return {
    origin = origin, host = host, path = "/" .. options.s3_bucket .. "/attachments/",
    address = address == "localhost" and "127.0.0.1" or address, tls = scheme == "https",
    port = tonumber(port) or (scheme == "https" and 443 or 80),
  }
end

-- Random credentials in the form of a role's; those of an external store come from the environment.
local function credentials_of(options)
  local region = options.region or "us-east-1"
  if options.s3_endpoint then
    return {
      access_key = os.getenv "AWS_ACCESS_KEY_ID", secret_key = os.getenv "AWS_SECRET_ACCESS_KEY",
      token = os.getenv "AWS_SESSION_TOKEN", region = region,
    }
  end
  return {
    access_key = "ASIA" .. crypto.identifier():upper(), secret_key = crypto.hex(crypto.random(20)),
    token = crypto.hex(crypto.random(64)), region = region,
  }
end

-- The customer of a chat.
local function customer_of(chat)
  for _, participant in pairs(chat.participants) do
    if participant.role == "CUSTOMER" then return participant end
  end
end

local function tell(emulator, chat)
  local options = emulator.options
  local line = cjson.encode {
    endpoint = options.endpoint, tls_endpoint = options.tls_endpoint, ca_file = options.ca_file,
    participant_token = customer_of(chat).token, view_token = chat.view_token,
    session_id = chat.session_id, contact_id = chat.id, pid = options.pid,
    log_file = options.log_file, directory = emulator.directory,
  }
  line = line:gsub("\\/", "/")
  if not options.json then
    line = ("Amazon Connect Participant Service, emulated\n  endpoint           %s\n"
      .. "  with TLS           %s\n  CA                 %s\n  participant token  %s\n"
      .. "  log                %s\nEnds with Ctrl-C."):format(options.endpoint,
      options.tls_endpoint, options.ca_file, customer_of(chat).token, options.log_file)
  end
  local written = io.stdout:write(line, "\n") and io.stdout:flush()
  if written then return end
  -- The process that waits for this line would wait forever, so stop. By SIGKILL: after SIGTERM
  -- nginx would exit with status 0.
  if not options.keep then directory.remove(options.directory) end
  ffi.C.kill(ffi.C.getppid(), SIGKILL)
end

-- Keeps the credentials, so that presigned URLs stay valid across a restart.
local function keep_credentials(emulator)
  local known = emulator.state
  if emulator.external then return end
  known.data.credentials = known.data.credentials or emulator.credentials
  known:touch "credentials"
  emulator.credentials = known.data.credentials
end

local function new_emulator(options)
  local emulator = setmetatable({
    options = options, directory = options.directory, store = store,
    faults = faults.new(), limits = limits.new(options.rates == "aws", ngx.now),
    extensions = attachments.extensions(options.extensions), organization_id = crypto.uuid(),
    requests = { last = 0 }, completing = {}, external = external(options),
    credentials = credentials_of(options),
  }, Emulator)
  -- Specs move this clock instead of waiting for a URL to expire.
  function emulator.now() return ngx.now() + (options.clock_skew or 0) end
  emulator.state = state.open(options.keep and options.directory or nil, emulator.now,
    function() return options.journal_bytes end)
  if options.keep then
    store.tidy(emulator)
    keep_credentials(emulator)
  end
  return emulator
end

local function first_chat(emulator)
  local data = emulator.state.data
  local chat = data.chats[data.first or ""]
  if not chat or not chat.open then chat = assert(emulator.state:new_chat()) end
  data.first = chat.id
  emulator.state:touch "first"
  emulator.state:flush()
  return chat
end

-- Locks the directory. After a crash of the master its worker may go on writing for a moment, so
-- this waits for the lock.
local function lock(place)
  local path, due = place .. "/lock", ngx.now() + LOCK_PATIENCE
  repeat
    server.lock = disk.lock(path)
    if server.lock then return end
    ffi.C.usleep(10000)
    ngx.update_time()
  until ngx.now() > due
  error("another emulator keeps its state there: " .. place, 0)
end

--- Called in init_worker: opens the state, and prints that it is ready to standard output.
---@param options table completed by emulator/options.lua
function server.start(options)
  -- Without this, the worker would outlive a master that is killed with SIGKILL.
  ffi.C.prctl(PR_SET_PDEATHSIG, SIGTERM)
  -- The master may have been killed before. A worker that exits with 2 is not replaced.
  if ffi.C.getppid() ~= options.pid then os.exit(2) end
  -- Beyond a limit on file sizes (RLIMIT_FSIZE) a write must fail, as on a full disk, not kill us.
  ffi.C.signal(SIGXFSZ, ffi.cast("void *", SIG_IGN))
  -- The state holds tokens and keys: its files are readable by their owner only.
  ffi.C.umask(63)
  server.options = options
  if options.keep then lock(options.directory) end
  local emulator = new_emulator(options)
  local chat = first_chat(emulator)
  server.emulator = emulator
  server.stop_at_exit()
  tell(emulator, chat)
end

--- Calls `stop` when the worker ends: nginx then closes its Lua state, which runs all finalizers.
-- exit_worker_by_lua exists only since ngx_lua 0.10.18.
function server.stop_at_exit()
  server.at_exit = newproxy(true)
  getmetatable(server.at_exit).__gc = server.stop
end

--- Writes the state if it is kept, and otherwise removes the directory.
function server.stop()
  if server.emulator then server.emulator.state:flush() end
  if server.options and not server.options.keep then
    directory.remove(server.options.directory)
  end
  -- A terminal that closes sends SIGHUP, and nginx would replace its worker by one without state.
  if ngx.worker.exiting() then ffi.C.kill(ffi.C.getppid(), SIGTERM) end
end

function server.api() api.handle(server.emulator) end
function server.admin() admin.handle(server.emulator) end
function server.check_put() store.check_put(server.emulator) end
function server.put() store.put(server.emulator) end
function server.get() store.get(server.emulator) end
function server.describe() store.describe(server.emulator) end
function server.record() admin.record(server.emulator) end

--- Refuses requests to the object store that are neither PUT nor GET.
function server.refuse_method()
  store.refuse "MethodNotAllowed"
  return ngx.exit(ngx.HTTP_OK)
end

function server.close() store.close() end

-- Called by error_page for what nginx itself refuses, to answer as S3 and API Gateway do.
function server.refuse_range() store.refuse "InvalidRange" end
function server.refuse_size() api.refuse_size() end

return server
