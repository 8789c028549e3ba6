-- URLs, parsed by us and by the WHATWG's rules (in Node.js): what we accept is a URL there, too,
-- with the same host; and what we take for loopback, where tokens may go in clear text, is
-- loopback.
local cjson = require "cjson"
local core = require "connectparticipant.core"
local corpus = require "spec.fuzz.corpus"
local process = require "spec.support.process"
local random = require "spec.fuzz.random"

local NAMES = { "aws", "port", "ipv6", "mapped", "short", "hexadecimal", "octal", "dot", "user",
  "fragment", "one-slash", "three", "backslash", "percent", "upper", "zone" }
local BATCH = 3000

local seeds = {}
for index, name in ipairs(NAMES) do
  seeds[index] = corpus.read("urls", name)
end

local function is_loopback(host)
  return host == "localhost" or host == "[::1]" or host:find "^127%.%d+%.%d+%.%d+$" ~= nil
end

local function check(url, line)
  -- Labels of punycode that decode to nothing are errors there, and unknown hosts to us.
  if line == "none" and url:lower():find("xn--", 1, true) then return end
  local scheme, host, port, user = line:match "^(%S+) (%S+) (%S+) (%S+)$"
  assert(scheme, "only we accept it")
  assert(user == "-", "a user name")
  local own_scheme, authority = url:match "^(%a+:)//([^/?#]+)"
  local own_host, own_port = authority:match "^(%b[]):?(%d*)$"
  if not own_host then own_host, own_port = authority:match "^([^:]*):?(%d*)$" end
  own_scheme = own_scheme:lower()
  if own_port == "" then own_port = own_scheme == "https:" and "443" or "80" end
  if port == "-" then port = scheme == "https:" and "443" or "80" end
  assert(scheme == own_scheme and tonumber(port) == tonumber(own_port), "another scheme or port")
  assert(own_host:find "^%[" or own_host:lower() == host, "another host")
  assert(scheme == "https:" or is_loopback(host), "not loopback")
end

local function accepted_of(own)
  local list, lines = {}, {}
  for _ = 1, BATCH do
    local url = random.mutate(own, seeds[own:pick(#seeds)], 2)
    if core.settings { endpoint = url } then
      list[#list + 1], lines[#lines + 1] = url, cjson.encode(url)
    end
  end
  return list, table.concat(lines, "\n") .. "\n"
end

random.run("whatwg (times 3000)", 1, function(own)
  local list, lines = accepted_of(own)
  local told = process.run { "node", "spec/fuzz/whatwg.mjs", stdin = lines }
  assert(told.status == 0, told.stderr)
  local index = 0
  for line in told.stdout:gmatch "[^\n]+" do
    index = index + 1
    local ok, problem = pcall(check, list[index], line)
    assert(ok, ("%q: %s (%s)"):format(list[index], tostring(problem), line))
  end
  assert(index == #list and index > 100, "accepted: " .. index)
end)
