--- Errors in words for whoever runs the command: what is wrong, and what to do next. The library's
-- own words name operations and options of Lua.

local wording = {}

-- What to do about a connection that failed, by libcurl's name for it.
local ADVICE = {
  COULDNT_CONNECT = "is the endpoint right, and is anything listening there?",
  COULDNT_RESOLVE_HOST = "is the region right, and is there a network?",
  COULDNT_RESOLVE_PROXY = "is the proxy in the environment right?",
  PEER_FAILED_VERIFICATION = "--ca-file FILE names other certificates to trust",
  OPERATION_TIMEDOUT = "--timeout SECONDS allows more time",
}

-- Faults of what the caller has, not of the service: the operation says nothing about them.
local LOCAL = { configuration = true, source = true, sink = true }

-- An option of Lua as the command has it.
local function as_options(message)
  return (message:gsub("the option ([%l_]+)", function(name)
    return "--" .. name:gsub("_", "-")
  end))
end

--- One line about an error.
---@param err connectparticipant.Error|string
---@param subject? string the file that it is about
---@return string
function wording.of(err, subject)
  local kind = type(err) == "table" and err.kind
  if not LOCAL[kind] then
    local advice = kind and not err.hint and ADVICE[err.code]
    return (subject and subject .. ": " or "") .. tostring(err)
      .. (advice and (" (%s)"):format(advice) or "")
  end
  local message = as_options(err.message) .. (err.hint and (" (%s)"):format(err.hint) or "")
  local says = not subject or kind ~= "configuration" and message:find(subject, 1, true)
  return says and message or subject .. ": " .. message
end

return wording
