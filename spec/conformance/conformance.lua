-- Sends the same input through AWS's SDKs and through ours, to the emulator: method, path, token
-- and JSON must be the same on the wire, and results and error classes the same for the caller.
local cjson = require "cjson"
local emulated = require "spec.support.emulated"
local participant = require "connectparticipant"
local process = require "spec.support.process"

local service = emulated.start { scan_seconds = 0.001 }
local chat = service:admin("POST", "chats", {})
local token = service:connect(chat.participant_token)
local begun = service:begin(token, 5)
emulated.put(begun, "hello")
service:complete(token, begun.AttachmentId)

local TYPING = "application/vnd.amazonaws.connect.event.typing"
local unique = 0

-- Every run has new ClientTokens, which are the same for each client but for their last letter.
local function cases_for(letter)
  unique = 0
  local function once()
    unique = unique + 1
    return ("client-token-%d-%s"):format(unique, letter)
  end
  local other = service:begin(token, 5)
  emulated.put(other, "hello")
  return {
    { "CreateParticipantConnection", { ParticipantToken = chat.participant_token,
      Type = { "WEBSOCKET", "CONNECTION_CREDENTIALS" }, ConnectParticipant = true } },
    { "StartAttachmentUpload", { ConnectionToken = token, AttachmentName = 'ünï "côde"/.pdf',
      AttachmentSizeInBytes = 12345, ContentType = "application/pdf", ClientToken = once() } },
    { "CompleteAttachmentUpload", { ConnectionToken = token,
      AttachmentIds = { other.AttachmentId }, ClientToken = once() } },
    { "GetAttachment", { ConnectionToken = token, AttachmentId = begun.AttachmentId } },
    { "SendMessage", { ConnectionToken = token, ContentType = "text/plain",
      Content = "line\n\ttwo \\ \"é\" 😀", ClientToken = once() } },
    { "SendEvent", { ConnectionToken = token, ContentType = TYPING, ClientToken = once() } },
    { "GetTranscript", { ConnectionToken = token, MaxResults = 3, ScanDirection = "BACKWARD",
      SortOrder = "ASCENDING", StartPosition = { MostRecent = 2 } } },
    { "DescribeView", { ConnectionToken = token, ViewToken = chat.view_token } },
    { "DescribeView", { ConnectionToken = token, ViewToken = "a/b c?é%" } },
    { "GetAuthenticationUrl", { ConnectionToken = token, SessionId = chat.session_id,
      RedirectUri = "https://example.com/?a=b&c" } },
    { "CancelParticipantAuthentication", { ConnectionToken = token,
      SessionId = chat.session_id } },
    -- These calls fail, and must fail in the same way.
    { "GetTranscript", { ConnectionToken = "no-such-token" } },
    { "GetTranscript", { ConnectionToken = chat.participant_token } },
    { "GetAttachment", { ConnectionToken = token, AttachmentId = "no-such-attachment" } },
    { "CompleteAttachmentUpload", { ConnectionToken = token,
      AttachmentIds = { begun.AttachmentId }, ClientToken = once() } },
    { "SendMessage", { ConnectionToken = token, ContentType = "text/unknown", Content = "x",
      ClientToken = once() } },
    { "GetTranscript", { ConnectionToken = token, NextToken = "stranger" } },
  }
end

local methods = {}
for _, operation in ipairs(require("connectparticipant.core").operations()) do
  methods[operation.name] = operation.method
end

local function requests_of(run)
  service:admin("DELETE", "requests")
  local results = run()
  return results, service:admin("GET", "requests").requests
end

local function ours(cases)
  return requests_of(function()
    local client, results = participant.new { endpoint = service.endpoint, max_attempts = 1 }, {}
    for index, case in ipairs(cases) do
      local result, err = client[methods[case[1]]](client, case[2])
      if result then result.ResponseMetadata = nil end
      results[index] = result and { result = result } or { code = err.code, status = err.status }
    end
    client:close()
    return results
  end)
end

local function theirs(cases, command)
  local input = { endpoint = service.endpoint, cases = {} }
  for index, case in ipairs(cases) do
    input.cases[index] = { operation = case[1], method = methods[case[1]], params = case[2] }
  end
  return requests_of(function()
    command.stdin = cjson.encode(input)
    local run = process.run(command)
    local results = {}
    for line in run.stdout:gmatch("[^\n]+") do results[#results + 1] = cjson.decode(line) end
    assert(#results == #cases, run.stderr:sub(-500))
    return results
  end)
end

-- JSON with its names in order; the letter in ClientTokens and fresh ids do not count.
local function canonical(value)
  if type(value) ~= "table" then
    return type(value) == "number" and ("%.14g"):format(value) or tostring(value)
  end
  local parts = {}
  for key, entry in pairs(value) do parts[#parts + 1] = tostring(key) .. "=" .. canonical(entry) end
  table.sort(parts)
  return "{" .. table.concat(parts, ",") .. "}"
end

-- Whether our result has everything that an SDK's has; Debian's boto3 has an older model.
local function covers(own, other)
  if type(other) ~= "table" then return type(own) == type(other) end
  if type(own) ~= "table" then return false end
  for key, entry in pairs(other) do
    if not covers(own[key], entry) then return false end
  end
  return true
end

local function wire(request)
  local body = request.body and request.body ~= "" and cjson.decode(request.body) or {}
  if body.ClientToken then body.ClientToken = body.ClientToken:gsub("%a+$", "") end
  if body.AttachmentIds then body.AttachmentIds = #body.AttachmentIds end
  return ("%s %s %s %s"):format(request.method, request.path,
    tostring(request.headers["x-amz-bearer"]), canonical(body))
end

local function compare(name, letter, command)
  local our_results, our_requests = ours(cases_for("a" .. letter))
  local cases = cases_for("b" .. letter)
  local results, requests = theirs(cases, command)
  local same, different, at = 0, 0, 0
  for index, case in ipairs(cases) do
    local result = results[index]
    if not result.missing then
      at = at + 1
      local problems = {}
      if wire(requests[at]) ~= wire(our_requests[index]) then
        problems[1] = ("sent %s\n     not %s"):format(wire(our_requests[index]), wire(requests[at]))
      end
      local mine = our_results[index]
      if (mine.code or "") ~= (result.code or "") or mine.status ~= result.status then
        problems[#problems + 1] = ("error %s %s, not %s %s"):format(tostring(mine.code),
          tostring(mine.status), tostring(result.code), tostring(result.status))
      -- A transcript grows between two runs, so only its request can be compared.
      elseif mine.result and case[1] ~= "GetTranscript"
        and not covers(mine.result, result.result) then
        problems[#problems + 1] = ("result %s, not %s"):format(cjson.encode(mine.result),
          cjson.encode(result.result))
      end
      if #problems == 0 then same = same + 1 else different = different + 1 end
      for _, problem in ipairs(problems) do print(("%s %d: %s"):format(case[1], index, problem)) end
    end
  end
  print(("%s: %d cases the same, %d different, %d it does not have"):format(name, same, different,
    #cases - at))
  return different
end

-- An upload and a download by each SDK, against the emulator; ours are in spec/attachment.
local different = compare("boto3", "p", { "/usr/bin/python3", "spec/conformance/boto3_peer.py" })
different = different + compare("AWS SDK for JavaScript", "j",
  { "node", "spec/conformance/sdk_peer.mjs", process.root .. "/build/peers" })
service:stop()
os.exit(different == 0)
