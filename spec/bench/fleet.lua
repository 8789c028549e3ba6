-- What a fleet gets through an instance that allows two uploads a second, with one pace on Redis
-- and without: processes, and workers of nginx, that each keep eight uploads in flight.
local core = require "connectparticipant.core"
local blocking = require "connectparticipant.driver.blocking"
local emulated = require "spec.support.emulated"
local nginx = require "spec.support.nginx"
local pace = require "connectparticipant.pace"
local process = require "spec.support.process"
local redis = require "spec.support.redis"

-- The first seconds are not counted: there the service has its burst, and whoever comes first gets
-- it. Turns go round in order of arrival, so with eight in flight each of one, two, four and eight
-- has had as many as the others after 4, 8, 16 and 32 seconds.
local BEFORE, SECONDS = 8, 32
local ONLY = os.getenv "FLEET_ONLY" -- rows of this name
local ALLOWED = 2 -- a second

-- What is promised: of the uploads that are allowed, of all requests, of the fastest one's uploads,
-- seconds, and Redis commands an upload.
local LEAST_DONE, MOST_REFUSED, LEAST_FAIR, MOST_ADDED, MOST_COMMANDS = 0.95, 0.02, 0.8, 3e-4, 4

local MEMBER = [[require "spec.bench.fleet_member" {
  endpoint = %q, token = %q, journal = %q, begin = %.6f, sleep = %s, redis = %q,
}]]

local directory = process.run { "mktemp", "-d" }.stdout:gsub("\n", "")
process.run { "chmod", "777", directory }

-- Lua that makes whoever runs it a member.
local function member(run, journal, sleep)
  return MEMBER:format(run.service.endpoint, run.service:connect(), journal, run.begin, sleep,
    run.server and run.server.url or "")
end

local function start_processes(run, count)
  local pipes = {}
  for number = 1, count do
    local code = member(run, ("%s/%d"):format(directory, number), "nil")
    local pipe = io.popen(("echo $$; exec setpriv --pdeathsig KILL %s -e %s"):format(
      process.quote(process.lua), process.quote(code)))
    pipes[number] = { pipe = pipe, pid = pipe:read "*l" }
  end
  return function()
    for _, own in ipairs(pipes) do
      os.execute("kill -9 " .. own.pid)
      own.pipe:close()
    end
  end
end

-- Two nginxes, of two workers each.
local function start_nginxes(run)
  local servers = {}
  for number = 1, 2 do
    local code = member(run, ("%s/%d"):format(directory, number), "ngx.sleep")
      :gsub('journal = "([^"]*)"', function(path)
        return ('journal = %q .. "-" .. ngx.worker.id()'):format(path)
      end)
    servers[number] = nginx.start { workers = 2, http = ([[
      init_worker_by_lua_block { assert(ngx.timer.at(0, function() %s end)) }
    ]]):format(code) }
  end
  return function()
    for _, server in ipairs(servers) do
      server:signal "TERM"
      process.run { "timeout", "30", "tail", "--pid=" .. server:pid(), "-f", "/dev/null" }
      server.stopped = true
      server:remove()
    end
  end
end

-- What the members have noted: how many of each word, and how many uploads each member has done.
local function read_journals()
  local counts, done = {}, {}
  local listed = process.run { "sh", "-c", "ls -d " .. directory .. "/*" }.stdout
  for path in listed:gmatch "[^\n]+" do
    local own = 0
    for line in io.lines(path) do
      local word, moment = line:match "^(%w+) (%S+)"
      moment = tonumber(moment)
      local is_outside = word == "done" and (moment < BEFORE or moment >= BEFORE + SECONDS)
      if not is_outside then counts[word] = (counts[word] or 0) + 1 end
      if word == "done" and not is_outside then own = own + 1 end
    end
    done[#done + 1] = own
  end
  table.sort(done)
  process.run { "sh", "-c", ("rm -f %s/*"):format(directory) }
  return counts, done
end

-- Of StartAttachmentUpload and CompleteAttachmentUpload, those that the service has refused.
local function refused_share(service)
  local all, refused = 0, 0
  for _, operation in ipairs { "StartAttachmentUpload", "CompleteAttachmentUpload" } do
    for _, request in ipairs(service:requests(operation)) do
      all = all + 1
      if request.status == 429 then refused = refused + 1 end
    end
  end
  return refused / math.max(1, all)
end

local failures = 0

local function verdict(value, good)
  if good == nil then return value end
  if not good then failures = failures + 1 end
  return value .. (good and "" or " NO")
end

local ROW = "%-24s  %-9s  %-10s  %-15s  %-14s  %-6s  %s"

local function report(run, name, sent)
  local counts, done = read_journals()
  local uploads = counts.done or 0
  local speed, refused = uploads / SECONDS, refused_share(run.service)
  local fair = (done[1] or 0) / math.max(1, done[#done] or 0)
  local commands = run.server and sent / math.max(1, uploads)
  local shared = run.server ~= nil
  print(ROW:format(name,
    verdict(("%.2f"):format(speed), not shared or speed >= LEAST_DONE * ALLOWED),
    verdict(("%.1f %%"):format(refused * 100), not shared or refused <= MOST_REFUSED),
    verdict(("%d/%d = %.2f"):format(done[1] or 0, done[#done] or 0, fair),
      not shared or fair >= LEAST_FAIR),
    commands and verdict(("%.1f"):format(commands), commands <= MOST_COMMANDS) or "-",
    verdict(tostring(counts.failed or 0), (counts.failed or 0) == 0 or nil),
    shared and tostring(counts.alone or 0) or "-"))
  io.stdout:flush()
end

-- `start(run, count)` starts the members, and gives what ends them.
local function measure(name, is_shared, start, count)
  if ONLY and not name:find(ONLY) then return end
  local run = {
    service = emulated.start { rates = "aws", quota = 1000000 },
    server = is_shared and redis.start() or nil, begin = core.time() + 2,
  }
  local stop = start(run, count)
  core.sleep(run.begin + BEFORE - core.time())
  local before = run.server and run.server:commands()
  core.sleep(run.begin + BEFORE + SECONDS - core.time())
  local sent = run.server and run.server:commands() - before
  stop()
  report(run, name, sent)
  run.service:stop()
  if run.server then run.server:stop() end
end

-- What asking Redis for a turn adds, where nothing else asks it: sorted seconds.
local function measure_added()
  local server, times = redis.start(), {}
  local own = assert(pace.open({ redis = server.url, instance = "rest" }, "https://h.example",
    { now = core.now, driver = blocking }))
  for number = 1, 2000 do
    local began = core.now()
    local _, booking = own:reserve("StartAttachmentUpload", began + 60)
    times[number] = core.now() - began
    own:give_back("StartAttachmentUpload", booking)
  end
  server:stop()
  table.sort(times)
  local median = times[#times / 2]
  print(("A reservation at rest takes %s ms, and %.2f ms at p99."):format(
    verdict(("%.2f"):format(median * 1000), median <= MOST_ADDED), times[#times * 0.99] * 1000))
end

print(ROW:format("eight in flight each", "uploads/s", "refused", "slowest/fastest",
  "commands/upload", "failed", "outages"))
for _, count in ipairs { 1, 2, 4, 8 } do
  for _, is_shared in ipairs { false, true } do
    measure(("%d process%s%s"):format(count, count > 1 and "es" or "",
      is_shared and ", Redis" or ""), is_shared, start_processes, count)
  end
end
measure("2 nginxes of 2 workers", false, start_nginxes)
measure("2 nginxes, Redis", true, start_nginxes)
measure_added()
process.run { "rm", "-rf", directory }
os.exit(failures == 0)
