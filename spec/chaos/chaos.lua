-- Many uploads, and downloads of the same, through a service that fails one request in five, is
-- stopped, killed and started again, by clients that are killed too; then the same in nginx, with
-- browsers that leave. `make chaos` runs it: CHAOS files (10,000), CHAOS_SEED for the same chance.
-- Fails unless each file that was reported uploaded is there once and byte for byte, and each other
-- one had an error that is true.
local browsers = require "spec.chaos.browsers"
local core = require "connectparticipant.core"
local crew = require "spec.chaos.crew"
local dice = require "spec.chaos.dice"
local files = require "spec.support.files"
local ledger = require "spec.chaos.ledger"
local participant = require "connectparticipant"
local process = require "spec.support.process"
local storm = require "spec.chaos.storm"

local COUNT = tonumber(os.getenv "CHAOS" or "") or 10000
local SEED = tonumber(os.getenv "CHAOS_SEED" or "") or os.time() % 1000000
local CHATS, GENERATIONS, SHOWN = 20, 12, 20

local failures, figures = 0, {}

local function check(what, good, seen)
  print(("%-6s %s: %s"):format(good and "ok" or "FAILED", what, seen))
  io.flush()
  if not good then failures = failures + 1 end
end

local function listed(counts)
  local words = {}
  for name, value in pairs(counts) do words[#words + 1] = ("%d %s"):format(value, name) end
  table.sort(words)
  return table.concat(words, ", ")
end

-- What happens to a client on its way, in an order that chance gives: the emulator is stopped, for
-- longer than a stall may last too, or killed, and at last the client.
local function trials(weather, own)
  local list = {
    function() weather:pause(2) end, function() weather:pause(5) end,
    function() weather:kill(0) end, function() weather:kill(1) end,
  }
  return own:shuffle(list)
end

local function remaining(told, ids)
  local list, done = {}, {}
  for _, generation in ipairs(told) do
    for index, entry in pairs(generation.results) do
      -- A client that does not know whether an upload was done must not repeat it.
      done[index] = done[index] or entry.id ~= nil or entry.outcome == "unknown"
    end
  end
  for index = 1, COUNT do
    local wanted = not ids or ids[("%d"):format(index)]
    if wanted and not done[index] then list[#list + 1] = index end
  end
  return list
end

-- Clients one after the other, the first ones killed, until nothing is left to be done.
local function work(run, weather, own)
  local clients = crew.new(run)
  for number = 1, GENERATIONS do
    local list = remaining(clients.told, run.ids)
    if #list == 0 then break end
    clients:begin(own:shuffle(list))
    local going, share = true, number <= 4 and 4 or 1
    local part = #list / share
    for step, trial in ipairs(number <= 6 and trials(weather, own) or {}) do
      going = going and clients:reach(part * step / 5)
      if going then trial() end
    end
    local kill = number <= 4 and going and clients:reach(part)
    clients:finish(kill)
  end
  return clients
end

-- How often each attachment is in the transcripts.
local function items_of(run)
  local client, counts = participant.new { endpoint = run.endpoint }, {}
  for _, token in ipairs(run.tokens) do
    for item in client:transcript { ConnectionToken = token } do
      for _, attachment in ipairs(item.Attachments or {}) do
        counts[attachment.AttachmentId] = (counts[attachment.AttachmentId] or 0) + 1
      end
    end
  end
  client:close()
  return counts
end

local function show(what, book, clients)
  local good = book.counts.uploaded or book.counts.downloaded or 0
  figures[#figures + 1] = ("%d %s"):format(good, what)
  check(what, #book.problems == 0, listed(book.counts) .. (", %d clients, %d killed"):format(
    clients.generation, clients.killed))
  for index = 1, math.min(SHOWN, #book.problems) do print("       " .. book.problems[index]) end
  print("       errors: " .. listed(book.errors))
end

-- Descriptors, memory and files of the clients that ended by themselves: one that is killed cannot
-- remove the files that it uploads from.
local function show_traces(what, run, clients)
  local left, peak, heap, names = 0, 0, 0, {}
  for _, generation in ipairs(clients.told) do
    local over = generation.over
    if over then
      left = math.max(left, over.left)
      peak, heap = math.max(peak, over.peak), math.max(heap, over.heap)
    end
  end
  for _, folder in ipairs { "tmp", "work" } do
    local pipe = io.popen("ls -A " .. process.quote(run.directory .. "/" .. folder))
    for name in pipe:lines() do
      local generation = tonumber(name:match "^(%d+)%-%d+%.bin$")
      if not (generation and clients.told[generation].killed) then names[#names + 1] = name end
    end
    pipe:close()
  end
  check(what .. ": what is left", left == 0 and #names == 0, ("%d descriptors, %d files%s"):format(
    left, #names, names[1] and " such as " .. names[1] or ""))
  check(what .. ": memory", peak < 200 * 1024 and heap < 16 * 1024,
    ("at most %d KiB, and %d KiB of Lua at the end"):format(peak, heap))
end

local function uploads(run, weather, own)
  local clients = work(run, weather, own)
  weather:calm()
  local book = ledger.uploads { seed = SEED, noise = run.bytes, told = clients.told,
    completed = weather:record(), items = items_of(run) }
  show("uploads", book, clients)
  show_traces("uploads", run, clients)
  local ids = {}
  for _, generation in ipairs(clients.told) do
    for index, entry in pairs(generation.results) do
      if entry.id then ids[("%d"):format(index)] = entry.id end
    end
  end
  return ids
end

local function downloads(run, weather, own, ids)
  run.ids = ids
  process.run { "sh", "-c", "rm -f work/*", cwd = run.directory }
  weather:rage()
  local clients = work(run, weather, own)
  weather:calm()
  show("downloads", ledger.downloads(clients.told), clients)
  show_traces("downloads", run, clients)
end

-- How many downloads were complete, and how many of these had wrong bytes.
local function downloads_in_nginx(run, server, own, ids, passed)
  local paths, fetched, wrong = {}, 0, 0
  for position, one in ipairs(ids) do
    paths[position] = ("/download?id=%s&token=%s"):format(one.id, run.tokens[1])
  end
  browsers.visit(server, paths, own, function(position, browser)
    local head, body = browser.head, browser.body
    local length = head and head:find "^HTTP/1.1 200" and head:match "Content%-Length: (%d+)"
    if not length or #body < tonumber(length) then return end
    local offset, size = dice.piece(SEED, ids[position].index)
    fetched = fetched + 1
    if body ~= run.bytes:sub(offset + 1, offset + size) then wrong = wrong + 1 end
  end, passed)
  return fetched, wrong
end

-- A storm and a run of their own, one in ten of the files.
local function in_nginx(place, own)
  local weather = storm.begin(place:path "emulator-nginx", own)
  local run = { directory = place.directory, seed = SEED, endpoint = weather.endpoint,
    tokens = { (weather.service:connect()) }, bytes = files.read(place:path "noise") }
  weather:rage()
  local server, count = browsers.start(run), math.max(100, math.floor(COUNT / 10))
  local before = server:descriptors()
  local told, paths, ids = { begun = {}, results = {} }, {}, {}
  local function passed(done)
    if done == math.floor(count / 4) then weather:pause(2) end
    if done == math.floor(count / 2) then weather:kill(0) end
  end
  for index = 1, count do
    told.begun[index] = true
    paths[index] = ("/upload?i=%d&token=%s"):format(index, run.tokens[1])
  end
  browsers.visit(server, paths, own, function(index, browser)
    local entry = browsers.entry(browser)
    told.results[index] = entry
    if entry and entry.id then ids[#ids + 1] = { index = index, id = entry.id } end
  end, passed)
  local fetched, wrong = downloads_in_nginx(run, server, own, ids, passed)
  local left, after = browsers.settle(server, before)
  weather:calm()
  show("nginx, uploads", ledger.uploads { seed = SEED, noise = run.bytes, told = { told },
    completed = weather:record(), items = items_of(run) }, { generation = 1, killed = 0 })
  figures[#figures + 1] = ("%d nginx, downloads"):format(fetched)
  check("nginx, downloads", wrong == 0, ("%d whole, %d wrong"):format(fetched, wrong))
  check("nginx: what is left", left == "0 0" and after <= before,
    ("%s under way, %d descriptors, %d before"):format(left, after, before))
  local log = server:stop()
  check("nginx: its log", log == "", log == "" and "nothing" or log:sub(1, 1000))
  server:remove()
  weather:stop()
end

local function main()
  local own, place, begun = dice.new(SEED), files.new(), core.now()
  print(("seed %d, %d files"):format(SEED, COUNT))
  for _, name in ipairs { "tmp", "work" } do process.run { "mkdir", place:path(name) } end
  local weather = storm.begin(place:path "emulator", own)
  local run = { directory = place.directory, seed = SEED, endpoint = weather.endpoint, tokens = {} }
  dice.write_noise(place:path "noise", SEED)
  run.bytes = files.read(place:path "noise")
  for index = 1, CHATS do run.tokens[index] = weather.service:connect() end
  weather:rage()
  local ids = uploads(run, weather, own)
  downloads(run, weather, own, ids)
  weather:stop()
  in_nginx(place, own)
  place:remove()
  print(("seed %d, %d ways to fail, good and proven: %s; %d checks failed, %.0f s"):format(SEED,
    weather.ways, table.concat(figures, ", "), failures, core.now() - begun))
end

main()
os.exit(failures == 0)
