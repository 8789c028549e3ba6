--- The admin endpoint as methods of a running emulator, for specs. Requests go through this
-- project's own engine, so that nothing else has to be installed.

local cjson = require "cjson.safe"
local core = require "connectparticipant.core"

local control = {}

-- The longest that the emulator may take for an answer, in seconds.
local PATIENCE = 30

local function escape(text)
  return (text:gsub("[^%w]", function(character)
    return ("%%%02X"):format(character:byte())
  end))
end

local function get(endpoint, url)
  local settings = assert(core.settings { endpoint = endpoint, proxy = "" })
  local engine = core.engine()
  local exchange, err = engine:transfer {
    method = "GET", url = url, settings = settings, operation = "GetAttachment", step = "get",
    timeout = PATIENCE,
  }
  while exchange and exchange:state() ~= "done" do
    engine:step()
    if exchange:state() ~= "done" then engine:wait(1) end
  end
  local result
  if exchange then result, err = exchange:result() end
  engine:close()
  return result, err
end

-- Raises on failure, since a spec could not continue.
local function ask(self, call, input)
  if not self.pipe then error("the emulator has been stopped", 3) end
  local text = input and next(input) and cjson.encode(input) or "{}"
  local result, err = get(self.endpoint, ("%s/admin/run?call=%s&input=%s"):format(self.endpoint,
    escape(call), escape(text)))
  if not result then error("the emulator does not answer: " .. tostring(err), 3) end
  local answer = cjson.decode(result.body or "")
  if not answer or not answer.result then
    error("the emulator refuses: " .. tostring(answer and answer.problem or result.body), 3)
  end
  return answer.result
end

--- The methods, for the class of a running emulator.
---@param Running table
function control.extend(Running)
  --- Opens another chat: `participants` are `{ role, display_name }`, a customer otherwise.
  ---@param given? { participants?: table[], display_name?: string }
  ---@return table chat with `contact_id`, `participant_token`, `participants`
  function Running:chat(given) return ask(self, "POST /admin/chats", given) end

  --- All chats, with their participants.
  function Running:chats() return ask(self, "GET /admin/chats").chats end

  --- Makes the next calls of an operation go wrong; without an argument, removes all faults.
  ---@param given? connectparticipant.emulator.Fault
  function Running:fault(given)
    ask(self, given and "POST /admin/faults" or "DELETE /admin/faults", given)
  end

  --- The requests that arrived, oldest first: all, or those of one operation.
  ---@param operation? string AWS's name, or "PutObject" or "GetObject"
  ---@return table[] requests with `operation`, `method`, `path`, `headers`, `body`, `status`
  function Running:requests(operation)
    local found = {}
    for _, request in ipairs(ask(self, "GET /admin/requests").requests) do
      if not operation or request.operation == operation then found[#found + 1] = request end
    end
    return found
  end

  --- Returns the attachments; given `{ AttachmentId, Status }`, first sets the outcome of a scan.
  ---@param given? { AttachmentId: string, Status: "IN_PROGRESS"|"APPROVED"|"REJECTED" }
  ---@return table[] attachments
  function Running:attachments(given)
    if given then ask(self, "POST /admin/attachments", given) end
    return ask(self, "GET /admin/attachments").attachments
  end

  --- Changes settings, `cjson.null` for the default; gives all.
  ---@param given? table<string, any>
  ---@return table settings
  function Running:settings(given)
    return ask(self, given and "POST /admin/settings" or "GET /admin/settings", given)
  end
end

return control
