-- Iterates over a chat's transcript, fetching pages as needed.

local job_of = require "connectparticipant.run.job"
local failure = require "connectparticipant.error"
local operation = require "connectparticipant.service.operation"

local transcript = {}

local GET = "GetTranscript"

-- After this many empty pages in a row, assume that the service's tokens go in circles.
local MOST_EMPTY = 100

local function protocol_error(message)
  return failure.protocol("InvalidResponse", message, { operation = GET })
end

--- Reads a transcript page by page.
---@class connectparticipant.Pages
---@field params table GetTranscript's; NextToken is the next page's
---@field deadline? number clock time
---@field seen table<string, boolean> the tokens received so far
---@field empty integer how many pages in a row had no items
---@field ended? boolean
---@field problem? connectparticipant.Error the error to return after the last page's items
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

-- What is wrong with a page's NextToken, or nil.
local function problem_of(self, token)
  if self.seen[token] then
    return protocol_error("the service gave the same NextToken twice")
  end
  if self.empty >= MOST_EMPTY then
    return protocol_error(("%d pages in a row had no items"):format(MOST_EMPTY))
  end
end

--- The items of the next page; nil at the end; nil and an error if it cannot be read.
---@param job connectparticipant.Job
---@return table[]|nil items
---@return connectparticipant.Error|nil err
function Pages:next(job)
  if self.ended then return nil, self.problem end
  self.ended = true -- unless this page has a NextToken
  local page, err = operation.run(job, GET, self.params)
  if not page then return nil, err end
  local items, token = page.Transcript or {}, page.NextToken
  -- The last page's NextToken is empty or missing.
  if not token or token == "" then return items end
  self.empty = #items > 0 and 0 or self.empty + 1
  self.problem = problem_of(self, token)
  if self.problem then return items end
  self.ended, self.seen[token], self.params.NextToken = false, true, token
  return items
end

-- Each page is fetched by a job of its own, because the caller may iterate in any coroutine. The
-- call's `timeout` bounds all pages together.
local function next_page(job, pages)
  local deadline = pages.deadline
  if deadline and (not job.deadline or deadline < job.deadline) then job.deadline = deadline end
  return pages:next(job)
end

local function deadline_of(client, timeout)
  local is_valid = type(timeout) == "number" and timeout > 0 -- GetTranscript refuses others
  return is_valid and client.loop.clock.now() + timeout or nil
end

--- Iterates over the items of all pages. An error ends the iteration and is raised, unless the
--- parameters have `on_error`. `timeout` bounds the whole iteration. On Lua 5.1 an iterator cannot
--- yield, so inside `map` or another scheduler fetching a page blocks the other tasks.
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
