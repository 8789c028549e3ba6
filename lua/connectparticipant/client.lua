--- A client: its configuration, its engine, and one method an operation. Flows over several
-- operations live in modules of their own.

local attempt = require "connectparticipant.attempt"
local config = require "connectparticipant.config"
local core = require "connectparticipant.core"
local many = require "connectparticipant.many"
local options_of = require "connectparticipant.options"
local pace = require "connectparticipant.pace"
local retry = require "connectparticipant.retry"

---@class connectparticipant.Client
local Client = {}
Client.__index = Client
Client.__name = "connectparticipant.client"

-- The longest wait at a time; nothing depends on it but how soon a clock is looked at again.
local LONGEST_WAIT = 1
local TICK = 0.05

local CLOCK = { now = core.now, time = core.time, random = core.random }

--- Makes a client. Does no I/O, and reads no environment, before the first call.
---@param given? connectparticipant.Options
---@param clock? { now: function, time: function, random: function }
---@return connectparticipant.Client
function Client.new(given, clock)
  given = given or {}
  options_of.check(given)
  local copy = {}
  for name, value in pairs(given) do copy[name] = value end
  clock = clock or CLOCK
  return setmetatable({
    options = copy, clock = clock, engine = core.engine(), quota = retry.quota(),
    pace = pace.new(clock.now), parked = {},
  }, Client)
end

--- Ends what is under way, and closes all connections. May be called again.
function Client:close()
  if self.closed then return end
  self.closed = true
  self.engine:close()
end

-- Lua 5.4 closes a client that a variable with <close> holds; tables have no __gc on Lua 5.1, so
-- there, as everywhere, the engine's userdata closes its connections when it is collected.
Client.__close = Client.close
Client.__gc = Client.close

function Client:__tostring()
  return self.closed and "connectparticipant.client (closed)" or "connectparticipant.client"
end

-- The configuration is settled at the first call, and kept.
local function configure(self)
  local resolved, problem = config.resolve(self.options)
  if not resolved then
    return nil, core.new_error {
      kind = "configuration", code = "InvalidConfiguration", message = problem,
    }
  end
  local settings, err = core.settings {
    region = resolved.region, endpoint = resolved.endpoint, use_fips = resolved.use_fips,
    use_dualstack = resolved.use_dualstack, ca_file = resolved.ca_file, proxy = resolved.proxy,
    connect_timeout = resolved.connect_timeout, stall_timeout = resolved.stall_timeout,
    allow_insecure = resolved.allow_insecure, app_id = resolved.app_id,
  }
  if not settings then return nil, err end
  self.config, self.settings = resolved, settings
  return true
end

-- The driver of the place where the call is made, or why there is none.
local function choose_driver(self)
  local wanted = self.options.driver
  if type(wanted) == "table" then return wanted end
  if wanted ~= "blocking" then
    local ngx_driver = require "connectparticipant.driver.ngx"
    if wanted == "ngx" or ngx_driver.is_here() then return ngx_driver.choose(self) end
  end
  return require "connectparticipant.driver.blocking"
end

--- Makes the client ready for a call, or says why it cannot be made. Raises on a wrong `self`.
function Client.prepare(self, params, name)
  if getmetatable(self) ~= Client then
    error(("%s must be called on a client, as client:%s(...)"):format(name, name), 3)
  end
  if self.closed then error("the client is closed", 3) end
  if type(params) ~= "table" then
    error(("%s needs a table of parameters, not a %s"):format(name, type(params)), 3)
  end
  local driver, problem = choose_driver(self)
  if not driver then
    return nil, core.new_error {
      kind = "configuration", code = "CannotYield", message = problem,
    }
  end
  self.driver = driver
  if self.settings then return true end
  return configure(self)
end

--- The deadline of a call that begins now, or nil.
function Client:deadline()
  return self.config.timeout and self.clock.now() + self.config.timeout
end

