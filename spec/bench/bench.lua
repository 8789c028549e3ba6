-- Runs all contenders against one local nginx that answers at once, round by round, and prints
-- their ratios. bench.lua ROUNDS SCALE
local contest = require "spec.bench.contest"
local core = require "connectparticipant.core"
local instructions_of = require "spec.bench.instructions"
local picture = require "spec.bench.picture"
local process = require "spec.support.process"
local servers = require "spec.bench.servers"
local certificates = require "spec.support.server.certificates"

local rounds, scale = tonumber(arg[1] or 5), tonumber(arg[2] or 1)
contest.rounds = rounds
local in_turn, median, ratio, run = contest.in_turn, contest.median, contest.ratio, contest.run
local directory = process.run { "mktemp", "-d" }.stdout:gsub("\n", "")

-- The first of the cores that this process may use.
local function first_core()
  local told = process.run { "sh", "-c", "taskset -pc $$" }
  return assert(told.stdout:match ".*: (%d+)", told.stderr)
end

certificates.write(directory)
local ONE_CORE = first_core()
local base, tls_base, stop_nginx = servers.nginx(directory)
local one_core_base, _, stop_one_core_nginx = servers.nginx(directory, ONE_CORE)
local SDK = process.root .. "/build/peers"

local function raw(mode, ...) return { "build/bench/raw", mode, base, ... } end
local function ours(mode, ...) return { process.lua, "spec/bench/ours.lua", mode, base, ... } end

