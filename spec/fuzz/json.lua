-- The service's answers as a user gets them: for any body, status and headers the result is either
-- a table or an error of a known kind, which can be printed and holds nothing of the token.
local core = require "connectparticipant.core"
local corpus = require "spec.fuzz.corpus"
local json = require "connectparticipant.emulator.json"
local random = require "spec.fuzz.random"
local text = require "connectparticipant.emulator.text"

local NAMES = { "transcript", "start", "error", "numbers", "nul", "html" }
local STATUSES = { 200, 200, 200, 201, 204, 302, 400, 403, 429, 500, 503, 599 }
local HEADERS = { "x-amzn-errortype", "x-amzn-requestid", "retry-after", "content-type", "date" }
local operations = core.operations()

local accepted = 0

local function check_error(err, status)
  assert(err.kind == "service" or err.kind == "protocol", "kind " .. tostring(err.kind))
  assert(err.status == status and err.code ~= "" and err.message ~= "", "no reason")
  assert(#err.message < 4096 and text.characters(err.message), "cannot be shown")
  assert(not tostring(err):find "[%z\1-\31\127]", "control characters")
  assert(not err.retry_after or err.retry_after >= 0, "a delay below 0")
end

local function check(operation, status, headers, body)
  local result, err = core.read_response(operation, status, headers, body)
  if not result then return check_error(err, status) end
  assert(status >= 200 and status <= 299 and type(result) == "table", "no success")
  accepted = accepted + 1
  assert(body:find "^%s*{.*}%s*$" or not body:find "%S", "not an object")
  assert(type(result.ResponseMetadata) == "table", "no metadata")
  -- If a strict reader accepts the body, too, both have read the same strings.
  local strict = json.object(body)
  for key, value in pairs(strict or {}) do
    assert(type(value) ~= "string" or key == "ResponseMetadata" or result[key] == value, key)
  end
end

local seeds = {}
for index, name in ipairs(NAMES) do seeds[index] = corpus.read("json", name) end

random.run("json", 3000, function(own)
  local headers = {}
  for _ = 1, own:pick(3) - 1 do
    headers[HEADERS[own:pick(#HEADERS)]] = random.mutate(own, "a b", 3)
  end
  check(operations[own:pick(#operations)].name, STATUSES[own:pick(#STATUSES)], headers,
    random.mutate(own, seeds[own:pick(#seeds)], 3))
end)
assert(accepted > 100, "hardly any answer is accepted")
