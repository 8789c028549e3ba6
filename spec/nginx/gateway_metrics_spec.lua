-- The gateway's metrics, in a shared dictionary for all workers.
local cjson = require "cjson"
local gateway = require "spec.support.gateway"
local nginx = require "spec.support.nginx"
local process = require "spec.support.process"

-- These specs test LuaJIT inside nginx, whichever Lua runs busted, so one Lua runs them.
if process.abi ~= "luajit" then return end

local service
setup(function() service = gateway.service() end)
teardown(function() service:stop() end)

local HTTP = [[
  lua_shared_dict counts 1m;
  init_worker_by_lua_block {
    client.counters = require("connectparticipant.service.metrics").new "counts"
  }
]]

local LOCATION = [[
  location = /metrics { content_by_lua_block { gateway.metrics(client) } }
]]

describe("the gateway's metrics", function()
  it("count what was answered, and what was asked of the service for it", function()
    local server = gateway.start(service, { http = HTTP, locations = LOCATION })
    finally(function() server:remove() end)
    local id = cjson.decode(server:upload("hello").body).AttachmentId
    assert.equal(401, server:upload("hello", { ["X-Connection-Token"] = false }).status)
    assert.equal(200, server:download(id).status)
    assert.equal(206, server:download(id, { Range = "bytes=1-2" }).status)
    assert.equal(200, server:download(id, nil, "HEAD").status)
    local answer = server.nginx:get "/metrics"
    assert.equal("text/plain; version=0.0.4", answer.headers["content-type"])
    for _, line in ipairs {
      'gateway_requests_total{what="download",status="200"} 2',
      'gateway_requests_total{what="download",status="206"} 1',
      'gateway_requests_total{what="upload",status="201"} 1',
      'gateway_requests_total{what="upload",status="401"} 1',
      'gateway_request_seconds_count{what="download"} 3',
      'calls_total{operation="GetAttachment",outcome="success"} 3',
      'calls_total{operation="PUT",outcome="success"} 1',
      'transferred_bytes_total{operation="PUT"} 5',
    } do
      assert.truthy(answer.body:find("\nconnectparticipant_" .. line .. "\n", 1, true),
        line .. "\n" .. answer.body)
    end
    assert.equal("", server:stop())
  end)

  it("count a client that leaves as 499", function()
    local server = gateway.start(service, { http = HTTP, locations = LOCATION })
    finally(function() server:remove() end)
    local connection = server:send("POST /up HTTP/1.1\r\nHost: x\r\nX-File-Name: a.txt\r\n"
      .. "X-Connection-Token: " .. service.token .. "\r\nContent-Length: 2000\r\n\r\nabc")
    server:reach(1)
    connection:close()
    assert.truthy(server:logged "the client left in the middle of an upload")
    assert.truthy(server.nginx:get("/metrics").body:find(
      'gateway_requests_total{what="upload",status="499"} 1', 1, true))
    assert.equal("", server:stop())
  end)

  it("are refused at the start where nginx has no such dictionary", function()
    local ok, problem = pcall(nginx.start, { http = [[
      init_by_lua_block { require("connectparticipant").new { metrics = "nowhere" } }
    ]] })
    assert.is_false(ok)
    assert.truthy(tostring(problem):find "nginx has no lua_shared_dict of this name")
  end)
end)
