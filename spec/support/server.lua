-- A scripted server in a process of its own: the service and its object store, with anything that
-- can go wrong in them, and a proxy. spec.support.faults and spec.support.service are its front
-- ends.
--
-- `script { step, step, ... }` answers the next requests in order, whatever they ask for, each
-- exactly as its step says: {} is 200 without a body. `script { put = { step, ... } }` is by route:
-- a step changes what the service would answer, {} changes nothing, and beyond the script all goes
-- well. Routes: start, complete, get, transcript, message, put, object, connect, unknown.
--
-- What a step can say; in bodies, headers and raw bytes ${origin} stands for the server's URL:
--   the answer    status, reason, version, headers (a map or a list of pairs), body,
--                 size (of a made-up body), error and message (JSON), xml and message,
--                 etag (false: none), range (answers a Range of the body with 206), no_range,
--                 content_range (verbatim), total (in Content-Range), length (in Content-Length;
--                 false: none), chunked, header_count (so many more), header_size (one of so many
--                 bytes), raw (bytes instead of an answer), flood (what follows, without end)
--   before it     early (before the body is read), unread (nor is it read then),
--                 continue (false: no 100; a number: so many), interim (a list of statuses, each
--                 sent before the answer), read = n (closed after n bytes of the body)
--   its sending   drip (seconds between pieces) and drip_bytes (of a piece, 1), cut = n (closed
--                 after n bytes of the body), close (afterwards), unsolicited (bytes behind it),
--                 lose (done, but closed instead of answered), answer = false (closed, not done)
--   reset         "request" (before the body) | "body" (after `after` bytes of it) | "headers" (of
--                 the answer) | "response" (after at most `after` bytes of its body)
--   hang          "request" (before the body) | true (before the answer) | "response" (before its
--                 body) | "middle" (after `after` bytes of it), until the client goes
--   the service   url, expiry, include, id (start); promised, url, expiry (get); page, scan
--                 (transcript); tunnel = false (connect: only answered)
--   always        of a list's last step: it is used again and again
local cjson = require "cjson"
local core = require "connectparticipant.core"
local http = require "spec.support.http"
local process = require "spec.support.process"

local server = {}
local Server = {}
Server.__index = Server

-- Raises the limit of descriptors, and makes the server end with this process. Where its Lua lacks
-- what the server requires, the server runs on another one.
local COMMAND = [[ulimit -n "$(ulimit -Hn)"; echo $$; ]]
  .. [[[ -z "$SERVER_LUA" ] || export LUA_CPATH="$SERVER_CPATH"; exec %s -e %s]]
local CODE = [[
require("connectparticipant.core").exec(%q, { "spec/support/server/main.lua" }, {}, %d)]]

function server.start()
  local program = os.getenv "SERVER_LUA" or process.lua
  local code = CODE:format(program, (core.pid()))
  local pipe = io.popen(COMMAND:format(process.quote(program), process.quote(code)))
  local self = setmetatable({ pipe = pipe, pid = pipe:read "*l" }, Server)
  self.port = tonumber((assert(pipe:read "*l", "the server did not start")))
  self.url = "http://127.0.0.1:" .. self.port
  self.endpoint = self.url
  -- If a failing spec does not stop it, closing the pipe at the end would wait for ever.
  self.guard = process.guard(function() self:stop() end)
  return self
end

local function control(self, name, body)
  local answer = http.request { port = self.port, method = "POST", path = "/control/" .. name,
    body = body or "" }
  assert(answer.status == 200, answer.body)
  return answer.body
end

--- Sets the script for the next requests, and forgets objects, requests and counters.
function Server:script(script)
  local steps, routes = {}, {}
  for key, value in pairs(script) do
    if type(key) == "number" then steps[key] = value else routes[key] = value end
  end
  control(self, "script", cjson.encode { steps = steps[1] and steps or nil, routes = routes })
end

--- What has happened since: { requests, connections (how many), each (a connection's counters),
--- left (steps of a script in order), starts, open and most (requests at once) }.
function Server:seen()
  return cjson.decode(control(self, "seen"))
end

--- The requests so far, of one route if it is named.
function Server:requests(route)
  local list = {}
  for _, request in ipairs(self:seen().requests) do
    if not route or request.route == route then list[#list + 1] = request end
  end
  return list
end

--- The routes of all requests, in order, as one string.
function Server:story()
  local routes = {}
  for _, request in ipairs(self:requests()) do routes[#routes + 1] = request.route end
  return table.concat(routes, " ")
end

Server.state = Server.seen

--- Puts an object into the store, as an attachment of that id.
function Server:put(id, bytes)
  control(self, "put/" .. id, bytes)
end

--- The bytes of an object in the store.
function Server:object(id)
  return control(self, "object/" .. id)
end

--- Sends bytes over a connection, by its number, that nobody asked for; `close` ends it then.
function Server:push(number, bytes, close)
  control(self, "push", cjson.encode { number = number, bytes = bytes, close = close })
end

--- The URL of the same server with TLS and a certificate of one kind: "good", "other" (for
--- another host), "expired", "stranger" (of a CA that nobody knows), "selfsigned", "chain" (of a
--- certificate that must not sign).
function Server:tls(kind)
  return "https://127.0.0.1:" .. control(self, "tls/" .. (kind or "good"))
end

--- The CA of those certificates, as PEM.
function Server:ca()
  return control(self, "ca")
end

function Server:stop()
  if not self.pipe then return end
  os.execute("kill " .. self.pid)
  self.pipe:close()
  self.pipe = nil
end

return server