-- Steps the engine, and wakes whoever waits for what became ready. True when anything moved.
function Client:step()
  local engine = self.engine
  local _, moved = engine:step()
  local id = engine:ready()
  while id do
    local waiter = self.parked[id]
    if waiter then
      self.parked[id] = nil
      waiter:wake()
    end
    id = engine:ready()
  end
  if moved and self.driver.moved then self.driver.moved() end
  return moved
end

-- Waits until the exchange may have something to tell, at most `seconds`.
local function wait_for(self, exchange, seconds)
  local task = many.current(self)
  if task then
    task:park(exchange, seconds)
  elseif self.driver.park then
    self.driver.park(self, exchange, seconds)
  else
    local moved = self:step()
    if not moved and exchange:state() == "run" then
      self.driver.wait(self.engine, seconds or LONGEST_WAIT)
    end
  end
end

--- Waits until an exchange is done, or wants to be fed or drained; gives its state. Where `tick` is
-- given, it is called in between, and ends the wait with "cancelled" when it returns false.
function Client:await(exchange, tick)
  local state = exchange:state()
  while state == "run" do
    wait_for(self, exchange, tick and TICK)
    state = exchange:state()
    if tick and tick() == false then return "cancelled" end
  end
  return state
end

function Client:sleep(seconds)
  local task = many.current(self)
  if task then return task:sleep(seconds) end
  self.driver.sleep(seconds)
end

--- Whether the call belongs to `map`, where throttling is waited for rather than reported.
function Client:is_many()
  return many.current(self) ~= nil
end

--- Runs one operation with its retries. `context` may hold `deadline`, `step` and `job`.
function Client:call(operation, params, context)
  local request, err = core.request(operation, params, self.settings)
  if not request then
    err.step = context and context.step
    return nil, err
  end
  local job = context and context.job or {}
  job.operation, job.step = operation, context and context.step
  job.deadline = context and context.deadline or self:deadline()
  function job.send(number, left)
    return request:send(self.engine,
      { timeout = left, attempt = number, max_attempts = self.config.max_attempts })
  end
  function job.settle(exchange)
    self:await(exchange)
    return exchange:result()
  end
  local result
  result, err = attempt.run(self, job)
  if err and job.step then err.step = job.step end
  return result, err
end

for _, operation in ipairs(core.operations()) do
  local name, method = operation.name, operation.method
  Client[method] = function(self, params)
    local ready, err = Client.prepare(self, params, method)
    if not ready then return nil, err end
    return self:call(name, params)
  end
end

-- Every flow is a function of the client and its parameters.
local function flow(name, module)
  Client[name] = function(self, params)
    local ready, err = Client.prepare(self, params, name)
    if not ready then return nil, err end
    return require("connectparticipant." .. module).run(self, params)
  end
end

flow("upload_attachment", "upload")
flow("download_attachment", "download")
flow("wait_for_attachment", "scan")

--- Iterates over the items of all pages of a transcript.
---@param params table those of `get_transcript`, and `on_error(err)`
---@return fun(): table|nil
function Client:transcript(params)
  local ready, err = Client.prepare(self, params, "transcript")
  return require("connectparticipant.transcript").items(self, params, not ready and err or nil)
end

--- Calls `fn(item, index)` for every item, each in a coroutine of its own.
---@param list table
---@param fn fun(item: any, index: integer): any, any
---@param options? { concurrency: integer }
---@return table results indexed as the list
---@return table|nil errors indexed as the list; nil when there is none
function Client:map(list, fn, options)
  many.check(list, fn, options)
  local ready, err = Client.prepare(self, list, "map")
  if not ready then return many.all_failed(list, err) end
  return many.map(self, list, fn, options)
end

--- Uploads a list of attachments at once.
---@param list table[] parameters of `upload_attachment`
---@param options? { concurrency: integer }
function Client:upload_attachments(list, options)
  return self:map(list, function(params)
    if type(params) ~= "table" then
      return nil, core.new_error {
        kind = "validation", code = "ParamValidationError", operation = "StartAttachmentUpload",
        message = ("an entry must be a table of parameters, not a %s"):format(type(params)),
      }
    end
    return self:upload_attachment(params)
  end, options)
end

return Client
