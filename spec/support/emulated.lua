-- An emulator for a spec file, and what nearly every spec does with it.
local cjson = require "cjson"
local emulator = require "connectparticipant.emulator"
local http = require "spec.support.http"
local luassert = require "luassert"

local emulated = {}
emulated.__index = emulated

function emulated.start(options)
  local given = { admin = true }
  for name, value in pairs(options or {}) do given[name] = value end
  local self = setmetatable({ running = assert(emulator.start(given)) }, emulated)
  self.endpoint, self.port = self.running.endpoint, http.split(self.running.endpoint)
  return self
end

-- Stops it, and raises if nginx has logged an alert or worse.
function emulated:stop()
  local file = assert(io.open(self.running.log_file))
  local log = file:read "*a"
  file:close()
  self.running:stop()
  for line in log:gmatch "[^\n]+" do
    if line:find "%[alert%]" or line:find "%[crit%]" or line:find "%[emerg%]" then
      error("the emulator's log says: " .. line)
    end
  end
end

-- A call of the admin endpoint.
function emulated:admin(method, path, input)
  local answer = http.request {
    port = self.port, method = method, path = "/admin/" .. path,
    body = input and cjson.encode(input) or nil,
  }
  assert(answer.status == 200, answer.body)
  return cjson.decode(answer.body)
end

function emulated:fault(fault)
  self:admin("POST", "faults", fault)
end

-- The requests, oldest first: all, or those for an operation.
function emulated:requests(operation)
  local found = {}
  for _, request in ipairs(self:admin("GET", "requests").requests) do
    if not operation or request.operation == operation then found[#found + 1] = request end
  end
  return found
end

-- A raw call of the service; returns the decoded body, too.
function emulated:call(path, token, input, headers)
  local all = { ["Content-Type"] = "application/json" }
  if token then all["X-Amz-Bearer"] = token end
  for name, value in pairs(headers or {}) do all[name] = value end
  local answer = http.request {
    port = self.port, path = "/participant/" .. path, method = input and "POST" or "GET",
    body = input and (type(input) == "string" and input or cjson.encode(input)) or nil,
    headers = all,
  }
  local ok, decoded = pcall(cjson.decode, answer.body)
  answer.result = ok and decoded or nil
  return answer
end

-- A ConnectionToken of a chat of its own.
function emulated:connect(participant_token)
  local token = participant_token or self:admin("POST", "chats", {}).participant_token
  local answer = self:call("connection", token, { Type = { "CONNECTION_CREDENTIALS" } })
  return answer.result.ConnectionCredentials.ConnectionToken, token
end

local uuid = 0
function emulated.token()
  uuid = uuid + 1
  return "client-token-" .. uuid
end

-- Begins an upload by hand.
function emulated:begin(token, size, name)
  return self:call("start-attachment-upload", token, {
    ContentType = "text/plain", AttachmentSizeInBytes = size, AttachmentName = name or "a.txt",
    ClientToken = emulated.token(),
  }).result
end

-- The PUT that StartAttachmentUpload asked for, with changes to its headers (false removes one).
function emulated.put(begun, body, changes)
  local port, path = http.split(begun.UploadMetadata.Url)
  local headers = {}
  for name, value in pairs(begun.UploadMetadata.HeadersToInclude) do headers[name] = value end
  for name, value in pairs(changes or {}) do headers[name] = value or nil end
  for name, value in pairs(changes or {}) do
    if value == false then headers[name] = nil end
  end
  return http.request { port = port, method = "PUT", path = path, headers = headers, body = body }
end

function emulated:complete(token, id, client_token)
  return self:call("complete-attachment-upload", token, {
    AttachmentIds = { id }, ClientToken = client_token or emulated.token(),
  })
end

-- Asserts that the service has answered with this exception.
function emulated.refused(answer, status, code)
  luassert.equal(status, answer.status, answer.body)
  luassert.equal(code, answer.headers["x-amzn-errortype"])
  luassert.truthy(answer.headers["x-amzn-requestid"])
  luassert.equal("string", type(answer.result.Message or answer.result.message))
end

-- GetAttachment and a GET of its URL; returns the answer to the GET.
function emulated:fetch(token, id)
  local got = self:call("attachment", token, { AttachmentId = id }).result
  local port, path = http.split(got.Url)
  return http.request { port = port, path = path }
end

return emulated
