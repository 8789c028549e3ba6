-- One of a fleet that uploads to the same instance: a process, or a worker of nginx. It goes on
-- until it is killed, and notes in a file what was done, what the service refused, and what else
-- there is to tell, each at once.
local core = require "connectparticipant.core"
local participant = require "connectparticipant"

-- Debian packages lua-redis for some Luas only; its text runs on all of them.
package.path = package.path .. ";/usr/share/lua/5.1/?.lua" -- luacheck: ignore

-- More than the service lets through meanwhile.
local MANY = 1000

local function list_of(order)
  local list = {}
  for number = 1, MANY do
    list[number] = { ConnectionToken = order.token, body = ("x"):rep(1000),
      AttachmentName = ("%d.txt"):format(number) }
  end
  return list
end

---@param order { endpoint: string, token: string, redis: string, journal: string, begin: number,
--- sleep?: fun(seconds: number) } `redis` is "" without; `begin` is a moment of the wall clock
return function(order)
  local journal = assert(io.open(order.journal, "ab"))
  journal:setvbuf "no"
  local function note(word, detail)
    journal:write(("%s %.3f %s\n"):format(word, core.time() - order.begin, detail or ""))
  end
  local client = participant.new {
    endpoint = order.endpoint, timeout = 600,
    pace = order.redis ~= "" and { redis = order.redis, instance = "bench" } or nil,
    logger = function(event)
      if event.pace then return note(event.pace, event.message) end
      if event.status == 429 then note("refused", event.operation) end
    end,
  }
  local sleep = order.sleep or core.sleep
  sleep(math.max(0, order.begin - core.time()))
  local _, errors = client:upload_attachments(list_of(order), {
    concurrency = 8,
    on_result = function(_, _, err) note(err and "failed" or "done", err and tostring(err)) end,
  })
  assert(not errors, errors and tostring(errors[1]))
end