-- The same on one core, which the server there shares. CPU is counted so: to wake another core
-- costs more than a call, and how often that happens is the scheduler's luck.
local function on_one_core(words)
  local pinned = { "taskset", "-c", ONE_CORE }
  for _, word in ipairs(words) do pinned[#pinned + 1] = word == base and one_core_base or word end
  return pinned
end

local function boto3(...) return { "/usr/bin/python3", "spec/bench/boto3_peer.py", ... } end
local function js(...) return { "node", "spec/bench/sdk_peer.mjs", SDK, ... } end

-- The faster of the two SDKs.
local function best(seen)
  return median(seen.boto3.wall) < median(seen.js.wall) and seen.boto3.wall or seen.js.wall
end

local function times(count) return ("%d"):format(math.max(20, count * scale)) end

-- A number with three digits that say something.
local function short(number)
  return (number < 0.1 and "%.3f" or number < 10 and "%.2f" or "%.1f"):format(number)
end

local missed = 0
local function row(what, against, seen, target, less, note)
  local good = less and seen <= target or not less and seen >= target
  if not good then missed = missed + 1 end
  print(("| %-40s | %-16s | %6s | %s %-4s | %-3s | %s |"):format(what, against, short(seen),
    less and "<=" or ">=", short(target):gsub("%.?0+$", ""), good and "yes" or "no", note or ""))
end

local OURS = { core = true, client = true }
local charts = {}
-- Remembers bars for the end: { { name, number }... }, more is better.
local function chart(title, unit, bars)
  charts[#charts + 1] = { title = title, unit = unit, bars = bars, ours = OURS }
end

local DRAWING = "build/bench/bench.svg"

local function draw()
  print(picture.text(charts))
  local file = assert(io.open(DRAWING, "w"))
  file:write(picture.svg(charts))
  file:close()
  print("\nthe same as a drawing: " .. DRAWING)
end

-- The medians of lists of seconds, for people.
local function us(list) return ("%.1f us"):format(median(list) * 1e6) end
local function ms(list) return ("%.1f ms"):format(median(list) * 1e3) end
local function per_second(list) return 1 / median(list) end
local function rate(list) return ("%.0f/s"):format(per_second(list)) end
local function gigabytes(list) return 1.0737 * per_second(list) end
local function gb_per_second(list) return ("%.2f GB/s"):format(gigabytes(list)) end

io.stdout:setvbuf "line"
print "| work | against | ratio | aim | met | seen |\n|---|---|---|---|---|---|"

local function calls()
  local n = times(10000)
  local seen = contest.of {
    raw = { words = raw("calls", n) }, core = { words = ours("core", n) },
    client = { words = ours("client", n) },
    boto3 = { words = boto3("calls", base, times(500), "1") },
    js = { words = js("calls", base, times(1000), "1") },
    raw_alone = { words = on_one_core(raw("calls", n)) },
    core_alone = { words = on_one_core(ours("core", n)) },
    client_alone = { words = on_one_core(ours("client", n)) },
  }
  row("one after another: core, CPU", "raw C", ratio(seen.core_alone.cpu, seen.raw_alone.cpu), 1.3,
    true, ("%s and %s; on both cores %s and %s"):format(us(seen.core_alone.cpu),
      us(seen.raw_alone.cpu), us(seen.core.cpu), us(seen.raw.cpu)))
  row("one after another: client, CPU", "raw C", ratio(seen.client_alone.cpu, seen.raw_alone.cpu),
    1.6, true, ("%s; on both cores %s"):format(us(seen.client_alone.cpu), us(seen.client.cpu)))
  local what, own = "one after another: client, calls/s", seen.client.wall
  row(what, "raw C", ratio(seen.raw.wall, own), 0.95, false,
    rate(own) .. " and " .. rate(seen.raw.wall))
  row(what, "boto3", ratio(seen.boto3.wall, own), 5, false, rate(seen.boto3.wall))
  row(what, "JavaScript SDK", ratio(seen.js.wall, own), 8, false, rate(seen.js.wall))
  chart("StartAttachmentUpload, one after another", "calls/s", {
    { "raw C", per_second(seen.raw.wall) }, { "core", per_second(seen.core.wall) },
    { "client", per_second(seen.client.wall) }, { "boto3", per_second(seen.boto3.wall) },
    { "JavaScript SDK", per_second(seen.js.wall) } })
end

local function parallel()
  local n = times(20000)
  local seen = contest.of({
    raw = { words = raw("parallel", n, "64") }, map = { words = ours("map", n, "64") },
    keeping = { words = ours("map_keeping", n, "64") },
    boto3 = { words = boto3("parallel", base, times(1000), "64") },
    js = { words = js("parallel", base, times(2000), "64") },
  }, 7)
  local what, own = "64 in flight through map, calls/s", seen.map.wall
  row(what, "raw C curl_multi", ratio(seen.raw.wall, own), 0.6, false,
    rate(own) .. " and " .. rate(seen.raw.wall))
  row(what, "best SDK", ratio(best(seen), own), 20, false, rate(best(seen)))
  row("the same, and all answers kept", "raw C, keeping none",
    ratio(seen.raw.wall, seen.keeping.wall), 0.6, false,
    ("%s; %.1f x the best SDK"):format(rate(seen.keeping.wall),
      ratio(best(seen), seen.keeping.wall)))
  chart("StartAttachmentUpload, 64 in flight", "calls/s", {
    { "raw C", per_second(seen.raw.wall) }, { "client", per_second(own) },
    { "boto3", per_second(seen.boto3.wall) }, { "JavaScript SDK", per_second(seen.js.wall) } })
end

local function flows()
  local n = times(3000)
  local seen = contest.of({
    raw = { words = raw("flows", n, "32", "65536") }, flows = { words = ours("flows", n, "32") },
    boto3 = { words = boto3("flows", base, times(500), "32") },
    js = { words = js("flows", base, times(1000), "32") },
  }, 7)
  row("flows of 64 KiB, 32 in flight, flows/s", "raw C", ratio(seen.raw.wall, seen.flows.wall), 0.7,
    false, rate(seen.flows.wall) .. " and " .. rate(seen.raw.wall))
  row("flows of 64 KiB, 32 in flight, flows/s", "best SDK-based",
    ratio(best(seen), seen.flows.wall), 16, false, rate(best(seen)))
  chart("Start, PUT of 64 KiB, complete, 32 in flight", "flows/s", {
    { "raw C", per_second(seen.raw.wall) }, { "client", per_second(seen.flows.wall) },
    { "boto3", per_second(seen.boto3.wall) }, { "JavaScript SDK", per_second(seen.js.wall) } })
end

-- Memory does not grow with the file.
local function peaks(file, command)
  local peak = {}
  for _, size in ipairs { "1M", "4G" } do
    process.run { "truncate", "-s", size, file }
    peak[size] = run(command.words, command.env).peak
  end
  row("peak memory of a PUT of 4 GiB", "of 1 MiB", peak["4G"] / peak["1M"], 1.15, true,
    ("%d and %d KiB"):format(peak["4G"], peak["1M"]))
end

local function puts(tls)
  local port, stop = servers.drop(directory, tls)
  local url = ("%s://127.0.0.1:%d"):format(tls and "https" or "http", port)
  local file = directory .. "/file"
  process.run { "truncate", "-s", "1G", file }
  process.run { "sh", "-c", "cat " .. file .. " >/dev/null" } -- the first to read would pay
  local env = tls and { RAW_CA_FILE = directory .. "/ca.pem" } or {}
  local contenders = {
    raw = { words = { "build/bench/raw", "put", url .. "/drop", file }, env = env },
    ours = { words = { process.lua, "spec/bench/ours.lua", "put", url, "1", file }, env = env },
    curl = { words = { "sh", "-c", ("TIMEFORMAT=x; /usr/bin/curl -s -o /dev/null --cacert %s/ca.pem"
      .. " -T %s %s/drop -w '{\"count\":1,\"wall\":%%{time_total},\"cpu\":0,\"peak\":0}'")
      :format(directory, file, url) } },
  }
  local seen = contest.of(contenders, 9)
  local name = tls and "PUT of 1 GiB over TLS" or "PUT of 1 GiB"
  row(name, "raw C", ratio(seen.raw.wall, seen.ours.wall), tls and 0.97 or 0.95, false,
    gb_per_second(seen.ours.wall))
  if not tls then
    row(name, "curl -T", ratio(seen.curl.wall, seen.ours.wall), 1.0, false,
      gb_per_second(seen.curl.wall))
    row("peak memory of that", "raw C", ratio(seen.ours.peak, seen.raw.peak), 1.15, true,
      ("%d and %d KiB"):format(median(seen.ours.peak), median(seen.raw.peak)))
    peaks(file, contenders.ours)
  end
  chart(name, "GB/s", { { "raw C", gigabytes(seen.raw.wall) },
    { "core", gigabytes(seen.ours.wall) }, { "curl -T", gigabytes(seen.curl.wall) } })
  stop()
end

-- A program as a contender: what it takes, in the words of the other contenders.
local function timed(...) return { "/usr/bin/python3", "spec/bench/timed.py", ... } end

-- The server's file is that of the PUTs, of 1 GiB. A download to a path ends when it is on disk, so
-- curl's has to be brought there, too: within its time, or after it, so that nobody else pays. Each
-- goes to a new file, which is then removed: its pages of memory are there for the next one.
local function downloads()
  local url, out = base .. "/file", directory .. "/out"
  process.run { "truncate", "-s", "1G", directory .. "/file" }
  local function to_disk(words, done)
    return { "sh", "-c", ("%s%s && rm %s"):format(table.concat(words, " "), done or "", out) }
  end
  local curl = ("/usr/bin/curl -s -o %s %s"):format(out, url)
  local seen = contest.of({
    path = { words = to_disk(ours("get", "1", out)) }, write = { words = ours("get", "1") },
    curl = { words = to_disk(timed(curl), " && sync " .. out) },
    synced = { words = to_disk(timed("sh", "-c", ("'%s && sync %s'"):format(curl, out))) },
    curl_null = { words = timed("/usr/bin/curl", "-s", "-o", "/dev/null", url) },
  }, 5)
  for _, names in ipairs { { "path", "curl", "a path", "curl -o" },
    { "path", "synced", "a path", "curl -o && sync" },
    { "write", "curl_null", "write", "curl -o /dev/null" } } do
    local own, other = seen[names[1]], seen[names[2]]
    local what, against = "download of 1 GiB to " .. names[3], names[4]
    row(what .. ", GB/s", against, ratio(other.wall, own.wall), 0.95, false,
      gb_per_second(own.wall) .. " and " .. gb_per_second(other.wall))
    row(what .. ", CPU", against, ratio(own.cpu, other.cpu), 1.1, true,
      ms(own.cpu) .. " and " .. ms(other.cpu))
  end
end

-- Many small files, from the directory to the last completion: links to one file of 64 KiB.
local function small_files()
  local files, n = directory .. "/files", times(10000)
  process.run { "sh", "-c", ("mkdir %s && cd %s && truncate -s 64K 1.pdf && i=2 && "
    .. "while [ $i -le %s ]; do ln 1.pdf $i.pdf; i=$((i + 1)); done"):format(files, files, n) }
  local seen = contest.of({
    own = { words = ours("files", n, "32", files) },
    boto3 = { words = boto3("files", base, times(500), "32", files) },
  }, 3)
  row("files of 64 KiB, 32 in flight, files/s", "boto3 script", ratio(seen.boto3.wall,
    seen.own.wall), 16, false, rate(seen.own.wall) .. " and " .. rate(seen.boto3.wall))
end

local function connections()
  local first, later = {}, {}
  -- As large as a system's bundle, with our CA in it.
  local bundle = directory .. "/bundle.pem"
  process.run { "sh", "-c", ("cat /etc/ssl/certs/ca-certificates.crt %s/ca.pem > %s")
    :format(directory, bundle) }
  for index = 1, rounds do
    local seen = run({ process.lua, "spec/bench/ours.lua", "connections", tls_base, "20" },
      { RAW_CA_FILE = bundle })
    first[index], later[index] = seen.first, seen.later
  end
  row("new TLS connection, CPU", "the first", ratio(later, first), 0.1, true,
    us(later) .. " and " .. us(first))
end

local AGAIN, START_ROUNDS = 5, 15

-- A shell's line that runs a program several times and fails when it does.
local function repeated(words)
  local quoted = {}
  for index, word in ipairs(words) do quoted[index] = process.quote(word) end
  return { "sh", "-c", ("i=0; while [ $i -lt %d ]; do %s >/dev/null || exit 1; "
    .. "i=$((i + 1)); done"):format(AGAIN, table.concat(quoted, " ")) }
end

-- Wall time of a whole process with one call.
local function starts()
  local contenders, seen = {
    own = { process.lua, "-e", ([[local core = require "connectparticipant.core"
      assert(core.start_attachment_upload({ ConnectionToken = "t", AttachmentName = "a",
      AttachmentSizeInBytes = 5, ContentType = "text/plain" }, { endpoint = %q }))]])
      :format(base) },
    curl = { "/usr/bin/curl", "-s", "-H", "Content-Type: application/json", "-H",
      "X-Amz-Bearer: t", "-d", '{"AttachmentName":"a"}',
      base .. "/participant/start-attachment-upload" },
    python = boto3("calls", base, "1", "1"),
    node = js("calls", base, "1", "1"),
  }, { own = {}, curl = {}, python = {}, node = {} }
  in_turn(contenders, rounds > 1 and START_ROUNDS or rounds, function(name, words, round)
    local begun = core.now()
    local result = process.run(repeated(words))
    assert(result.status == 0, result.stderr)
    seen[name][round] = (core.now() - begun) / AGAIN
  end)
  local what = "process with require and one call, wall"
  row(what, "curl", ratio(seen.own, seen.curl), 1.0, true, ms(seen.own) .. " and " .. ms(seen.curl))
  row(what, "boto3", ratio(seen.own, seen.python), 1 / 25, true, ms(seen.python))
  row(what, "JavaScript SDK", ratio(seen.own, seen.node), 1 / 20, true, ms(seen.node))
end

-- CPU of one flow of a run of 2n beyond what a run of n takes: without start and new connections.
local function later(seen, name)
  local list = {}
  for round, cpu in ipairs(seen[name .. 2].cpu) do
    list[round] = 2 * cpu - seen[name .. 1].cpu[round]
  end
  return list
end

local function width()
  local contenders = {}
  for part = 1, 2 do
    local n = times(10000 * part / math.min(scale, 1))
    contenders["narrow" .. part] = { words = ours("flows", n, "10") }
    contenders["wide" .. part] = { words = ours("flows", n, "1000") }
    -- Each connection is a descriptor.
    contenders["widest" .. part] = { words = { "sh", "-c", "ulimit -n 20000; exec "
      .. table.concat(ours("flows", n, "5000"), " ") } }
    contenders["raw_narrow" .. part] = { words = raw("flows", n, "10", "65536") }
    contenders["raw_wide" .. part] = { words = raw("flows", n, "1000", "65536") }
  end
  local seen = contest.of(contenders, 3)
  local narrow, wide, widest = later(seen, "narrow"), later(seen, "wide"), later(seen, "widest")
  row("CPU per flow, 1,000 in flight", "10 in flight", ratio(wide, narrow), 1.15, true,
    us(wide) .. " and " .. us(narrow) .. "; raw C "
    .. short(ratio(later(seen, "raw_wide"), later(seen, "raw_narrow"))))
  row("CPU per flow, 5,000 in flight", "10 in flight", ratio(widest, narrow), 1.3, true, us(widest))
  local own, theirs = {}, {}
  for round = 1, #seen.wide1.peak do
    own[round] = (seen.wide1.peak[round] - seen.narrow1.peak[round]) / 990
    theirs[round] = (seen.raw_wide1.peak[round] - seen.raw_narrow1.peak[round]) / 990
  end
  row("memory of a flow in flight, KiB", "", median(own), 48, true,
    ("%.0f of a peak of %d KiB; raw C %.0f"):format(median(own), median(seen.wide1.peak),
      median(theirs)))
end

local function growth()
  local few, many = "1000", times(100000)
  local seen = contest.of({
    few = { words = on_one_core(ours("client", few)) },
    many = { words = on_one_core(ours("client", many)) },
  }, 3)
  row("CPU per call at 10^5 calls", "at 10^3", ratio(seen.many.cpu, seen.few.cpu), 1.05, true,
    us(seen.many.cpu) .. " and " .. us(seen.few.cpu))
end

local function instructions()
  local own = { raw = instructions_of(raw, "calls"), core = instructions_of(ours, "core"),
    client = instructions_of(ours, "client") }
  local seen = ("%.0f, %.0f and %.0f"):format(own.core, own.client, own.raw)
  row("one after another: core, instructions", "raw C", own.core / own.raw, 1.45, true, seen)
  row("one after another: client, instructions", "raw C", own.client / own.raw, 1.75, true, seen)
end

local ok, problem = pcall(function()
  calls()
  instructions()
  parallel()
  flows()
  puts(false)
  puts(true)
  downloads()
  small_files()
  connections()
  starts()
  growth()
  width()
  draw()
  print(missed == 0 and "\nall targets met" or ("\n%d targets missed"):format(missed))
end)
stop_nginx()
stop_one_core_nginx()
process.run { "rm", "-rf", directory }
if not ok then error(problem, 0) end
