-- With a directory, everything that the emulator confirms is on disk before the answer, and
-- survives.
local emulated = require "spec.support.emulated"
local emulator = require "connectparticipant.emulator"
local files = require "spec.support.files"
local participant = require "connectparticipant"
local process = require "spec.support.process"

local directory
before_each(function() directory = files.new() end)
after_each(function() directory:remove() end)

-- Returns a function that kills nginx and its worker at once, by a shell that has been started
-- before.
local function killer_of(service)
  local pid = service.running.pid
  -- Stopped first, since nginx would replace the worker in the moment before it is ended itself.
  local shell = io.popen(("read -r go; kill -STOP %d; kill -9 $(cat /proc/%d/task/%d/children) %d")
    :format(pid, pid, pid, pid), "w")
  return function()
    shell:write "go\n"
    shell:close()
    service.running:stop()
  end
end

local function kill(service)
  killer_of(service)()
end

local function client_of(service)
  return participant.new { endpoint = service.endpoint, max_attempts = 1 }
end

local function say(client, token, index)
  return client:send_message { ConnectionToken = token, ContentType = "text/plain",
    Content = "message " .. index, ClientToken = "message-" .. index }
end

-- Uploads and sends messages, many at once, until this many have been answered; then stops. Returns
-- which were answered, by number.
local function work_until_killed(service, token, count)
  local client, answered, sent, most = client_of(service), {}, {}, 0
  local kill_now = killer_of(service)
  local list = {}
  for index = 1, 400 do list[index] = index end
  client:map(list, function(index)
    if say(client, token, index) then sent[index] = true end
    local attachment = client:upload_attachment { ConnectionToken = token,
      body = ("body %d"):format(index):rep(100), AttachmentName = index .. ".txt" }
    if not attachment then return end
    answered[index], most = attachment.AttachmentId, most + 1
    if most == count then kill_now() end
  end, { concurrency = 16 })
  client:close()
  return answered, sent
end

-- How often each item is in a transcript, by its attachment or its content.
local function counts_of(client, token)
  local counts = {}
  for item in client:transcript { ConnectionToken = token } do
    local key = item.Attachments and item.Attachments[1].AttachmentId or item.Content or "event"
    counts[key] = (counts[key] or 0) + 1
  end
  return counts
end

describe("kill -9", function()
  it("loses nothing that was answered, and doubles nothing", function()
    local service = emulated.start { dir = directory.directory, quota = 1000 }
    local token = service:connect()
    local answered, sent = work_until_killed(service, token, 150)
    service = emulated.start { dir = directory.directory, quota = 1000 }
    local client = client_of(service)
    for index in pairs(sent) do assert(say(client, token, index)) end
    local counts = counts_of(client, token)
    for index, id in pairs(answered) do
      assert.equal(1, counts[id], "the attachment " .. index)
      local got = assert(client:download_attachment { ConnectionToken = token, AttachmentId = id })
      assert.equal(("body %d"):format(index):rep(100), got.body)
    end
    for index in pairs(sent) do assert.equal(1, counts["message " .. index]) end
    for key, count in pairs(counts) do assert.truthy(count == 1 or key == "event", key) end
    client:close()
    service:stop()
  end)

  it("of the worker alone loses nothing either", function()
    local service = emulated.start { dir = directory.directory }
    local token = service:connect()
    assert.equal(200, service:call("message", token,
      { ContentType = "text/plain", Content = "kept" }).status)
    local pid = service.running.pid
    process.run { "sh", "-c", ("kill -9 $(cat /proc/%d/task/%d/children)"):format(pid, pid) }
    local page = service:call("transcript", token, {})
    service.running:stop()
    assert.equal("kept", page.result.Transcript[1].Content)
  end)

  it("of nginx in the moment when it replaces the worker leaves no worker without it", function()
    local service = emulated.start { dir = directory.directory }
    local pid, boot = service.running.pid, directory:path "boot.lua"
    -- The new worker then finds that its parent is not the nginx that was started.
    local text, count = files.read(boot):gsub('(%["pid"%]=)%d+', "%11")
    assert.equal(1, count)
    directory:write("boot.lua", text)
    process.run { "sh", "-c", ("kill -9 $(cat /proc/%d/task/%d/children)"):format(pid, pid) }
    assert.equal(0, process.run { "timeout", "10", "sh", "-c",
      "tail -F -n +1 error.log | grep -q -m 1 'cannot be respawned'",
      cwd = directory.directory }.status)
    service.running:stop()
  end)

  it("leaves no bytes behind that nobody can reach", function()
    local service = emulated.start { dir = directory.directory }
    local token = service:connect()
    local begun = service:begin(token, 5)
    emulated.put(begun, "hello")
    emulated.put(begun, "hallo")
    kill(service)
    files.write({ path = directory.path, directory = directory.directory }, "incoming/torn", "x")
    files.write({ path = directory.path, directory = directory.directory }, "objects/torn", "x")
    service = emulated.start { dir = directory.directory }
    assert.equal(200, service:complete(token, begun.AttachmentId).status)
    assert.equal("hallo", service:fetch(token, begun.AttachmentId).body)
    local names = process.run { "sh", "-c", "ls objects incoming", cwd = directory.directory }
    assert.equal(1, select(2, names.stdout:gsub("%x+%-%x+%-[%x.-]+", "")), names.stdout)
    assert.is_nil(names.stdout:find("torn", 1, true))
    service:stop()
  end)
end)

