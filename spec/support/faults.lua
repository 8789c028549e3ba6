-- Scripted answers of a service and its store, in order; see spec.support.server.
local cjson = require "cjson"
local server = require "spec.support.server"

local faults = { start = server.start }

-- The steps of a service without faults.

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
