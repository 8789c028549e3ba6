--- A chat's transcript as an iterator: pages are fetched as they are needed.

local core = require "connectparticipant.core"

local transcript = {}

-- Asks for the next page; nil at the end, nil and an error when it fails.
local function next_page(client, params, token)
  local request = {}
  for name, value in pairs(params) do
    if name ~= "on_error" then request[name] = value end
  end
  request.NextToken = token
  local page, err = client:call("GetTranscript", request, { deadline = client:deadline() })
  if not page then return nil, err end
  if page.NextToken and page.NextToken == token then
    return nil, core.new_error {
      kind = "protocol", code = "InvalidResponse", operation = "GetTranscript",
      message = "the service gave the same NextToken twice",
    }
  end
  return page
end

local function report(params, err)
  if type(params.on_error) ~= "function" then error(err, 0) end
  params.on_error(err)
end

--- The items of all pages, one after another. An error ends the iteration, and is raised unless the
-- parameters have `on_error`. Lua 5.1 cannot yield inside an iterator: there, in a host that
-- schedules coroutines, ask for pages with `get_transcript`.
---@param client connectparticipant.Client
---@param params table
---@param broken? connectparticipant.Error what prevents the first page
---@return fun(): table|nil
function transcript.items(client, params, broken)
  local page, index, token, done = { Transcript = {} }, 0, params.NextToken, false
  local function advance()
    local err = broken
    if not err then page, err = next_page(client, params, token) end
    if err then
      done = true
      return report(params, err)
    end
    token, index = page.NextToken, 0
    page.Transcript = page.Transcript or {}
  end
  local first = true
  return function()
    while not done do
      if index < #page.Transcript then
        index = index + 1
        return page.Transcript[index]
      end
      if not first and not token then return nil end
      first = false
      advance()
    end
  end
end

return transcript
