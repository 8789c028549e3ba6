-- The standard retry mode of AWS's SDKs with its numbers of 2026: how long to wait before another
-- attempt, and the quota that all calls of a client share.
-- https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html

local retry = {}

local CAPACITY = 500
local TRANSIENT_COST, THROTTLING_COST = 14, 5
local TRANSIENT_BASE, THROTTLING_BASE = 0.05, 1 -- seconds
local LONGEST_DELAY = 20
local LATEST_ANSWER = 5 -- how far the server may stretch a delay

-- The tokens of one client alone.
---@class connectparticipant.Tokens
local Tokens = {}
Tokens.__index = Tokens

--- Takes `count` tokens, or none if fewer are left.
---@param count integer
---@return boolean taken
function Tokens:take(count)
  if self.left < count then return false end
  self.left = self.left - count
  return true
end

--- Puts `count` tokens back; there are never more than at the beginning.
---@param count integer
function Tokens:put(count)
  if self.left == CAPACITY then return end
  local left = self.left + count
  self.left = left < CAPACITY and left or CAPACITY
end

---@return connectparticipant.Tokens
function retry.tokens()
  return setmetatable({ left = CAPACITY, capacity = CAPACITY }, Tokens)
end

---@class connectparticipant.Quota
local Quota = {}
Quota.__index = Quota

--- Takes what a retry costs; nil when the quota is exhausted.
---@param throttled boolean
---@param job? connectparticipant.Job that asks, for tokens that are kept elsewhere
---@return integer|nil cost
function Quota:acquire(throttled, job)
  local cost = throttled and THROTTLING_COST or TRANSIENT_COST
  return self.tokens:take(cost, job) and cost or nil
end

--- A call succeeded: gives back its last retry's cost, or a little where it needed none. Also gives
--- back what a retry cost that was not sent.
---@param cost? integer
function Quota:release(cost)
  self.tokens:put(cost or 1)
end

--- A quota, full at first.
---@param tokens? connectparticipant.Tokens where several share them
---@return connectparticipant.Quota
function retry.quota(tokens)
  return setmetatable({ tokens = tokens or retry.tokens() }, Quota)
end

--- Seconds to wait before a retry.
---@param index integer 0 for the first retry
---@param throttled boolean
---@param retry_after? number seconds the server asked for
---@param random fun(): number from 0 up to 1
---@return number
function retry.delay(index, throttled, retry_after, random)
  local base = throttled and THROTTLING_BASE or TRANSIENT_BASE
  local delay = random() * math.min(LONGEST_DELAY, base * 2 ^ index)
  if not retry_after then return delay end
  return math.max(delay, math.min(retry_after, delay + LATEST_ANSWER))
end

return retry
