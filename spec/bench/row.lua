-- One row of the benchmark, which needs no SDK: a client's calls one after another, and those of
-- raw libcurl in C, each in turn before one local nginx that answers at once. row.lua [COUNT]
local cjson = require "cjson"
local certificates = require "spec.support.server.certificates"
local process = require "spec.support.process"
local servers = require "spec.bench.servers"

local ROUNDS = 5
local count = arg[1] or "2000"

local directory = process.run { "mktemp", "-d" }.stdout:gsub("\n", "")
certificates.write(directory)
local base, _, stop = servers.nginx(directory)
local contenders = {
  { name = "client", words = { process.lua, "spec/bench/ours.lua", "client", base, count } },
  { name = "raw C", words = { "build/bench/raw", "calls", base, count } },
}
local failure

local function measure(contender)
  local done = process.run(contender.words)
  if done.status ~= 0 then
    failure = contender.name .. ": " .. done.stderr
    return
  end
  local seen = cjson.decode(done.stdout)
  contender.rates = contender.rates or {}
  table.insert(contender.rates, seen.count / seen.wall)
end

for round = 1, ROUNDS do
  for index = 1, #contenders do
    if not failure then measure(contenders[(round + index) % #contenders + 1]) end
  end
end
stop()
process.run { "rm", "-rf", directory }
if failure then
  io.stderr:write(failure, "\n")
  os.exit(1)
end
for _, contender in ipairs(contenders) do table.sort(contender.rates) end
local middle = math.ceil(ROUNDS / 2)
print(("calls one after another: client %d/s, raw C %d/s"):format(
  math.floor(contenders[1].rates[middle]), math.floor(contenders[2].rates[middle])))
