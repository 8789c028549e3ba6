--- The standard retry mode of AWS's SDKs with its numbers of 2026: how long to wait before another
-- attempt, and the quota that all calls of a client share.
-- https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html

local retry = {}

local CAPACITY = 500
local TRANSIENT_COST, THROTTLING_COST = 14, 5
local TRANSIENT_BASE, THROTTLING_BASE = 0.05, 1 -- seconds
local LONGEST_DELAY = 20
local LATEST_ANSWER = 5 -- how far the server may stretch a delay

---@class connectparticipant.Quota
local Quota = {}
Quota.__index = Quota

--- Takes what a retry costs; nil when the quota is exhausted.
---@param throttled boolean
---@return integer|nil cost
function Quota:acquire(throttled)
  local cost = throttled and THROTTLING_COST or TRANSIENT_COST
  if self.tokens:add(-cost) >= 0 then return cost end
  self.tokens:add(cost)
  return nil
end

--- A call succeeded: gives back its last retry's cost, or a little where it needed none.
---@param cost? integer
function Quota:release(cost)
  if not cost and self.tokens.count == CAPACITY then return end
  local excess = self.tokens:add(cost or 1) - CAPACITY
  if excess > 0 then self.tokens:add(-excess) end
end

-- The tokens of one client alone; only they tell their count.
local Tokens = {}
Tokens.__index = Tokens

function Tokens:add(count)
  self.count = self.count + count
  return self.count
end

--- A quota; `tokens` makes what counts them where workers share it.
---@param tokens? fun(capacity: integer): table with `add(count)`, which gives the new count
---@return connectparticipant.Quota
function retry.quota(tokens)
  local own = tokens and tokens(CAPACITY) or setmetatable({ count = CAPACITY }, Tokens)
  return setmetatable({ tokens = own }, Quota)
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
