-- Starts the server that misbehaves, and tells it how; see spec/support/fault_server.lua.
local cjson = require "cjson"
local core = require "connectparticipant.core"
local http = require "spec.support.http"
local process = require "spec.support.process"

local faults = {}
faults.__index = faults

function faults.start()
  local code = ([[require("connectparticipant.core").exec(%q, { "spec/support/fault_server.lua" },
    {}, %d)]]):format(process.lua, (core.pid()))
  local self = setmetatable({}, faults)
  self.pipe = io.popen(("echo $$; exec %s -e %s"):format(process.quote(process.lua),
    process.quote(code)))
  self.pid = self.pipe:read "*l"
  self.port = tonumber(self.pipe:read "*l")
  self.url = "http://127.0.0.1:" .. self.port
  return self
end

-- Forgets what was, and takes a list of behaviours.
function faults:script(list)
  http.request { port = self.port, path = "/control/script", body = cjson.encode(list) }
end

-- What has arrived since: requests, connections, and how many behaviours are left.
function faults:seen()
  return cjson.decode(http.request { port = self.port, path = "/control/seen" }.body)
end

function faults:stop()
  os.execute("kill " .. self.pid)
  self.pipe:close()
end

-- Behaviours of a service that goes well.

function faults.started(changes)
  local metadata = {
    Url = "${origin}/store/key?X-Amz-Signature=0123abcd", UrlExpiry = "2099-01-01T00:00:00.000Z",
    HeadersToInclude = { ["x-amz-meta-contact_id"] = "42" },
  }
  for name, value in pairs(changes or {}) do metadata[name] = value end
  return { body = cjson.encode { AttachmentId = "attachment-1", UploadMetadata = metadata } }
end

function faults.ok()
  return { status = 200, body = "{}" }
end

function faults.stored()
  return { status = 200, headers = { { "ETag", '"e"' } } }
end

function faults.got(size)
  return { body = cjson.encode { Url = "${origin}/store/key?X-Amz-Signature=0123abcd",
    UrlExpiry = "2099-01-01T00:00:00.000Z", AttachmentSizeInBytes = size } }
end

function faults.s3_error(status, code, message)
  return { status = status, headers = { { "Content-Type", "application/xml" } },
    body = ("<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>%s</Message>"
      .. "<RequestId>R1</RequestId></Error>"):format(code, message) }
end

return faults
