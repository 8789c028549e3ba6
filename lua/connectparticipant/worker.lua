--- The client's methods as jobs for `ngx.run_worker_thread`: plain tables in and out, never a
-- throw. They run in the Lua VM of a pool thread, where a call may block; `run` is called by the
-- worker, and hands the job to the pool.

local core = require "connectparticipant.core"
local host = require "connectparticipant.driver.host"

---@class connectparticipant.worker
local worker = {}

-- More different sets of options than one server plausibly has. Each keeps a client, and so
-- connections, in every thread.
local MOST_CLIENTS = 8

-- A thread keeps its clients, and so their connections, from job to job.
local clients, order = {}, {}

-- Equal options give equal keys, whatever their order: each job brings new tables, so tables cannot
-- be keys themselves.
local function key_of(options)
  local parts = {}
  for name, value in pairs(options) do
    local text = type(value) == "table" and key_of(value) or tostring(value)
    parts[#parts + 1] = ("%s=%s:%d:%s"):format(tostring(name), type(value), #text, text)
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

-- Errors cross to the worker as plain tables, without a metatable.
local function plain(err)
  local copy = {}
  for name, value in pairs(err) do copy[name] = value end
  -- `cause` may be any value, and ngx_lua passes only plain ones between threads.
  if copy.cause ~= nil then copy.cause = tostring(copy.cause) end
  return copy
end

local function failed(kind, code, message)
  return nil, plain(core.new_error { kind = kind, code = code, message = tostring(message) })
end

local function plain_list(errors)
  if not errors then return nil end
  local list = {}
  for index, err in pairs(errors) do list[index] = plain(err) end
  return list
end

local function job(method)
  return function(params, options)
    options = options or {}
    if type(options) ~= "table" then
      return failed("configuration", "InvalidConfiguration",
        ("options must be a table, not a %s"):format(type(options)))
    end
    local made, client = pcall(client_for, options)
    if not made then return failed("configuration", "InvalidConfiguration", client) end
    if type(params) ~= "table" then
      return failed("validation", "ParamValidationError",
        ("%s needs a table, not a %s"):format(method, type(params)))
    end
    local ok, result, err = pcall(client[method], client, params)
    if not ok then return failed("raised", "Raised", result) end
    if method == "upload_attachments" then return result, plain_list(err) end
    if result == nil then return nil, plain(err) end
    return result
  end
end

for _, operation in ipairs(core.operations()) do
  worker[operation.method] = job(operation.method)
end
for _, method in ipairs { "upload_attachment", "upload_attachments", "download_attachment",
  "wait_for_attachment" } do
  worker[method] = job(method)
end

-- Restores the metatable of errors that came from a thread.
local function revive(method, result, err)
  if err == nil then return result end
  if method ~= "upload_attachments" or result == nil then return result, core.new_error(err) end
  local errors = {}
  for index, one in pairs(err) do errors[index] = core.new_error(one) end
  return result, errors
end

--- Runs a job in a thread of nginx's pool; returns what the client's method returns.
---@param pool string the name of nginx's `thread_pool`
---@param method string a client method's name
---@param params table plain values only
---@param options? table options of `connectparticipant.new`, plain values only
---@return table|nil result
---@return connectparticipant.Error|table|nil err `throttled` when every Lua VM of the pool is busy
function worker.run(pool, method, params, options)
  local ngx = host.nginx()
  if not ngx or not ngx.run_worker_thread then
    return nil, core.new_error { kind = "configuration", code = "ThreadPoolError",
      message = "there is no ngx.run_worker_thread here", retryable = false, throttled = false }
  end
  local ok, result, err = ngx.run_worker_thread(pool, "connectparticipant.worker", method, params,
    options or {})
  if ok then return revive(method, result, err) end
  local busy = result == "no available Lua vm"
  return nil, core.new_error {
    kind = "configuration", code = busy and "ThreadPoolExhausted" or "ThreadPoolError",
    message = ("the thread pool '%s' did not run the job: %s"):format(pool, tostring(result)),
    retryable = busy, throttled = busy,
  }
end

return worker
