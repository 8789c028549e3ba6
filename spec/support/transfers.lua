-- An engine, a store that misbehaves, and transfers between them, for the specs of both.
local assert = require "luassert"
local core = require "connectparticipant.core"
local faults = require "spec.support.faults"
local files = require "spec.support.files"
local socket = require "socket"

local transfers = {}

local Lab = {}

function Lab.open(lab)
  lab.server, lab.directory = faults.start(), files.new()
  lab.settings = core.settings { endpoint = lab.server.url, connect_timeout = 5,
    stall_timeout = 5 }
  return lab.server, lab.directory, lab.settings
end

function Lab.close(lab)
  lab.server:stop()
  lab.directory:remove()
end

function Lab.begin(lab)
  lab.engine = core.engine()
  return lab.engine
end

-- A transfer to or from the store, with what the fields change.
function Lab.transfer(lab, fields)
  local all = { method = fields.sink and "GET" or "PUT",
    url = lab.server.url .. "/store/key?secret", settings = lab.settings,
    operation = "StartAttachmentUpload", step = "put" }
  for name, value in pairs(fields) do all[name] = value end
  return lab.engine:transfer(all)
end

function Lab.get(lab, fields)
  fields.method = "GET"
  return assert(lab.transfer(fields))
end

-- Moves the engine until the exchange is in one of the states.
function Lab.reach(lab, exchange, ...)
  local wanted, engine = {}, lab.engine
  for _, state in ipairs { ... } do wanted[state] = true end
  while not wanted[exchange:state()] do
    engine:step()
    local state = exchange:state()
    assert(state ~= "done" or wanted.done, "the exchange is done already")
    if not wanted[state] then engine:wait(1) end
  end
  return exchange:state()
end

function Lab.finish(lab, exchange)
  lab.reach(exchange, "done")
  return exchange:result()
end

-- Moves the engine for so many seconds.
function Lab.move(lab, seconds)
  local due = core.now() + seconds
  repeat
    lab.engine:step()
    lab.engine:wait(0.01)
  until core.now() >= due
end

-- Whether the engine's descriptor becomes readable within so many seconds; without epoll there is
-- none, and false.
function Lab.is_told(lab, seconds)
  local fd = lab.engine:pollfd()
  return fd ~= nil and #socket.select({ { getfd = function() return fd end } }, nil, seconds) > 0
end

function Lab.drain(lab, exchange)
  local pieces = {}
  while lab.reach(exchange, "have_data", "done") == "have_data" do
    pieces[#pieces + 1] = exchange:drain()
  end
  return table.concat(pieces)
end

-- Everything is a field of what this gives: `server`, `directory` and `settings` from `open` on,
-- `engine` from `begin` on, and the functions above, which are called without it.
function transfers.new()
  local lab = {}
  for name, method in pairs(Lab) do
    lab[name] = function(...) return method(lab, ...) end
  end
  return lab
end

-- Moves an engine until a request has come to the server, which would else count it for whatever
-- is specified next.
function transfers.arrive(server, engine)
  for _ = 1, 500 do
    engine:step()
    if #server:seen().requests > 0 then return end
    engine:wait(0.01)
  end
  error "no request has come within 5 s"
end

-- The call has failed with these fields, and tells no secret.
function transfers.failed(result, err, expected)
  assert.is_nil(result)
  for name, value in pairs(expected) do
    assert.equal(value, err[name], name .. ": " .. tostring(err))
  end
  assert.is_nil(tostring(err):find("secret", 1, true))
end

return transfers
