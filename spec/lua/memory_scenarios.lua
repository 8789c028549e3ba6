-- What memory.c lets run out of memory: each gives a string, which must be the same whenever the
-- call succeeds. `core` and `describe` are its globals.
local core, describe = core, describe -- luacheck: ignore

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

return {
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
  -- Once the options are those of the last call, and once not.
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
