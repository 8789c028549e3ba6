-- Malicious or broken peers: whatever they send is refused, after a bounded number of bytes and in
-- bounded memory.
local core = require "connectparticipant.core"
local files = require "spec.support.files"
local flows = require "spec.support.flows"
local faults = require "spec.support.faults"
local memory = require "spec.support.memory"
local participant = require "connectparticipant"
local process = require "spec.support.process"

local lab = flows.new()
setup(lab.open)
teardown(lab.close)
before_each(function() lab.begin { max_attempts = 1 } end)
after_each(lab.finish)

local MEBIBYTE = 1024 * 1024
local OK = "HTTP/1.1 200 OK\r\n"
local CHUNKED = OK .. "Transfer-Encoding: chunked\r\n\r\n"
local LONG = ("x"):rep(65536)

-- 788 for 7.88.1
local major, minor = core.build_request("GetTranscript", { ConnectionToken = "t" },
  { region = "us-east-1" }).headers["User-Agent"]:match "libcurl#(%d+)%.(%d+)"
local libcurl = major * 100 + minor

local function peak()
  return tonumber(files.read "/proc/self/status":match "VmHWM:%s*(%d+)") * 1024
end

-- Resets the peak (VmHWM) to what is in use now.
local function forget_peak()
  local file = io.open("/proc/self/clear_refs", "w")
  if not file then return end
  file:write "5"
  file:close()
end

-- By how much a function's peak memory exceeded what was in use before it.
local function memory_of(fn)
  collectgarbage()
  forget_peak()
  local before = peak()
  fn()
  return peak() - before
end

-- An operation whose answer is this step; returns its error, and how many bytes the peer could
-- send.
local function answer(step)
  lab.server:script { step }
  local result, err = lab.client:get_transcript { ConnectionToken = "t" }
  local sent = 0
  for _, connection in ipairs(lab.server:seen().each) do sent = sent + connection.bytes_out end
  return result, err, sent
end