describe("the journal", function()
  local function path() return directory:path "state.journal" end

  local function begin()
    local service = emulated.start { dir = directory.directory }
    local token = service:connect()
    service:call("message", token, { ContentType = "text/plain", Content = "first" })
    return service, token
  end

  it("may end in a torn line, which was never answered", function()
    local service, token = begin()
    kill(service)
    local text = files.read(path())
    for _, torn in ipairs { '[[["first"],"x', "\0\0\0\0", '[[["first"],"x"]]' } do
      local file = assert(io.open(path(), "wb"))
      file:write(text, torn)
      file:close()
      service = emulated.start { dir = directory.directory }
      local page = service:call("transcript", token, {}).result
      assert.equal("first", page.Transcript[1].Content)
      service:call("message", token, { ContentType = "text/plain", Content = "first",
        ClientToken = "again" })
      kill(service)
      service = emulated.start { dir = directory.directory }
      assert.equal(#page.Transcript + 1,
        #service:call("transcript", token, {}).result.Transcript)
      service:stop()
    end
  end)

  it("that is broken before its end is refused, and left as it is", function()
    local service = begin()
    service:stop()
    local text = files.read(path()):gsub("\n", "\nbroken\n", 1)
    local file = assert(io.open(path(), "wb"))
    file:write(text)
    file:close()
    local running, problem = emulator.start { dir = directory.directory }
    assert.is_nil(running)
    assert.truthy(problem:find("line 2 is broken", 1, true), problem)
    assert.equal(text, files.read(path()))
  end)

  it("is written anew when it has grown, and says the same", function()
    local service, token = begin()
    local content = ("x"):rep(1000)
    for _ = 1, 100 do
      service:call("message", token, { ContentType = "text/plain", Content = content })
    end
    local id = service:begin(token, 5).AttachmentId
    local before = #files.read(path())
    service:admin("POST", "settings", { journal_bytes = 50000 })
    for _ = 1, 3 do
      service:call("message", token, { ContentType = "text/plain", Content = "m" })
    end
    assert.truthy(#files.read(path()) ~= before)
    local _, lines = files.read(path()):gsub("\n", "")
    assert.truthy(lines < 10, lines)
    kill(service)
    service = emulated.start { dir = directory.directory }
    assert.equal(100, #service:call("transcript", token, { MaxResults = 100 }).result.Transcript)
    local known = {}
    for _, attachment in ipairs(service:admin("GET", "attachments").attachments) do
      known[attachment.AttachmentId] = attachment.Status
    end
    assert.equal("STARTED", known[id])
    service:stop()
  end)

  it("that cannot be written makes an answer fail", function()
    local service, token = begin()
    -- From now on a file may grow by one block only.
    local pid = service.running.pid
    local limited = process.run { "sh", "-c",
      ("prlimit --fsize=4096 --pid $(cat /proc/%d/task/%d/children)"):format(pid, pid) }
    assert.equal(0, limited.status, limited.stderr)
    local statuses = {}
    for index = 1, 60 do
      statuses[service:call("message", token, { ContentType = "text/plain",
        Content = "message " .. index }).status] = true
    end
    service.running:stop()
    assert.is_true(statuses[500])
    service = emulated.start { dir = directory.directory }
    assert.equal(200, service:call("transcript", token, {}).status)
    service:stop()
  end)
end)

describe("a repeated request", function()
  it("waits until the first is on disk", function()
    local service = emulated.start { dir = directory.directory }
    local token = service:connect()
    local input = { ContentType = "text/plain", Content = "once", ClientToken = "same" }
    local first = service:call("message", token, input)
    kill(service)
    service = emulated.start { dir = directory.directory }
    assert.same(first.result, service:call("message", token, input).result)
    local begun = service:begin(token, 5)
    assert.equal(200, emulated.put(begun, "hello").status)
    assert.equal(200, service:complete(token, begun.AttachmentId, "c").status)
    kill(service)
    service = emulated.start { dir = directory.directory }
    assert.equal(200, service:complete(token, begun.AttachmentId, "c").status)
    assert.equal(409, service:complete(token, begun.AttachmentId, "d").status)
    service:stop()
  end)
end)
