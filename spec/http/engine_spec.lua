-- The HTTP engine: transfers, timeouts, and the connections that it keeps.
local core = require "connectparticipant.core"
local emulated = require "spec.support.emulated"
local files = require "spec.support.files"
local process = require "spec.support.process"
local socket = require "socket"
local transfers = require "spec.support.transfers"

local lab = transfers.new()
local transfer, get, reach, finish, move, failed = lab.transfer, lab.get, lab.reach, lab.finish,
  lab.move, transfers.failed
local server, directory, settings, engine
setup(function() server, directory, settings = lab.open() end)
teardown(lab.close)
before_each(function() engine = lab.begin() end)
after_each(function() engine:close() end)

-- A listener, and a function that fills its queue: from then on connections to it hang.
local function listen()
  local listener, queued = assert(socket.bind("127.0.0.1", 0, 0)), {}
  listener:settimeout(5)
  local port = select(2, listener:getsockname())
  finally(function()
    for _, one in ipairs(queued) do one:close() end
    listener:close()
  end)
  return listener, ("http://127.0.0.1:%d/"):format(port), function()
    for index = 1, 4 do
      queued[index] = socket.tcp()
      queued[index]:settimeout(0)
      queued[index]:connect("127.0.0.1", port)
    end
  end
end

-- A PUT whose kept connection is closed, so that libcurl connects again by itself; but nobody
-- accepts that connection.
local function replace(fields)
  local listener, url, fill = listen()
  local first = get { url = url }
  engine:step()
  local connection = assert(listener:accept())
  connection:send "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
  assert(finish(first))
  fill()
  fields.url, fields.source = url, ("x"):rep(1500000)
  local put = assert(transfer(fields))
  connection:settimeout(5)
  engine:step()
  repeat local line = assert(connection:receive "*l") until line == ""
  connection:send "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n"
  connection:close()
  return put
end

