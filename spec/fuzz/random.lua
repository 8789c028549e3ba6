-- Random numbers for the fuzzers in Lua, and how long they run.
local core = require "connectparticipant.core"
local dice = require "spec.chaos.dice"

local random = {}

local WORDS = { "[", "]", "[profile ", "default", "=", "\n", "\r", " ", "\t", "#", ";", '"', "'",
  "\0", "region", "services", "\239\187\191", "\255", "\\", "é", "[services s]\n", "\n  ",
  "endpoint_url", "http://", "HTTPS://", "127.0.0.1", "localhost", "[::1]", ".", ":", "@", "/", "?",
  "%2e", "0x7f", "017", "①", "。", "xn--", "host", ":80", "-", "_" }

--- Changes a text in at most `most` places.
function random.mutate(own, text, most)
  for _ = 1, own:pick(most) do
    local at, size = own:pick(#text + 1), own:pick(8) - 1
    local what, piece = own:pick(4), ""
    if what == 1 then piece = WORDS[own:pick(#WORDS)] end
    if what == 2 then piece = string.char(own:pick(256) - 1) end
    if what == 3 then piece = text:sub(own:pick(#text + 1)):sub(1, own:pick(40)) end
    text = text:sub(1, at - 1) .. piece .. text:sub(at + (what == 4 and size or 0))
  end
  return text:sub(1, 4096)
end

--- Calls `try(dice)` for FUZZ_SECONDS, or `rounds` times if that is not set. Prints a line, with
--- the seed of the round that failed.
function random.run(name, rounds, try)
  local seconds = tonumber(os.getenv "FUZZ_SECONDS" or "")
  local first = tonumber(os.getenv "FUZZ_SEED" or "") or seconds and os.time() % 1000000 or 1
  local ending, count = core.now() + (seconds or 0), 0
  while seconds and core.now() < ending or count < rounds do
    local seed = first * 1000 + count
    local ok, problem = xpcall(function() try(dice.new(seed)) end, debug.traceback)
    if not ok then
      print(("%s: round %d of FUZZ_SEED=%d: %s"):format(name, count, first, problem))
      os.exit(1)
    end
    count = count + 1
  end
  print(("%s: Done %d runs with FUZZ_SEED=%d"):format(name, count, first))
end

return random
