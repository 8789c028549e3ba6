-- The command as a user runs it: what it prints, where, and its exit status.
local cjson = require "cjson"
local emulated = require "spec.support.emulated"
local files = require "spec.support.files"
local process = require "spec.support.process"

local service, token, place, directory
setup(function()
  service = emulated.start()
  token = service:connect(service.running.participant_token)
  place = files.new()
  directory = place.directory
end)
teardown(function()
  service:stop()
  place:remove()
end)

local function command(words)
  local all = { process.lua, "lua/connectparticipant/command.lua", stdin = words.stdin,
    env = words.env or { CONNECT_CONNECTION_TOKEN = token, AWS_ENDPOINT_URL = service.endpoint } }
  for index, word in ipairs(words) do all[index + 2] = word end
  return process.run(all)
end

describe("connectparticipant", function()
  it("prints its version and its help", function()
    assert.truthy(command { "--version" }.stdout:match("^connectparticipant %d+%.%d+%.%d+\n$"))
    local overview = command { "--help" }
    assert.equal(0, overview.status)
    for _, name in ipairs { "upload", "download", "transcript", "emulator", "demo" } do
      assert.truthy(overview.stdout:find("\n   " .. name .. " ", 1, true))
      local help = command { name, "--help" }
      assert.equal(0, help.status)
      assert.truthy(help.stdout:match("^Usage: connectparticipant " .. name))
    end
  end)

  it("ends with 2, and a hint, when it is used wrongly", function()
    local cases = {
      [{}] = "Usage: connectparticipant COMMAND", [{ "uplaod" }] = "did you mean 'upload'",
      [{ "upload" }] = "which file",
      [{ "upload", "--rgeion", "x", "f" }] = "did you mean '--region'",
      [{ "upload", "-" }] = "standard input has no name", [{ "upload", "-", "f" }] = "only file",
      [{ "upload", "--size", "1", "f" }] = "--size is for standard input", [{ "event", "read" }] =
      "which message was read", [{ "event", "x" }] = "no event 'x'", [{ "message" }] =
      "which message",
      [{ "upload", "-", "--name", "x", "--token-file", "-" }] = "cannot be the token",
      [{ "download", "id" }] = "-o FILE",
      [{ "download", "-o", "x" }] = "which attachment", [{ "upload", "--timeout", "soon", "f" }] =
      "--timeout must be", [{ "upload", "--region" }] = "option '--region' requires an argument",
      [{ "upload", "--json=1", "f" }] = "option '--json' does not take arguments",
      [{ "emulator", "--port", "x" }] =
      "--port must be", [{ "emulator", "--rates", "x" }] = "--rates can only be aws",
      [{ "upload", "--token", "x", "f" }] = "token", [{ "transcript", "x" }] = "too many arguments",
    }
    for words, hint in pairs(cases) do
      local said = command(words)
      assert.equal(2, said.status, table.concat(words, " "))
      assert.truthy(said.stderr:find(hint, 1, true), said.stderr)
      assert.equal("", said.stdout)
    end
    local said = command { "upload", "f", env = {} }
    assert.equal(2, said.status)
    assert.truthy(said.stderr:find("CONNECT_CONNECTION_TOKEN", 1, true))
  end)

  it("uploads, lists and downloads", function()
    local path = place:write("with space é.txt", "hello\0world")
    local sent = command { "upload", "--wait", path }
    assert.equal(0, sent.status, sent.stderr)
    local id = sent.stdout:match("^(%S+)  ")
    local listed = command { "transcript" }
    assert.equal(0, listed.status, listed.stderr)
    assert.truthy(listed.stdout:find(id, 1, true))
    assert.truthy(listed.stdout:find("APPROVED", 1, true))
    local back = directory .. "/back"
    assert.equal(0, command { "download", id, "-o", back }.status)
    assert.equal("hello\0world", files.read(back))
    assert.equal("hello\0world", command { "download", "-o", "-", id }.stdout)
  end)

  it("prints JSON for programs", function()
    local good, bad = place:write("good.txt", "x"), directory .. "/missing.txt"
    local said = command { "upload", "--json", good, bad }
    assert.equal(1, said.status)
    local lines = {}
    for line in said.stdout:gmatch("[^\n]+") do lines[#lines + 1] = cjson.decode(line) end
    assert.equal(good, lines[1].file)
    assert.equal(1, lines[1].AttachmentSizeInBytes)
    assert.equal(bad, lines[2].file)
    assert.equal("source", lines[2].error.kind)
    assert.equal("ENOENT", lines[2].error.code)
    assert.equal("", said.stderr)
    for line in command { "transcript", "--json" }.stdout:gmatch("[^\n]+") do
      assert.equal("string", type(cjson.decode(line).Id))
    end
  end)

  it("takes the token from a file or from standard input", function()
    local path = place:write("token", token .. "\n")
    local env = { AWS_ENDPOINT_URL = service.endpoint }
    assert.equal(0, command { "transcript", "--token-file", path, env = env }.status)
    assert.equal(0, command { "transcript", "--token-file", "-", env = env,
      stdin = token .. "\n" }.status)
    assert.equal(2, command { "transcript", "--token-file", "/nonexistent", env = env }.status)
  end)

  it("takes part in a whole chat", function()
    local participant_token = service:admin("POST", "chats", {}).participant_token
    local saved = directory .. "/token"
    local env = { CONNECT_PARTICIPANT_TOKEN = participant_token,
      AWS_ENDPOINT_URL = service.endpoint }
    local said = command { "connect", "--save", saved, env = env }
    assert.equal(0, said.status, said.stderr)
    assert.truthy(said.stdout:match "^saved in .*, valid until %d+%-")
    assert.equal("-rw-------", process.run { "ls", "-l", saved }.stdout:sub(1, 10))
    local function with(words)
      words[#words + 1], words[#words + 2], words.env = "--token-file", saved, env
      return command(words)
    end
    said = with { "message", "hello" }
    assert.equal(0, said.status, said.stderr)
    local id = said.stdout:match "^(%S+)\n$"
    assert.equal(0, with { "message", "-", stdin = "from a pipe\n" }.status)
    assert.equal(0, with { "event", "typing" }.status)
    assert.equal(0, with { "event", "read", "--message", id }.status)
    said = with { "transcript" }
    assert.truthy(said.stdout:find(": hello\n.*: from a pipe\n"))
    assert.equal("", with { "disconnect" }.stdout)
    said = with { "transcript" }
    assert.equal(1, said.status)
    env.CONNECT_PARTICIPANT_TOKEN = service:admin("POST", "chats", {}).participant_token
    said = command { "connect", env = env }
    assert.truthy(said.stdout:match "^%S+\n$")
    assert.truthy(command { "connect", "--save", directory, env = env }.stderr:find(
      "the token cannot be saved: " .. directory, 1, true))
  end)

  it("uploads standard input, streamed or not", function()
    for index, size in ipairs { false, "11" } do
      local words = { "upload", "-", "--name", "piped.txt", stdin = "hello\0world" }
      if size then words[5], words[6] = "--size", size end
      local said = command(words)
      assert.equal(0, said.status, said.stderr)
      local id = said.stdout:match "^(%S+)  piped%.txt\n$"
      assert.equal("hello\0world", command { "download", id, "-o", "-" }.stdout, index)
    end
    local said = command { "upload", "-", "--name", "x.txt", "--size", "12", stdin = "short" }
    assert.equal(1, said.status)
    assert.truthy(said.stderr:find("SourceTooShort", 1, true) or said.stderr:find("12", 1, true))
  end)

  it("downloads into a directory under a safe name, and replaces nothing there", function()
    local path, target = place:write("report.txt", "first"), directory .. "/target"
    assert.equal(0, process.run { "mkdir", target }.status)
    local id = command { "upload", "--wait", path }.stdout:match "^(%S+)"
    assert.equal(target .. "/report.txt\n", command { "download", id, "-o", target }.stdout)
    assert.equal(target .. "/report-1.txt\n", command { "download", id, "-o" .. target .. "/" }
      .stdout)
    assert.equal("first", files.read(target .. "/report-1.txt"))
    assert.equal("first", command { "download", id, "-o", "/dev/stdout" }.stdout)
    assert.equal(0, command { "download", id, "-o", "/dev/null" }.status)
    assert.equal("", command { "download", id, "-q", "-o", target .. "/other" }.stdout)
    assert.truthy(process.run { "test", "-c", "/dev/null" }.status == 0)
  end)

  it("logs each request with --verbose, without secrets", function()
    local said = command { "upload", "--verbose", "--quiet", place:write("v.txt", "x") }
    assert.equal("", said.stdout)
    assert.truthy(said.stderr:find "StartAttachmentUpload %(start%): 200 after %d+%.%d+ s")
    assert.truthy(said.stderr:find "%(put%): 200 after %d+%.%d+ s, 1 B sent")
    assert.is_nil(said.stderr:find(token, 1, true))
    assert.is_nil(said.stderr:find("X-Amz-", 1, true))
  end)

  it("follows a transcript until the chat ends", function()
    local said = command { "transcript", "--follow", "--timeout", "0.5" }
    assert.equal(0, said.status, said.stderr)
    assert.truthy(said.stdout:find "%(participant joined%)\n")
  end)

  it("fails with 1 and one line", function()
    local said = command { "upload", directory .. "/missing" }
    assert.equal(1, said.status)
    assert.equal("", said.stdout)
    assert.equal("connectparticipant: cannot open " .. directory
      .. "/missing: No such file or directory\n", said.stderr)
    said = command { "message", "hi", "--endpoint", "http://127.0.0.1:1", "--max-attempts", "1" }
    assert.truthy(said.stderr:find("(is the endpoint right, and is anything listening there?)", 1,
      true), said.stderr)
    said = command { "transcript", env = { CONNECT_CONNECTION_TOKEN = "a-secret-token",
      AWS_ENDPOINT_URL = service.endpoint } }
    assert.equal(1, said.status)
    assert.truthy(said.stderr:find("AccessDeniedException", 1, true))
    assert.is_nil(said.stderr:find("a-secret-token", 1, true))
  end)

  it("reports each file as soon as it and all before it are done", function()
    service:fault { operation = "StartAttachmentUpload", count = 1, status = 403,
      code = "AccessDeniedException", delay = 0.2 }
    local paths = { "upload", "--json", "--concurrency", "3" }
    for index = 1, 3 do paths[index + 4] = place:write("file" .. index .. ".txt", "x") end
    local said, failed = command(paths), 0
    assert.equal(1, said.status)
    local index = 0
    for line in said.stdout:gmatch "[^\n]+" do
      index = index + 1
      local told = cjson.decode(line)
      assert.equal(paths[index + 4], told.file)
      if told.error then failed = failed + 1 end
    end
    assert.equal(3, index)
    assert.equal(1, failed)
  end)

  it("reports for every file why nothing could begin", function()
    local said = command { "upload", "a", "b", env = { CONNECT_CONNECTION_TOKEN = token,
      HOME = directory, AWS_ENDPOINT_URL = "", AWS_REGION = "" } }
    assert.equal(1, said.status)
    local why = "no region: set AWS_REGION, a profile's region, or --region\n"
    assert.equal(("connectparticipant: %s: " .. why):rep(2):format("a", "b"), said.stderr)
  end)

  it("reports a directory as one, even with the slash of a shell's completion", function()
    for _, path in ipairs { directory, directory .. "/", directory .. "//", "/", "." } do
      local said = command { "upload", path }
      assert.equal(1, said.status)
      assert.truthy(said.stderr:find(path .. " is a directory", 1, true), said.stderr)
      said = command { "download", "id", "-o", path }
      assert.equal(1, said.status)
      assert.truthy(said.stderr:find("ResourceNotFound", 1, true)
        or said.stderr:find("ValidationException", 1, true), said.stderr)
    end
    assert.truthy(command { "upload", "README.md/" }.stderr:find("Not a directory", 1, true))
    assert.truthy(command { "upload", "" }.stderr:find("the path is empty", 1, true))
  end)

  it("demonstrates an upload and a download, and leaves nothing behind", function()
    local path = place:write("-starts with a dash.bin", ("\0\1\2\255"):rep(100000))
    local said = command { "demo", "--", path, env = { TMPDIR = directory } }
    assert.equal(0, said.status, said.stderr .. said.stdout)
    for _, step in ipairs { "CreateParticipantConnection", "StartAttachmentUpload", "PUT",
      "CompleteAttachmentUpload", "GetAttachment", "came back identical" } do
      assert.truthy(said.stdout:find(step, 1, true), step)
    end
    assert.is_nil(process.run { "ls", directory }.stdout:find("tmp.", 1, true))
    said = command { "demo", directory .. "/missing", env = { TMPDIR = directory } }
    assert.equal(1, said.status)
    assert.truthy(said.stderr:find("No such file", 1, true))
  end)
end)
