-- Where nginx's API is found, whatever the globals are like.
local process = require "spec.support.process"

-- What a program says whose globals have this metatable.
local function said(metatable)
  local code = ([[
    local api = { shared = { pace = "the dictionary" } }
    local host = require "connectparticipant.driver.host"
    setmetatable(_G, %s)
    print(host.nginx() == api, (host.dict("shared_dict", "pace")),
      (host.problem_of_dict("shared_dict", "none")))
  ]]):format(metatable)
  local result = process.run { process.lua, "-e", code }
  assert.equal("", result.stderr)
  return result.stdout
end

describe("nginx's API", function()
  it("is found where the globals only inherit it", function()
    assert.equal('true\tthe dictionary\tshared_dict = "none": nginx has no lua_shared_dict of this '
      .. "name\n", said "{ __index = { ngx = api } }")
  end)

  it("is not there where the globals raise for an unknown name", function()
    assert.equal("false\tnil\tnil\n", said "{ __index = function() error 'unknown' end }")
  end)
end)
