-- A chat's transcript as an iterator: pages are fetched as they are needed.

local job_of = require "connectparticipant.run.job"
local failure = require "connectparticipant.error"
local operation = require "connectparticipant.service.operation"

local transcript = {}

local GET = "GetTranscript"

-- So many pages without an item in a row are no transcript but a circle.
local MOST_EMPTY = 100

local function protocol_error(message)
  return failure.protocol("InvalidResponse", message, { operation = GET })
end

--- Reads a transcript page by page, within one job.
---@class connectparticipant.Pages
---@field params table those of GetTranscript
---@field token? string of the next page
---@field started boolean
local Pages = {}
Pages.__index = Pages

---@param params table those of `get_transcript`
---@return connectparticipant.Pages
function transcript.pages(params)
  local copy = {}
  for name, value in pairs(params) do
    if name ~= "on_error" then copy[name] = value end
  end
  return setmetatable({ params = copy, seen = {}, empty = 0 }, Pages)
end

--- The items of the next page; nil at the end, nil and an error when it cannot be read.
---@param job connectparticipant.Job
---@return table[]|nil items
---@return connectparticipant.Error|nil err
function Pages:next(job)
  if self.ended then return nil end
  self.ended = true -- unless this page names another one
  local page, err = operation.run(job, GET, self.params)
  if not page then return nil, err end
  local items, token = page.Transcript or {}, page.NextToken
  if not token then return items end
  self.empty = #items > 0 and 0 or self.empty + 1
  if self.seen[token] then
    return nil, protocol_error("the service gave the same NextToken twice")
  end
  if self.empty >= MOST_EMPTY then
    return nil, protocol_error(("%d pages in a row had no item"):format(MOST_EMPTY))
  end
  self.ended, self.seen[token], self.params.NextToken = false, true, token
  return items
end

local function next_page(job, pages)
  return pages:next(job)
end

--- The items of all pages, one after another. An error ends the iteration, and is raised unless the
-- parameters have `on_error`. On Lua 5.1 an iterator cannot yield: there, inside `map` or another
-- scheduler, others wait while it fetches a page.
---@param client connectparticipant.Client
---@param params table
---@return fun(): table|nil
function transcript.items(client, params)
  local pages, on_error = transcript.pages(params), params.on_error
  local items, index = {}, 0
  return function()
    while items and index >= #items do
      local err
      items, err = job_of.run_in_iterator(client, nil, next_page, pages)
      index = 0
      if err and not on_error then error(err, 0) end
      if err then on_error(err) end
    end
    if not items then return nil end
    index = index + 1
    return items[index]
  end
end

return transcript
