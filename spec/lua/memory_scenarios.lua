-- What memory.c runs while allocations fail: each scenario returns a string, which must be the same
-- whenever the call succeeds. memory.c's globals are `core`, `describe`, `restore` (from then on
-- nothing fails), `connect_to` (a Unix socket) and `shut` (a descriptor).
-- luacheck: push ignore
local core, describe, restore, connect_to, shut = core, describe, restore, connect_to, shut
-- luacheck: pop

local CA = "README.md" -- any file
local TOKEN = ("token."):rep(20)

local function upload()
  return { ConnectionToken = TOKEN, AttachmentName = 'a"b\\.pdf', AttachmentSizeInBytes = 48213,
    ContentType = "application/pdf", ClientToken = ("t"):rep(100) }
end

local function told(request, err)
  if not request then return tostring(err) end
  local lines = { request.method, request.url, request.body or "-" }
  for _, name in ipairs { "X-Amz-Bearer", "User-Agent", "Content-Type", "amz-sdk-request" } do
    lines[#lines + 1] = tostring(request.headers[name])
  end
  lines[#lines + 1] = tostring(#request.headers["amz-sdk-invocation-id"])
  return table.concat(lines, "\n")
end

local function settings(options)
  local made, err = core.settings(options)
  return made and describe(made) or tostring(err)
end

local function refused_region()
  return settings { region = ("not a region "):rep(10) }
end

local function read(status, body)
  local headers = { ["x-amzn-requestid"] = ("id-"):rep(30), ["x-amzn-errortype"] = "FooError:x",
    ["retry-after"] = "3" }
  local result, err = core.read_response("GetTranscript", status, headers, body)
  if not result then return tostring(err) .. tostring(err.retry_after) end
  return ("%s %s %s"):format(result.NextToken, result.Transcript[1].Content,
    result.ResponseMetadata.RequestId)
end

local function transfer(source)
  local engine = core.engine()
  local exchange, err = engine:transfer {
    method = "PUT", url = "http://127.0.0.1:1/" .. ("key"):rep(30), source = source,
    size = not source and 5 or nil, operation = "StartAttachmentUpload", step = "put",
    settings = core.settings { endpoint = "http://127.0.0.1:1" },
    headers = { ["Content-Type"] = "text/plain", ["x-amz-meta"] = ("v"):rep(100) },
  }
  local outcome = exchange and exchange:state() ~= "done" and "under way" or tostring(err)
  engine:close()
  return outcome
end

-- Calls `use` with a new file that has this text.
local function with_file(text, use)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  local ok, said = pcall(use, path)
  os.remove(path)
  return ok and said or tostring(said)
end

local function sources(path)
  local source, err = core.open_source(path)
  if not source then return tostring(err) end
  local size = source:size()
  source:close()
  local _, none = core.open_source(path .. "/none")
  local text, problem = core.read_file(path, 100)
  return ("%d %s %s %s"):format(size, tostring(source), none.code, text or problem)
end

local function ends(how, sink, err)
  if not sink then return tostring(err) end
  local done, problem = sink[how](sink)
  -- Called even if the commit has already ended, so that every run makes the same calls.
  while how == "commit" and (done or done == nil and type(problem) == "number") do
    local quick = done == true
    done, problem = sink:finished(1)
    if done or quick then break end
  end
  if done == true and how == "commit" then done = sink:body() == "" end
  sink:discard()
  return type(problem) == "table" and tostring(problem) or tostring(done)
end

local function handles(path)
  local file = assert(io.open(path, "r+b"))
  local ok, said = pcall(function()
    local source, problem = core.file_source(file)
    if not source then return tostring(problem) end
    source:close()
    local sink
    sink, problem = core.file_sink(file)
    if not sink then return tostring(problem) end
    sink:discard()
    return "both"
  end)
  file:close()
  return ok and said or tostring(said)
end

-- A call through libcurl to a port where nobody listens; the engine's next one is the same.
local function exchange(engine)
  local request, err = core.request("SendEvent", { ConnectionToken = TOKEN,
    ContentType = "application/vnd.amazonaws.connect.event.typing" },
    core.settings { endpoint = "http://127.0.0.1:1" })
  if not request then return tostring(err) end
  local sent, problem = request:send(engine)
  while sent and request:state() ~= "done" do
    engine:step()
    engine:wait(1)
  end
  if not sent then return tostring(problem) end
  local info, id = request:info(), request:id()
  local _, failed = request:result()
  request:release()
  return ("%s %s %s"):format(type(info.seconds), type(id),
    (tostring(failed):gsub("after %d+ ms", "at once")))
end

local function kept_engine()
  local engine = core.engine()
  local ok, said = pcall(exchange, engine)
  -- The same engine works again once there is memory.
  restore()
  local again = exchange(engine)
  engine:close()
  if not again:find "COULDNT_CONNECT" then return "the engine is of no use any more: " .. again end
  return ok and said or tostring(said)
end

local function polled()
  local engine = core.engine()
  local fd, timeout = engine:pollfd(), engine:timeout()
  local text = ("%s %s %s %s"):format(type(fd), tostring(timeout), tostring(engine),
    engine:events())
  engine:close()
  return text
end

-- Functions that need no memory, or can do without.
local function small_things()
  core.sleep(0)
  core.catch_signals(true)
  local signal = core.caught_signal() or "none"
  core.catch_signals(false)
  core.hold_descriptors()
  local made, err = core.settings { endpoint = "https://example.com" }
  return ("%s %s %s %s %s %s %s"):format(type(core.now()), type(core.time()), type(core.random()),
    tostring(signal), tostring(core.is_terminal(99)), tostring((core.terminal_width(99))),
    made and made:endpoint() or tostring(err))
end

local function listening()
  local fd, port = core.listen("127.0.0.1", 0)
  if fd then shut(fd) end
  return ("%s %s"):format(type(fd), type(port))
end

local function watching()
  local watcher, path = core.watcher()
  if not watcher then return tostring(path) end
  local near = connect_to(path)
  local started, problem = watcher:start()
  local armed = started and watcher:arm(near)
  watcher:ring()
  watcher:close()
  getmetatable(watcher).__close(watcher)
  shut(near)
  return ("%s %s"):format(tostring(started or problem), tostring(armed))
end

local function written(path)
  local done, problem = core.write_private(path, TOKEN)
  local _, refused = core.write_private("/nonexistent/file", TOKEN)
  return tostring(done or problem) .. refused
end

local function sink_again(path)
  local sink, err = core.open_sink(path)
  if not sink then return tostring(err) end
  local again, problem = sink:restart()
  local said = ("%s %d %s"):format(tostring(again or problem), sink:size(), tostring(sink))
  sink:discard()
  return said
end

local function closed_source(path)
  local source, err = core.open_source(path)
  if not source then return tostring(err) end
  getmetatable(source).__close(source)
  return tostring(source)
end

local list = {
  function() return with_file("some bytes", sources) end,
  function() return with_file("", function(path) return ends("commit", core.open_sink(path)) end)
  end,
  function() return with_file("", function(path) return ends("discard", core.open_sink(path)) end)
  end,
  function() return ends("commit", core.memory_sink()) end,
  function() return with_file("some bytes", handles) end,
  kept_engine,
  polled,
  function() return ("%d %d"):format(#core.model(), #core.operations()) end,
  function()
    return ("%s %s %s %d"):format(core.suggest("endpint", { "region", "endpoint" }),
      core.lower(("ABC"):rep(500)), type(core.pid()), #core.uuid())
  end,
  function()
    return tostring(select(2, core.exec("/nonexistent", { "a" }, { "NAME=" .. TOKEN })))
  end,
  function()
    return settings { endpoint = "https://example.com/" .. ("base/"):rep(20), ca_file = CA,
      proxy = "http://proxy.example.com:8080/" .. ("x"):rep(60), app_id = "app" }
  end,
  function()
    return settings { region = "us-gov-west-1", use_fips = true, app_id = ("a"):rep(60) }
  end,
  function() return settings { endpoint = "http://example.com" } end,
  function() return settings { endpoint = "https://example.com", use_fips = true } end,
  refused_region,
  function() return settings { ca_file = "/nonexistent/" .. ("x"):rep(60) } end,
  function() return told(core.build_request("StartAttachmentUpload", upload(),
    { endpoint = "https://example.com/base" })) end,
  function() return told(core.build_request("DescribeView",
    { ConnectionToken = TOKEN, ViewToken = ("view /"):rep(20) }, { region = "us-east-1" })) end,
  function() return told(core.build_request("GetTranscript",
    { ConectionToken = 1, SortOrder = "up", StartPosition = { MostRecent = 1.5, x = 1 } },
    { region = "us-east-1" })) end,
  -- Once with the options of the call before, and once with others.
  function()
    local _, err = core.send_event({ ConnectionToken = TOKEN }, { region = "us-east-1" })
    local _, other = core.send_event({ ConnectionToken = TOKEN }, { region = "us-east-1" })
    return tostring(err) .. tostring(other)
  end,
  function()
    local made = core.new_error { kind = "k", code = "c", message = "m " .. TOKEN, token = TOKEN,
      hint = "h", option = "o", request_id = TOKEN, status = 403 }
    return tostring(made) .. made.option .. made.hint
  end,
  function()
    return read(200, '{"NextToken":"n","Transcript":[{"Content":"' .. ("c"):rep(300) .. '"}]}')
  end,
  function() return read(400, '{"message":"' .. ("m"):rep(300) .. '"}') end,
  function() return read(503, "<html>" .. ("h"):rep(300)) end,
  function() return transfer(("bytes"):rep(20)) end,
  function() return transfer() end,
}
for _, scenario in ipairs { small_things, listening, watching } do list[#list + 1] = scenario end
for _, use in ipairs { written, sink_again, closed_source } do
  list[#list + 1] = function() return with_file("some bytes", use) end
end
for _, scenario in ipairs(require "spec.lua.memory_exchanges") do list[#list + 1] = scenario end
return list
