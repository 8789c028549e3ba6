-- A Participant Service and its object store in a process of their own, which do as a spec tells
-- them: `script { put = { { status = 503 }, {} } }` refuses the first PUT and takes the second.
-- Requests beyond the script are answered as they should be. What a step can say:
--   status, error, message, headers, body, xml    this answer, without doing anything
--   close     no answer; the connection is closed       read = n    closed after n body bytes
--   lose      done, but the answer is lost              hang        no answer, ever
--   cut = n   the connection ends after n bytes of the answer's body
--   url, expiry, include, id (start); size (get); page, scan (transcript); etag, no_range (object)
--   always    of a list's last step: it is used again and again
local cjson = require "cjson"
local socket = require "socket"

local service = {}
local Service = {}
Service.__index = Service

local function interpreter()
  local named = os.getenv "LUA_PROGRAM"
  if named then return named end
  local pipe = assert(io.popen("readlink /proc/$PPID/exe"))
  local path = pipe:read "*l"
  pipe:close()
  return path
end

function service.start()
  local lua = interpreter()
  local pipe = assert(io.popen(("LUA_PROGRAM='%s' exec '%s' spec/support/service_server.lua")
    :format(lua, lua)))
  local port = assert(pipe:read "*l", "the service did not start")
  local endpoint = "http://127.0.0.1:" .. port
  return setmetatable({ pipe = pipe, port = tonumber(port), endpoint = endpoint }, Service)
end

local function control(self, path, body)
  local connection = assert(socket.connect("127.0.0.1", self.port))
  body = body or ""
  connection:send(("POST /control/%s HTTP/1.1\r\nContent-Length: %d\r\n\r\n"):format(path, #body)
    .. body)
  local length
  repeat
    local line = connection:receive "*l"
    length = line and tonumber(line:match("^Content%-Length: (%d+)")) or length
  until not line or line == ""
  local answer = length and length > 0 and connection:receive(length)
  connection:close()
  return answer
end

--- What the next requests meet; everything before is forgotten.
function Service:script(steps)
  control(self, "script", cjson.encode(steps))
end

--- Everything that arrived so far, of one route if it is named.
function Service:requests(route)
  local list = {}
  for _, request in ipairs(cjson.decode(control(self, "requests"))) do
    if not route or request.route == route then list[#list + 1] = request end
  end
  return list
end

--- The routes of all requests, in order, as one string.
function Service:story()
  local routes = {}
  for _, request in ipairs(self:requests()) do routes[#routes + 1] = request.route end
  return table.concat(routes, " ")
end

--- How many were open at once, at most, and are now.
function Service:state()
  return cjson.decode(control(self, "state"))
end

--- Puts an object into the store, as an attachment of that id.
function Service:put(id, bytes)
  control(self, "put/" .. id, bytes)
end

--- The bytes of an object in the store.
function Service:object(id)
  return control(self, "object/" .. id)
end

function Service:stop()
  if not self.pipe then return end
  control(self, "stop")
  self.pipe:close()
  self.pipe = nil
end

return service
