-- What the specs of uploads and downloads share: a scripted server, a client, its calls, and what
-- went over the wire.
local assert = require "luassert"
local Client = require "connectparticipant.client"
local faults = require "spec.support.faults"
local files = require "spec.support.files"

local flows = {
  START = "POST start-attachment-upload", PUT = "PUT /store/key",
  COMPLETE = "POST complete-attachment-upload", LOOK = "POST transcript",
}

-- The requests that a server received, in order.
local function paths(server)
  local list = {}
  for index, request in ipairs(server:seen().requests) do
    list[index] = request.method .. " " .. (request.path:match("^/participant/([%w-]+)")
      or request.path:match("^[^?]*"))
  end
  return table.concat(list, ", ")
end

-- One for each spec file; has `server` and `place` after `open`, and `client` after `begin`.
function flows.new()
  local lab = {}

  function lab.open()
    lab.server, lab.place = faults.start(), files.new()
    lab.directory = lab.place.directory
  end

  function lab.close()
    lab.server:stop()
    lab.place:remove()
  end

  -- Replaces the client by a new one, with a clock of spec.support.clock if given.
  function lab.begin(options, clock)
    lab.finish()
    local all = { endpoint = lab.server.url, connect_timeout = 5, stall_timeout = 5,
      driver = clock and clock.driver }
    for name, value in pairs(options or {}) do all[name] = value end
    lab.client = Client.new(all, clock)
  end

  function lab.finish()
    if lab.client then lab.client:close() end
  end

  function lab.upload(changes)
    local params = { ConnectionToken = "secret-connection-token", body = "hello",
      AttachmentName = "a.txt" }
    for name, value in pairs(changes or {}) do params[name] = value or nil end
    return lab.client:upload_attachment(params)
  end

  function lab.download(sink)
    local params = { ConnectionToken = "secret-connection-token", AttachmentId = "attachment-1" }
    for name, value in pairs(sink or {}) do params[name] = value end
    return lab.client:download_attachment(params)
  end

  function lab.paths() return paths(lab.server) end

  return lab
end

function flows.flow(...)
  return table.concat({ ... }, ", ")
end

-- Asserts that the call failed with these fields, and that the error shows no secret.
function flows.failed(result, err, expected)
  assert.is_nil(result)
  for name, value in pairs(expected) do
    assert.equal(value, err[name], name .. ": " .. tostring(err))
  end
  assert.is_nil(tostring(err):find("0123abcd", 1, true))
  assert.is_nil(tostring(err):find("secret-connection-token", 1, true))
  return err
end

return flows