describe("an engine", function()
  it("without exchanges neither moves nor waits", function()
    local active, moved = engine:step()
    assert.equal(0, active)
    assert.is_false(moved)
    local before = core.now()
    engine:wait(10)
    assert.truthy(core.now() - before < 5)
    assert.is_nil(engine:ready())
  end)

  it("sends nothing before its first step", function()
    server:script { {} }
    local exchange = assert(transfer { source = "bytes" })
    assert.equal("run", exchange:state())
    assert.equal(0, server:seen().connections)
    finish(exchange)
    assert.equal(1, #server:seen().requests)
  end)

  it("moves more of a body in a step than one buffer of libcurl's", function()
    server:script { {} }
    local exchange = assert(transfer { source = ("x"):rep(8 * 1024 * 1024) })
    local most, before = 0, 0
    repeat
      engine:wait(1)
      engine:step()
      local sent = exchange:progress()
      most, before = math.max(most, sent - before), sent
    until exchange:state() == "done"
    assert.truthy(most > 64 * 1024)
  end)

  -- The resolver opens descriptors of its own. For a name as long as this one it asks no name
  -- server.
  local function resolve_nothing()
    local open = core.settings { endpoint = server.url, allow_insecure = true }
    local host = ("x"):rep(64) .. ".invalid"
    failed(nil, select(2, finish(get { url = "http://" .. host .. "/", settings = open })),
      { kind = "transport", code = "COULDNT_RESOLVE_HOST" })
  end

  it("goes on after a connection that never came about", function()
    local _, url, fill = listen()
    fill()
    local hanging = get { url = url }
    move(0.05)
    assert.equal("run", hanging:state())
    hanging:cancel()
    resolve_nothing()
  end)

  it("goes on after one that was to replace a kept one, and never came about", function()
    local put = replace {}
    move(0.05)
    assert.equal("run", put:state())
    put:cancel()
    resolve_nothing()
  end)

  it("reports which exchanges need their caller, once each", function()
    server:script { {}, { size = 100 } }
    local stored = assert(transfer { source = "bytes" })
    finish(stored)
    local drained = get { sink = "drain" }
    reach(drained, "have_data")
    local told = {}
    for id in function() return engine:ready() end do told[id] = true end
    assert.is_true(told[stored:id()])
    assert.is_true(told[drained:id()])
    assert.not_equal(stored:id(), drained:id())
    assert.is_nil(engine:ready())
  end)

  it("cancels the exchanges in flight when it is closed, and stays closed", function()
    server:script { { hang = "request" } }
    local exchange = assert(transfer { source = "bytes" })
    transfers.arrive(server, engine)
    engine:close()
    engine:close()
    assert.equal("done", exchange:state())
    local result, err = exchange:result()
    failed(result, err, { kind = "cancelled", code = "Cancelled" })
    assert.equal(exchange:id(), engine:ready())
    assert.is_nil(engine:ready())
    assert.has_error(function() transfer { source = "bytes" } end, "the engine is closed")
    assert.has_error(function() engine:pollfd() end)
    assert.truthy(tostring(engine):find "%(closed%)")
  end)

  it("releases an exchange that nothing references", function()
    server:script { { hang = "request" } }
    local exchange = assert(transfer { source = "bytes" })
    transfers.arrive(server, engine)
    assert.equal("run", exchange:state())
    exchange = nil
    collectgarbage()
    collectgarbage()
    assert.is_nil(exchange)
    assert.equal(0, (engine:step()))
  end)

  it("lives as long as its exchanges", function()
    server:script { { hang = "request" } }
    local other = core.engine()
    local exchange = assert(other:transfer { method = "GET", url = server.url .. "/x",
      settings = settings })
    transfers.arrive(server, other)
    other = nil
    collectgarbage()
    collectgarbage()
    assert.is_nil(other)
    assert.equal("run", exchange:state())
    exchange:cancel()
    assert.equal("done", exchange:state())
  end)

  it("keeps as many connections as it had in flight", function()
    local list, exchanges = {}, {}
    for index = 1, 128 do list[index] = {} end
    server:script(list)
    for _ = 1, 2 do
      for index = 1, 64 do exchanges[index] = assert(transfer { source = "bytes" }) end
      for index = 1, 64 do assert(finish(exchanges[index])) end
    end
    assert.equal(64, server:seen().connections)
    assert.is_true(exchanges[1]:info().reused)
  end)

  it("keeps them however many are in flight", function()
    local service = emulated.start { quota = 1000000 }
    finally(function() service:stop() end)
    local WIDE, token, exchanges, opened = 1200, service:connect(), {}, 0
    local own = core.settings { endpoint = service.endpoint }
    local params = { ConnectionToken = token,
      ContentType = "application/vnd.amazonaws.connect.event.typing" }
    for _ = 1, 2 do
      for index = 1, WIDE do
        exchanges[index] = assert(assert(core.request("SendEvent", params, own)):send(engine))
      end
      repeat engine:wait(1) until engine:step() == 0
      for index = 1, WIDE do
        assert(exchanges[index]:result())
        if not exchanges[index]:info().reused then opened = opened + 1 end
      end
    end
    assert.truthy(opened <= 1.02 * WIDE, opened)
  end)

  it("keeps no connection of a PUT that was fed, which no other could reuse", function()
    server:script { {}, {}, {}, {}, {} }
    local before
    for index = 1, 5 do
      local exchange = assert(transfer { size = 1 })
      assert(exchange:feed "x")
      assert(exchange:feed(nil))
      assert(finish(exchange))
      if index == 1 then before = process.descriptors() end
    end
    assert.equal(5, server:seen().connections)
    assert.equal(#before, #process.descriptors())
  end)

  it("keeps no descriptor but its connections", function()
    local path = directory:write("kept", ("x"):rep(100000))
    local function upload()
      server:script { {} }
      local source = assert(core.open_source(path))
      assert(finish(assert(transfer { source = source })))
      source:close()
    end
    upload()
    local before = process.descriptors()
    for _ = 1, 50 do upload() end
    assert.equal(#before, #process.descriptors())
  end)

  it("hears only once that a kept connection has ended", function()
    server:script { {}, {}, { close = true }, {} }
    for _ = 1, 3 do assert(finish(get {})) end
    lab.is_told(5)
    engine:step()
    assert.is_false(lab.is_told(0))
    local exchange = get {}
    assert(finish(exchange))
    assert.is_false(exchange:info().reused)
    assert.equal(2, server:seen().connections)
  end)

  it("takes unsolicited bytes on a kept connection for no answer", function()
    local listener, url = listen()
    -- Moves the engine until there is something to read, and reads it.
    local function hear(from, read)
      for _ = 1, 500 do
        engine:step()
        if #socket.select({ from }, nil, 0.01) > 0 then return read() end
      end
      error "nothing has come within 5 s"
    end
    local function accept()
      return hear(listener, function() return (assert(listener:accept())) end)
    end
    local function answer(connection, body)
      hear(connection, function()
        repeat local line = assert(connection:receive "*l") until line == ""
      end)
      connection:send(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"):format(#body, body))
    end
    local first = get { url = url }
    local connection = accept()
    answer(connection, "one")
    assert.equal("one", assert(finish(first)).body)
    connection:send "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\njunk"
    lab.is_told(5)
    local second = get { url = url }
    local other = accept()
    answer(other, "two")
    assert.equal("two", assert(finish(second)).body)
    assert.is_false(second:info().reused)
    connection:close()
    other:close()
  end)

  it("has a descriptor that is readable when a step is due", function()
    server:script { { size = 10 } }
    local exchange = get {}
    assert.equal(0, engine:timeout())
    while exchange:state() ~= "done" do
      engine:step()
      local due = engine:timeout()
      if due and due > 0 then lab.is_told(math.min(due, 5)) end
      assert.truthy(engine:timeout() == nil or engine:timeout() < due + 1)
    end
    assert.is_nil(engine:timeout())
    assert.is_false(lab.is_told(0))
    server:push(server:seen().each[1].number, "what nobody asked for")
    assert.equal(not process.portable, lab.is_told(5))
  end)

  it("passes no descriptor to programs that are started meanwhile", function()
    server:script { { hang = "response" } }
    local known, path = {}, directory:write("kept", "x")
    server:seen()
    for _, one in ipairs(process.descriptors()) do known[one] = true end
    local file = assert(io.open(path, "rb"))
    local source, copy = assert(core.open_source(path)), assert(core.file_source(file))
    file:close()
    local sink = assert(core.open_sink(directory:path "new"))
    local exchange = get { sink = sink }
    transfers.arrive(server, engine)
    local ours = 0
    for _, one in ipairs(process.descriptors()) do
      local info = not known[one] and files.read("/proc/self/fdinfo/" .. one:match "^%d+")
      local inode = one:match "socket:%[(%d+)"
      -- libcurl leaves the socket pair by which it wakes itself open over exec.
      local is_pair = inode and not files.read "/proc/net/tcp":find(" " .. inode .. " ", 1, true)
      if info and not is_pair then
        ours = ours + 1
        local flags = tonumber(info:match "flags:%s*(%d+)", 8)
        assert.equal(1, math.floor(flags / 524288) % 2, one) -- O_CLOEXEC
      end
    end
    -- The poll set, a connection, the thread's event, two sources and a sink.
    assert.truthy(ours >= 6, ours)
    exchange:cancel()
    sink:discard()
    source:close()
    copy:close()
  end)
end)

describe("time", function()
  local function timed_out(options, fields, word)
    options.endpoint = options.endpoint or server.url
    fields.settings = assert(core.settings(options))
    local before = core.now()
    local result, err = finish(get(fields))
    failed(result, err, { kind = "timeout", code = "OPERATION_TIMEDOUT", retryable = true })
    assert.truthy(err.message:find(word, 1, true), err.message)
    assert.truthy(core.now() - before < 4)
  end

  it("to connect is bounded, TLS included", function()
    local secure = (server.url:gsub("http:", "https:"))
    timed_out({ endpoint = secure, connect_timeout = 0.1 }, { url = secure .. "/" },
      "connect_timeout")
  end)

  it("to connect is also bounded when libcurl itself connects again", function()
    local strict = core.settings { endpoint = server.url, connect_timeout = 0.2,
      stall_timeout = 0.2 }
    local result, err = finish(replace { settings = strict })
    failed(result, err, { kind = "timeout", code = "OPERATION_TIMEDOUT", retryable = true })
  end)

  it("without a byte is bounded, however long the caller waits", function()
    server:script { { hang = "request" }, { hang = "response", size = 10 } }
    for _ = 1, 2 do timed_out({ stall_timeout = 0.2 }, {}, "stall_timeout") end
  end)

  it("in all is bounded", function()
    server:script { { drip = 0.01, size = 1000 } }
    timed_out({ stall_timeout = 5 }, { timeout = 0.2 }, "(timeout)")
  end)

  it("goes on while bytes come, however few", function()
    server:script { { drip = 0.01, size = 40 } }
    local slow = core.settings { endpoint = server.url, stall_timeout = 0.2 }
    assert.equal(40, #assert(finish(get { settings = slow })).body)
  end)

  it("that is over lets nothing begin", function()
    for _, timeout in ipairs { 0, -1, 0 / 0 } do
      local exchange, err = transfer { source = "bytes", timeout = timeout }
      failed(exchange, err, { kind = "timeout", code = "OPERATION_TIMEDOUT" })
    end
    assert.equal(0, (engine:step()))
  end)

  it("may be longer than any clock can count", function()
    server:script { {} }
    local forever = core.settings { endpoint = server.url, connect_timeout = 1e300,
      stall_timeout = 1e300, timeout = 1e300 }
    local exchange = assert(transfer { source = "bytes", settings = forever, timeout = 1e300 })
    while exchange:state() ~= "done" do
      engine:step()
      engine:wait(1e300)
    end
    assert(exchange:result())
  end)
end)

describe("a connection", function()
  it("that is not accepted is reported by libcurl's name for the error", function()
    local listener = assert(socket.bind("127.0.0.1", 0))
    local _, port = listener:getsockname()
    listener:close()
    local exchange = get { url = ("http://127.0.0.1:%d/"):format(port) }
    local result, err = finish(exchange)
    failed(result, err, { kind = "transport", code = "COULDNT_CONNECT", retryable = true })
    assert.is_false(exchange:info().reused)
  end)
end)
