--- The rates that AWS documents for an instance: requests a second, and how many at once. It
-- documents none for views and authentication.
-- https://docs.aws.amazon.com/connect/latest/adminguide/amazon-connect-service-limits.html

local limits = {}

local AWS = {
  StartAttachmentUpload = { 2, 5 }, CompleteAttachmentUpload = { 2, 5 }, GetAttachment = { 8, 12 },
  GetTranscript = { 8, 12 }, CreateParticipantConnection = { 6, 9 },
  DisconnectParticipant = { 3, 5 }, SendMessage = { 10, 15 }, SendEvent = { 10, 15 },
}

---@class connectparticipant.emulator.Limits
local Limits = {}
Limits.__index = Limits

--- Takes a token from the operation's bucket; false when it is empty.
function Limits:allow(operation)
  local rule = AWS[operation]
  if not self.on or not rule then return true end
  local now = self.now()
  local bucket = self.buckets[operation]
  if not bucket then
    bucket = { tokens = rule[2], at = now }
    self.buckets[operation] = bucket
  end
  bucket.tokens = math.min(rule[2], bucket.tokens + (now - bucket.at) * rule[1])
  bucket.at = now
  if bucket.tokens < 1 then return false end
  bucket.tokens = bucket.tokens - 1
  return true
end

---@param on boolean
---@param now fun(): number
function limits.new(on, now)
  return setmetatable({ on = on, now = now, buckets = {} }, Limits)
end

return limits
