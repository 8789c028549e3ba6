--- The client's methods as jobs for `ngx.run_worker_thread`: plain tables in and out, never a
-- throw. Runs in a thread's own Lua, where a call may block; `run` is for the other side.

local core = require "connectparticipant.core"

---@class connectparticipant.worker
local worker = {}

-- As many different options as one server plausibly has; more would keep connections for nothing.
local MOST_CLIENTS = 8

-- The one state kept on purpose: a thread's client, and with it its connections, from job to job.
local clients, order = {}, {}

-- The same options in any order are the same key.
local function key_of(options)
  local parts = {}
  for name, value in pairs(options) do
    parts[#parts + 1] = ("%s=%s:%s"):format(tostring(name), type(value), tostring(value))
  end
  table.sort(parts)
  return table.concat(parts, "\n")
end

local function client_for(options)
  local key = key_of(options)
  if clients[key] then return clients[key] end
  local copy = { driver = "blocking" }
  for name, value in pairs(options) do copy[name] = value end
  local client = require("connectparticipant").new(copy)
  if #order == MOST_CLIENTS then
    local oldest = table.remove(order, 1)
    clients[oldest]:close()
    clients[oldest] = nil
  end
  clients[key], order[#order + 1] = client, key
  return client
end

-- Errors cross to the other side as plain tables; a string was raised by a wrong call.
local function plain(err)
  if type(err) ~= "table" then
    err = core.new_error {
      kind = "validation", code = "ParamValidationError", message = tostring(err),
    }
  end
  local copy = {}
  for name, value in pairs(err) do copy[name] = value end
  return copy
end

local function job(method)
  return function(params, options)
    local ok, result, err = pcall(function()
      local client = client_for(options or {})
      return client[method](client, params)
    end)
    if not ok then return nil, plain(result) end
    if method == "upload_attachments" then return { results = result, errors = err } end
    if result == nil then return nil, plain(err) end
    return result
  end
end

for _, operation in ipairs(core.operations()) do
  worker[operation.method] = job(operation.method)
end
worker.upload_attachment = job "upload_attachment"
worker.download_attachment = job "download_attachment"
worker.wait_for_attachment = job "wait_for_attachment"
--- Uploads a list; gives one table `{ results, errors }`, both indexed as the list.
worker.upload_attachments = job "upload_attachments"

--- Runs a job in a thread of nginx's pool, and gives its error its metatable back.
---@param pool string the name of nginx's `thread_pool`
---@param method string a client method's name
---@param params table plain values only
---@param options? table options of `connectparticipant.new`, plain values only
---@return table|nil result
---@return connectparticipant.Error|nil err `throttled` when every Lua VM of the pool is busy
function worker.run(pool, method, params, options)
  local ok, result, err = ngx.run_worker_thread(pool, "connectparticipant.worker", method, params,
    options or {})
  if ok and err == nil then return result end
  if ok then return nil, core.new_error(err) end
  local busy = result == "no available Lua vm"
  return nil, core.new_error {
    kind = "configuration", code = busy and "ThreadPoolExhausted" or "ThreadPoolError",
    message = ("the thread pool '%s' did not run the job: %s"):format(pool, tostring(result)),
    retryable = busy, throttled = busy,
  }
end

return worker
