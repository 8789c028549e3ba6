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

--- Reads a transcript page by page.
---@class connectparticipant.Pages
---@field params table those of GetTranscript; NextToken is the next page's
---@field deadline? number a moment of the clock
---@field seen table<string, boolean> the tokens so far
---@field empty integer how many pages in a row had no item
---@field ended? boolean
---@field problem? connectparticipant.Error what comes after the last page's items
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

-- What is wrong with a page's token, so that no other page can follow; nil normally.
local function problem_of(self, token)
  if self.seen[token] then
    return protocol_error("the service gave the same NextToken twice")
  end
  if self.empty >= MOST_EMPTY then
    return protocol_error(("%d pages in a row had no item"):format(MOST_EMPTY))
  end
end

--- The items of the next page; nil at the end, nil and an error when it cannot be read.
---@param job connectparticipant.Job
---@return table[]|nil items
---@return connectparticipant.Error|nil err
function Pages:next(job)
  if self.ended then return nil, self.problem end
  self.ended = true -- unless this page names another one
  local page, err = operation.run(job, GET, self.params)
  if not page then return nil, err end
  local items, token = page.Transcript or {}, page.NextToken
  -- The service marks its last page by an empty token, or by none.
  if not token or token == "" then return items end
  self.empty = #items > 0 and 0 or self.empty + 1
  self.problem = problem_of(self, token)
  if self.problem then return items end
  self.ended, self.seen[token], self.params.NextToken = false, true, token
  return items
end

-- Each page is a job of its own, so that it may be fetched from wherever the caller iterates; all
-- of them together have the `timeout` of the call.
local function next_page(job, pages)
  local deadline = pages.deadline
  if deadline and (not job.deadline or deadline < job.deadline) then job.deadline = deadline end
  return pages:next(job)
end

local function deadline_of(client, timeout)
  local is_valid = type(timeout) == "number" and timeout > 0 -- GetTranscript refuses another one
  return is_valid and client.loop.clock.now() + timeout or nil
end

--- The items of all pages, one after another. An error ends the iteration, and is raised unless the
-- parameters have `on_error`. `timeout` bounds the whole iteration. On Lua 5.1 an iterator cannot
-- yield: there, inside `map` or another scheduler, others wait while it fetches a page.
---@param client connectparticipant.Client
---@param params table
---@return fun(): table|nil
function transcript.items(client, params)
  local pages, on_error = transcript.pages(params), params.on_error
  pages.deadline = deadline_of(client, params.timeout)
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
