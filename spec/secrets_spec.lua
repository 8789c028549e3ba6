-- Recognisable secrets, and every place where one could come to light.
local core = require "connectparticipant.core"

local SECRET = "kG7mQ2xZr9LdT4vB"

describe("a secret that an answer echoes", function()
  it("is not in the metadata of a success", function()
    local services = require "spec.support.service"
    local server = services.start()
    server:script { { headers = { ["x-amzn-requestid"] = "id of " .. SECRET },
      body = '{"Transcript":[]}' } }
    local result = assert(core.get_transcript({ ConnectionToken = SECRET },
      { endpoint = server.endpoint }))
    server:stop()
    assert.equal("id of [redacted]", result.ResponseMetadata.RequestId)
  end)
end)