local function refused(name, step, kind, code)
  local result, err, sent = answer(step)
  assert.is_nil(result, name)
  assert.equal(kind, err.kind, name .. ": " .. tostring(err))
  assert.equal(code, err.code, name .. ": " .. tostring(err))
  assert.truthy(#err.message < 4096, name)
  return err, sent
end

describe("an answer without end", function()
  -- What libcurl and the kernel receive before we see it: some MiB of socket buffers.
  local ROOM = 32 * MEBIBYTE

  local function bounded(most, list)
    for name, case in pairs(list) do
      local sent
      local grown = memory_of(function()
        sent = select(2, refused(name, case[1], case[2] or "protocol", case[3]))
      end)
      assert.truthy(sent < most + ROOM, ("%s: %d bytes"):format(name, sent))
      memory.check(grown, 5 * most, name)
    end
  end

  it("of headers is given up soon", function()
    local lines = ("X-Header: %s\r\n"):format(("x"):rep(1000)):rep(60)
    bounded(MEBIBYTE, {
      ["many headers"] = { { raw = OK, flood = lines }, nil, "HeadersTooLarge" },
      ["empty headers"] = { { raw = OK, flood = ("a:\r\n"):rep(10000) }, nil, "HeadersTooLarge" },
      ["folded lines"] = { { raw = OK .. "X-A: b\r\n", flood = (" c\r\n"):rep(10000) }, nil,
        "HeadersTooLarge" },
      ["one header"] = { { raw = OK .. "X-Header: ", flood = LONG }, nil, "HeadersTooLarge" },
      ["a status line"] = { { raw = "HTTP/1.1 200 ", flood = LONG }, nil, "HeadersTooLarge" },
      ["trailers"] = { { raw = CHUNKED .. "2\r\n{}\r\n0\r\n", flood = lines }, nil,
        "HeadersTooLarge" },
    })
    -- libcurl has an error code for this from 8.6 on.
    local kind, code = "protocol", "HeadersTooLarge"
    if libcurl < 806 then kind, code = "transport", "RECV_ERROR" end
    bounded(MEBIBYTE, { ["one trailer"] = { { raw = CHUNKED .. "2\r\n{}\r\n0\r\nX-A: ",
      flood = LONG }, kind, code } })
  end)

  it("of interim answers is given up soon", function()
    for _, line in ipairs { "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\n\r\n",
      "HTTP/1.1 102 Processing\r\nX-A: b\r\n\r\n" } do
      bounded(MEBIBYTE, { [line] = { { raw = line, flood = line:rep(1000) }, nil,
        "HeadersTooLarge" } })
    end
  end)

  it("of a body is given up at 16 MiB, and at once where it is an error's", function()
    local chunk = "8000\r\n" .. LONG:sub(1, 32768) .. "\r\n"
    bounded(16 * MEBIBYTE, {
      ["without a length"] = { { raw = OK .. "\r\n", flood = LONG }, nil, "ResponseTooLarge" },
      ["100 MB"] = { { size = 100000000 }, nil, "ResponseTooLarge" },
      ["chunks"] = { { raw = CHUNKED, flood = chunk }, nil, "ResponseTooLarge" },
    })
    bounded(MEBIBYTE, {
      ["400"] = { { raw = "HTTP/1.1 400 No\r\n\r\n", flood = LONG }, "service", "400" },
      ["503"] = { { raw = "HTTP/1.1 503 No\r\n\r\n", flood = LONG }, "service", "503" },
      ["302"] = { { raw = "HTTP/1.1 302 No\r\nLocation: /x\r\n\r\n", flood = LONG }, "service",
        "302" },
    })
  end)

  it("of bytes that belong to no body counts as stalled", function()
    lab.begin { max_attempts = 1, stall_timeout = 0.3 }
    refused("an extension of a chunk", { raw = CHUNKED .. "2;", flood = LONG }, "timeout",
      "OPERATION_TIMEDOUT")
  end)

  it("that comes byte by byte ends with the call's time", function()
    lab.begin { max_attempts = 1, timeout = 0.5 }
    refused("a body", { size = 100000, drip = 0.05 }, "timeout", "OPERATION_TIMEDOUT")
    refused("chunks", { size = 100000, drip = 0.05, chunked = true }, "timeout",
      "OPERATION_TIMEDOUT")
  end)
end)

describe("JSON that is nested", function()
  it("100,000 deep is refused, and not followed", function()
    local deep = ("["):rep(100000) .. ("]"):rep(100000)
    for name, body in pairs { ["a member"] = '{"Transcript":' .. deep .. "}",
      ["an unknown member"] = '{"Foo":' .. deep .. "}", ["no end"] = ("["):rep(100000),
      ["objects"] = ('{"a":'):rep(100000) } do
      refused(name, { body = body }, "protocol", "InvalidResponse")
    end
    local err = refused("an error", { status = 400, body = '{"message":' .. deep .. "}" },
      "service", "400")
    assert.is_false(err.retryable)
  end)
end)

describe("an entity of an error's XML", function()
  it("is not expanded", function()
    lab.server:script { faults.started(), { status = 400, body = '<!DOCTYPE x [<!ENTITY a "lol">'
      .. ('<!ENTITY b "&a;&a;">'):rep(1000)
      .. "]><Error><Code>Bad</Code><Message>&b;&amp;</Message></Error>" } }
    local _, err = lab.upload()
    assert.equal("storage", err.kind)
    assert.equal("Bad", err.code)
    assert.equal("&b;&", err.message)
  end)
end)

describe("what is compressed", function()
  -- 100 MB of a JSON string, in 100 KB.
  local function bomb()
    return process.run { "sh", "-c", [[(printf '{"Transcript":[],"Filler":"'
      head -c 100000000 /dev/zero | tr '\0' x; printf '"}') | gzip -9]] }.stdout
  end

  it("is not asked for, not unpacked and refused", function()
    local bytes = bomb()
    local grown = memory_of(function()
      refused("Content-Encoding", { headers = { ["Content-Encoding"] = "gzip" }, body = bytes },
        "protocol", "InvalidResponse")
      assert.is_nil(lab.server:requests()[1].headers["accept-encoding"])
      assert.is_nil(lab.server:requests()[1].headers.te)
      local packed = ("%x\r\n%s\r\n0\r\n\r\n"):format(#bytes, bytes)
      for _, encoding in ipairs { "gzip, chunked", "gzip\r\nTransfer-Encoding: chunked",
        "deflate, chunked", "br" } do
        local head = OK .. "Transfer-Encoding: " .. encoding .. "\r\n\r\n"
        refused(encoding, { raw = head .. packed }, "protocol", "InvalidFraming")
      end
    end)
    memory.check(grown, 8 * MEBIBYTE, "what is compressed")
  end)

  it("is an attachment like any other if the store declares it", function()
    local bytes = process.run { "sh", "-c", "echo hello | gzip -9" }.stdout
    lab.server:script { faults.got(#bytes),
      { headers = { ["Content-Encoding"] = "gzip" }, body = bytes } }
    assert.equal(bytes, assert(lab.download()).body)
    lab.server:script { faults.got(#bytes), { raw = OK .. "Transfer-Encoding: gzip, chunked\r\n\r\n"
      .. ("%x\r\n%s\r\n0\r\n\r\n"):format(#bytes, bytes) } }
    local _, err = lab.download()
    assert.equal("InvalidFraming", err.code)
  end)
end)

describe("a body whose end is not where it is said", function()
  local function all(kind, code, list)
    for _, raw in ipairs(list) do refused(raw:sub(1, 99), { raw = raw }, kind, code) end
  end

  it("is refused if its chunks are malformed", function()
    for _, chunks in ipairs { "zz\r\n{}\r\n0\r\n\r\n", "-2\r\n{}\r\n0\r\n\r\n",
      "FFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n", "2\r\n{}XX0\r\n\r\n", ("0"):rep(100) } do
      local _, err = answer { raw = CHUNKED .. chunks }
      assert.equal("transport", err.kind, chunks)
    end
    all("transport", "PARTIAL_FILE", { CHUNKED .. "7FFFFFFFFFFFFFFF\r\n{}",
      CHUNKED .. "2\r\n{}\r\n", CHUNKED .. "20\r\n{}" })
  end)

  it("is refused if its length is invalid, or given twice", function()
    all("protocol", "InvalidFraming", { OK .. "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
      OK .. "Content-Length: 2, 3\r\n\r\n{} ",
      OK .. "Content-Length: 99999999999999999999\r\n\r\n{}",
      OK .. "Content-Length: -2\r\n\r\n{}", OK .. "Content-Length: two\r\n\r\n{}" })
    assert(answer { raw = OK .. "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}" })
  end)

  it("is refused if it is shorter, and cut if it is longer", function()
    all("transport", "PARTIAL_FILE", { OK .. "Content-Length: 20\r\n\r\n{}",
      OK .. "Content-Length: 9223372036854775807\r\n\r\n{}" })
    lab.server:script { { raw = OK .. 'Content-Length: 2\r\n\r\n{}{"Transcript":[]}' }, {} }
    for _ = 1, 2 do
      assert.is_nil(assert(lab.client:get_transcript { ConnectionToken = "t" }).Transcript)
    end
    assert.equal(2, lab.server:seen().connections)
  end)
end)

describe("what is not an answer", function()
  it("is refused", function()
    for _, raw in ipairs { "{}", "HTTP/3.7 200 OK\r\n\r\n{}", "HTTP/1.1 099 OK\r\n\r\n{}",
      "HTTP/1.1 1000 OK\r\n\r\n{}", OK .. "hello\r\n\r\n{}", OK .. "X-A\0: b\r\n\r\n{}",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n{}" } do
      local result, err = answer { raw = raw }
      assert.is_nil(result, raw)
      assert.equal("protocol", err.kind, raw)
      assert.is_false(err.retryable)
    end
  end)
end)

describe("a redirect to elsewhere", function()
  local elsewhere
  setup(function() elsewhere = faults.start() end)
  teardown(function() elsewhere:stop() end)

  local function redirects()
    local list = {}
    for _, status in ipairs { 300, 301, 302, 303, 307, 308 } do
      for _, to in ipairs { elsewhere.url .. "/x", "file:///etc/passwd", "//127.0.0.1/x", "/x" } do
        list[#list + 1] = { status = status,
          headers = { Location = to, Refresh = "0; url=" .. to } }
      end
    end
    return list
  end

  it("is never followed", function()
    elsewhere:script {}
    for _, step in ipairs(redirects()) do
      refused("operation", step, "service", tostring(step.status))
      assert.equal(1, #lab.server:requests())
      lab.server:script { faults.started(), step }
      local _, err = lab.upload()
      assert.equal("storage", err.kind)
      assert.equal("put", err.step)
      assert.equal(2, #lab.server:requests())
      lab.server:script { faults.got(5), step }
      _, err = lab.download()
      assert.equal("storage", err.kind)
      assert.equal(2, #lab.server:requests())
    end
    assert.equal(0, #elsewhere:requests())
  end)
end)

describe("a certificate", function()
  local KINDS = { "other", "expired", "stranger", "selfsigned", "chain" }
  local ca_file
  setup(function() ca_file = lab.place:write("ca.pem", lab.server:ca()) end)

  it("that is valid is accepted", function()
    lab.begin { endpoint = lab.server:tls(), ca_file = ca_file }
    lab.server:script {}
    assert(lab.client:get_transcript { ConnectionToken = "t" })
  end)

  it("that is invalid ends before the service gets anything, and is not tried again", function()
    for _, kind in ipairs(KINDS) do
      local events = 0
      lab.begin { endpoint = lab.server:tls(kind), ca_file = ca_file,
        logger = function() events = events + 1 end }
      lab.server:script {}
      local _, err = lab.client:get_transcript { ConnectionToken = "t" }
      assert.equal("PEER_FAILED_VERIFICATION", err.code, kind)
      assert.equal("transport", err.kind)
      assert.equal(1, events)
      assert.equal(0, #lab.server:requests(), kind)
    end
  end)

  it("that is invalid ends before the store gets anything", function()
    for _, kind in ipairs(KINDS) do
      lab.begin { endpoint = lab.server:tls(), ca_file = ca_file }
      local url = lab.server:tls(kind) .. "/store/key?X-Amz-Signature=0123abcd"
      lab.server:script { start = { { url = url } } }
      local _, err = lab.upload()
      assert.equal("PEER_FAILED_VERIFICATION", err.code, kind)
      assert.equal("put", err.step)
      assert.equal("start", lab.server:story(), kind)
    end
  end)
end)

describe("a proxy", function()
  local function through(step, changes)
    lab.server:script { step }
    local options = { endpoint = "https://service.invalid", proxy = lab.server.url,
      max_attempts = 1 }
    for name, value in pairs(changes or {}) do options[name] = value end
    local client = participant.new(options)
    local _, err = client:send_message { ConnectionToken = "secret-connection-token",
      ContentType = "text/plain", Content = "secret words" }
    client:close()
    return err
  end

  it("gets the destination, and none of our headers", function()
    local err = through { status = 403 }
    assert.equal("transport", err.kind)
    local request = lab.server:requests()[1]
    assert.equal("CONNECT", request.method)
    assert.equal("service.invalid:443", request.path)
    for name in pairs(request.headers) do
      assert.truthy(name == "host" or name == "proxy-connection" or name == "user-agent", name)
    end
  end)

  it("that answers itself, endlessly or with a redirect, is refused", function()
    local CONNECTED = "HTTP/1.1 200 Connected\r\n\r\n"
    for _, step in ipairs { { status = 302, headers = { Location = "${origin}/x" } },
      { status = 407, headers = { ["Proxy-Authenticate"] = "Basic" } },
      { raw = CONNECTED .. OK .. "\r\n{}" }, { raw = CONNECTED, flood = LONG },
      { raw = "HTTP/1.1 200 ", flood = LONG }, { raw = "HTTP/1.1 403 No\r\n\r\n", flood = LONG },
      { raw = "HTTP/1.1 200 Connected\r\n", flood = ("X-A: b\r\n"):rep(5000) } } do
      local err
      local grown = memory_of(function() err = through(step, { connect_timeout = 0.5 }) end)
      assert.truthy(err.kind == "transport" or err.kind == "timeout" or err.kind == "protocol")
      memory.check(grown, 4 * MEBIBYTE, tostring(step.raw or step.status))
      assert.equal(1, #lab.server:requests())
      for _, request in ipairs(lab.server:requests()) do
        assert.is_nil(require("cjson").encode(request):find("secret", 1, true))
      end
    end
  end)
end)

describe("a page that never ends", function()
  it("ends a transcript", function()
    local page = { page = { Transcript = {}, NextToken = "n" }, always = true }
    lab.server:script { transcript = { page } }
    local client = lab.client
    local ok, err = pcall(function()
      for _ in client:transcript { ConnectionToken = "t" } do core.now() end
    end)
    assert.is_false(ok)
    assert.equal("protocol", err.kind)
    assert.equal(2, #lab.server:requests())
  end)
end)
