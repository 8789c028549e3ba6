-- How an emulator starts: with options of any bytes and directories of any name; and what it
-- refuses.
local emulated = require "spec.support.emulated"
local emulator = require "connectparticipant.emulator"
local files = require "spec.support.files"
local process = require "spec.support.process"
local shell = require "connectparticipant.emulator.shell"

local load_text = rawget(_G, "loadstring") or load

-- All characters with a meaning to sh, nginx or Lua, one by one and together.
local NAMES = {
  "a blank", "quotes'\"", "$dollar ${TMPDIR} $request_uri", "semi;colon", "{braces}", "#hash",
  "back\\slash\\n", "Zo\195\171 \240\159\152\128", "\255\254", "percent %s %(port)", "*?[a]",
  "-dash", "line\nbreak", "tab\tand\rreturn", "`echo x` $(echo x)", "&|<>!~", "a=b",
}
-- Each needs an emulator of its own: one Lua tries them one by one, the others all in one name.
if not process.thorough then NAMES = { table.concat(NAMES) } end

describe("a directory", function()
  local directory
  setup(function() directory = files.new() end)
  teardown(function() directory:remove() end)

  it("may have any name", function()
    for _, name in ipairs(NAMES) do
      local path = directory:path(name)
      local service = emulated.start { dir = path }
      assert.equal(path, service.running.directory)
      local token = service:connect()
      local begun = service:begin(token, 5)
      assert.equal(200, emulated.put(begun, "hello").status)
      assert.equal(200, service:complete(token, begun.AttachmentId).status)
      assert.equal("hello", service:fetch(token, begun.AttachmentId).body)
      service:stop()
      assert.equal(0, process.run { "test", "-f", path .. "/state.journal" }.status)
    end
  end)

  it("of a temporary kind may be below one of any name, and goes at the end", function()
    for _, name in ipairs(NAMES) do
      local path = directory:path("temporary " .. name)
      assert.equal(0, process.run { "mkdir", path }.status)
      local code = [[
        local running, problem = require("connectparticipant.emulator").start {}
        print(running and running.directory or problem)
        running:stop()]]
      local result = process.run { process.lua, "-e", code, env = { TMPDIR = path } }
      assert.equal(1, (result.stdout:find(path, 1, true)), result.stdout .. result.stderr)
      assert.equal("", process.run { "ls", "-A", path }.stdout)
    end
  end)

  it("may be relative, whatever it begins with", function()
    for _, name in ipairs { "relative", "-rf", "-" } do
      local code = ([[
        local running, problem = require("connectparticipant.emulator").start { dir = %q }
        print(running and running.directory or problem)
        running:stop()]]):format(name)
      local result = process.run { process.lua, "-e", code, cwd = directory.directory,
        env = { CDPATH = "/usr:/" } }
      assert.equal(directory:path(name) .. "\n", result.stdout, result.stderr)
    end
  end)

  it("that cannot be is refused in words", function()
    local blocked = directory:write("file", "")
    for path, words in pairs { [blocked .. "/below"] = "cannot be made", [""] = "not empty",
      ["a\0b"] = "NUL" } do
      local running, problem = emulator.start { dir = path }
      assert.is_nil(running)
      assert.truthy(problem:find(words, 1, true), problem)
    end
  end)
end)

describe("options", function()
  it("that are unknown, or have no sense, are refused by name", function()
    for name, value in pairs { port = 65536, tls_port = -1, quota = 1.5, url_expiry = 0,
      max_size = "5", scan_seconds = -1, body_timeout = 0 / 0, rates = "fast", admin = "yes",
      extensions = {}, s3_endpoint = "nonsense", speed = 5 } do
      local running, problem = emulator.start { [name] = value }
      assert.is_nil(running)
      assert.truthy(problem:find("option " .. name .. " ", 1, true), problem)
      assert.equal(problem, select(2, emulator.run { [name] = value }))
    end
  end)

  it("arrive as they are, whatever their bytes", function()
    local odd = "a\0b\r\n\"\\'$x;]]--\255,pdf"
    for _, value in ipairs { odd, odd:rep(500), 0.1, 2 ^ 53, -1e-300, true } do
      assert.equal(value, load_text("return " .. shell.literal(value))())
    end
    assert.equal([["plain 'text' %s [x] ~"]], shell.literal "plain 'text' %s [x] ~")
    local service = emulated.start { extensions = 'q"$\\;,pdf' }
    finally(function() service:stop() end)
    local token = service:connect()
    assert.truthy(service:begin(token, 5, 'a.q"$\\;').AttachmentId)
    assert.is_nil(service:begin(token, 5, "a.txt").AttachmentId)
  end)
end)

describe("the emulator", function()
  it("needs nothing of the command line", function()
    local code = [[
      require("connectparticipant.emulator").start():stop()
      for name in pairs(package.loaded) do
        if name:find("^connectparticipant%.cli") then print(name) end
      end]]
    local result = process.run { process.lua, "-e", code }
    assert.same({ 0, "", "" }, { result.status, result.stdout, result.stderr })
    assert.equal(1, process.run { "grep", "-rl", "connectparticipant.cli",
      "lua/connectparticipant/emulator" }.status)
  end)

  it("that cannot start says why, and ends", function()
    local directory = files.new()
    finally(function() directory:remove() end)
    local path = directory:path "broken"
    assert.equal(0, process.run { "mkdir", path }.status)
    directory:write("broken/state.journal", "{}")
    local running, problem = emulator.start { dir = path }
    assert.is_nil(running)
    assert.truthy(problem:find("is not the emulator's state", 1, true), problem)
    assert.is_nil(problem:find "%s$", problem)
  end)
end)

describe("an emulator that nobody stops", function()
  it("ends with the Lua that started it, and holds it up for no time", function()
    for _, how in ipairs { "", "error('the program fails')", "running = nil collectgarbage()" } do
      local code = [[
        local running = require("connectparticipant.emulator").start {}
        print(running.pid, running.directory)
        io.stdout:flush()
        ]] .. how
      local result = process.run { "timeout", "60", process.lua, "-e", code }
      local pid, path = result.stdout:match "^(%d+)%S*\t(/%S+)\n"
      assert.truthy(pid, result.stderr)
      assert.not_equal(124, result.status)
      assert.equal(0, process.run { "timeout", "10", "tail", "--pid=" .. pid, "-f",
        "/dev/null" }.status)
      assert.equal(1, process.run { "test", "-e", path }.status)
    end
  end)
end)
