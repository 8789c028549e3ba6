-- The scenarios of memory_scenarios.lua that go over the wire, to memory_server.c. After each, the
-- same engine must serve another call, now that there is memory again.
local core, restore, endpoint = core, restore, endpoint -- luacheck: ignore

local TOKEN = ("token."):rep(20)
local EVENT = { ConnectionToken = TOKEN,
  ContentType = "application/vnd.amazonaws.connect.event.typing" }

local PARAMS = {
  StartAttachmentUpload = { AttachmentName = "a", AttachmentSizeInBytes = 1,
    ContentType = "text/plain" },
  CompleteAttachmentUpload = { AttachmentIds = { "a" } },
  GetAttachment = { AttachmentId = "a" },
  CreateParticipantConnection = { Type = { "CONNECTION_CREDENTIALS" }, ParticipantToken = TOKEN },
  DisconnectParticipant = {},
  SendMessage = { Content = "words", ContentType = "text/plain" },
  SendEvent = { ContentType = EVENT.ContentType },
  GetTranscript = {},
  DescribeView = { ViewToken = "view" },
  GetAuthenticationUrl = { SessionId = ("s"):rep(36), RedirectUri = "https://example.com/" },
  CancelParticipantAuthentication = { SessionId = ("s"):rep(36) },
}

local function params_of(name)
  local params = {}
  for key, value in pairs(PARAMS[name]) do params[key] = value end
  if name ~= "CreateParticipantConnection" then params.ConnectionToken = TOKEN end
  return params
end

local function options()
  return { endpoint = endpoint }
end

local function told(result, err)
  return type(result) == "table" and "done" or tostring(err or result)
end

-- Every operation as a blocking call; the state's own engine goes on.
local function blocking(name, method)
  return function()
    local ok, said = pcall(function() return told(core[method](params_of(name), options())) end)
    restore()
    local result, err = core.get_transcript(params_of "GetTranscript", options())
    if not result then return "the next call fails: " .. tostring(err) end
    return tostring(said), ok
  end
end

local function drive(engine, exchange, each)
  while exchange:state() ~= "done" do
    engine:step()
    while engine:ready() do end
    if each then each(exchange) end
    if exchange:state() == "run" then engine:wait(1) end
  end
end

local function send(engine)
  local exchange, err = core.request("SendEvent", EVENT, core.settings(options()))
  if not exchange then error(tostring(err), 0) end
  local sent, problem = exchange:send(engine, 10, 1, 3)
  if not sent then error(tostring(problem), 0) end
  drive(engine, exchange)
  local result, failed = exchange:result()
  exchange:release()
  return told(result, failed)
end

-- use(engine) -> a string, on an engine that must go on.
local function on_engine(use)
  return function()
    local engine = core.engine()
    local ok, said = pcall(use, engine)
    restore()
    local again, outcome = pcall(send, engine)
    getmetatable(engine).__close(engine)
    if not again or outcome ~= "done" then
      return "the engine is of no use any more: " .. tostring(outcome)
    end
    return tostring(said), ok
  end
end

local function transfer(engine, given)
  given.settings = core.settings(options())
  given.operation, given.step = given.operation or "GetAttachment", given.step or "get"
  given.url = endpoint .. given.url
  local exchange, err = engine:transfer(given)
  if not exchange then error(tostring(err), 0) end
  return exchange
end

local function outcome(exchange)
  local result, err = exchange:result()
  if not result then return tostring(err) end
  return ("%s %s %s %s"):format(result.status, result.size, result.from, tostring(result.body))
end

local function put(engine, url)
  local exchange = transfer(engine, { method = "PUT", url = url, source = ("bytes"):rep(100),
    operation = "StartAttachmentUpload", step = "put", headers = { ["x-amz-meta"] = "m" } })
  drive(engine, exchange)
  local sent = exchange:progress()
  local said = ("%s %s %s"):format(outcome(exchange), sent, tostring(exchange:header "ETag"))
  exchange:release()
  return said
end

local function fed(engine)
  local exchange = transfer(engine, { method = "PUT", url = "/object", size = 10,
    operation = "StartAttachmentUpload", step = "put" })
  local left = 2
  drive(engine, exchange, function()
    if exchange:state() ~= "need_data" then return end
    local ok, err
    if left > 0 then ok, err = exchange:feed "12345" else ok, err = exchange:feed(nil) end
    left = left - 1
    if not ok then error(tostring(err), 0) end
  end)
  local said = outcome(exchange)
  exchange:release()
  return said
end

local function drained(engine)
  local exchange = transfer(engine, { method = "GET", url = "/object", sink = "drain", size = 5 })
  local pieces = {}
  local function take()
    local piece = exchange:drain()
    if piece then pieces[#pieces + 1] = piece end
  end
  drive(engine, exchange, take)
  take()
  local said = outcome(exchange) .. table.concat(pieces)
  exchange:release()
  return said
end

local function resumed(engine)
  local exchange = transfer(engine, { method = "GET", url = "/object", size = 5, offset = 2,
    etag = '"e"', limit = 100 })
  drive(engine, exchange)
  local said = outcome(exchange)
  exchange:release()
  return said
end

local function into_file(engine)
  local path = os.tmpname()
  local sink, err = core.open_sink(path)
  local ok, said = pcall(function()
    if not sink then return tostring(err) end
    local exchange = transfer(engine, { method = "GET", url = "/object", sink = sink, size = 5 })
    drive(engine, exchange)
    local told_of = outcome(exchange)
    exchange:release()
    local size = sink:size()
    local done, problem = sink:commit(true)
    while done == "pending" or done == nil and type(problem) == "number" do
      done, problem = sink:finished(1)
    end
    return ("%s %s %s"):format(told_of, size, tostring(done or problem))
  end)
  if sink then getmetatable(sink).__close(sink) end
  os.remove(path)
  if not ok then error(said, 0) end
  return said
end

local function cancelled(engine)
  local exchange = core.request("SendEvent", EVENT, core.settings(options()))
  if not exchange then error("no memory", 0) end
  local sent, err = exchange:send(engine)
  if not sent then error(tostring(err), 0) end
  engine:step()
  exchange:cancel()
  getmetatable(exchange).__close(exchange)
  local _, failed = exchange:result()
  -- On a busy machine the answer may be there after one step, and there is nothing left to cancel.
  local ended = "ended"
  if failed and failed.kind ~= "cancelled" then
    ended = ("%s (%s)"):format(tostring(failed), tostring(failed.kind))
  end
  local said = ("%s %s %s"):format(tostring(exchange), #exchange:client_token(), ended)
  exchange:release()
  return said
end

local list = { on_engine(send), on_engine(function(engine) return put(engine, "/object") end),
  on_engine(function(engine) return put(engine, "/denied") end), on_engine(fed), on_engine(drained),
  on_engine(resumed), on_engine(into_file), on_engine(cancelled) }
for _, operation in ipairs(core.operations()) do
  list[#list + 1] = blocking(operation.name, operation.method)
end
return list
