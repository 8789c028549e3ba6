-- The command reveals no secret: neither in what it prints, whatever its options, nor in its
-- arguments, which others on the machine can see, nor in a file.
local cjson = require "cjson"
local files = require "spec.support.files"
local process = require "spec.support.process"
local secrets = require "spec.support.secrets"
local services = require "spec.support.service"

local unpack = rawget(table, "unpack") or rawget(_G, "unpack")

local server, place
setup(function() server = services.start() end)
teardown(function() server:stop() end)
before_each(function()
  place = files.new()
  place:write("a.txt", "hello")
  place:write("token", secrets.TOKEN .. "\n")
  place:write("participant", secrets.PARTICIPANT .. "\n")
end)
after_each(function() place:remove() end)

local function environment(more)
  local all = { AWS_ENDPOINT_URL = server.endpoint, TMPDIR = place.directory,
    HOME = place.directory }
  for name, value in pairs(more or {}) do all[name] = value end
  return all
end

local function command(words, env)
  local all = { process.lua, "lua/connectparticipant/command.lua", env = environment(env) }
  for _, word in ipairs(words) do all[#all + 1] = word end
  return process.run(all)
end

local function echo(secret, status)
  return { status = status, headers = { ["x-amzn-requestid"] = secret },
    body = cjson.encode { message = "bad " .. secret } }
end

local function started()
  return cjson.encode { AttachmentId = "a", AttachmentSizeInBytes = 5,
    Url = secrets.url "${origin}", UrlExpiry = "2099-01-01T00:00:00.000Z",
    UploadMetadata = { Url = secrets.url "${origin}", UrlExpiry = "2099-01-01T00:00:00.000Z",
      HeadersToInclude = {} } }
end

local TRANSFERS = { { "upload", "FILE" }, { "download", "a", "-o", "-" } }
local COMMANDS = {
  { "message", "hello" }, { "event", "typing" }, { "transcript" }, { "disconnect" },
  { "upload", "--pace", "redis://user:" .. secrets.REDIS .. "@127.0.0.1:1", "FILE" },
  unpack(TRANSFERS),
}

-- Runs each of the commands; returns everything that they printed.
local function run_all(commands, ...)
  local said = {}
  for _, given in ipairs(commands) do
    local words = { "--token-file", place:path "token", "--max-attempts", "2", ... }
    for index, word in ipairs(given) do
      table.insert(words, index, word == "FILE" and place:path "a.txt" or word)
    end
    local ran = command(words)
    said[#said + 1] = { ran.stdout, ran.stderr }
  end
  return said
end

local WAYS = { {}, { "--verbose" }, { "--json", "--verbose" } }

describe("what the command says", function()
  it("holds no token that the service echoes", function()
    local step = echo(secrets.TOKEN, 400)
    step.always = true
    server:script { step }
    for _, way in ipairs(WAYS) do
      local said = run_all(COMMANDS, unpack(way))
      assert.is_nil(secrets.found(said))
      assert.truthy(cjson.encode(said):find("redacted", 1, true))
    end
  end)

  it("holds nothing of a presigned URL, whatever its store says", function()
    local start = { body = started(), always = true }
    for _, step in ipairs {
      { status = 403, body = "<Error><Code>AccessDenied</Code><Message>"
        .. secrets.url("https://s"):gsub("&", "&amp;") .. "</Message></Error>" },
      { status = 307, headers = { Location = secrets.url "https://s" } }, { reset = "request" },
    } do
      step.always = true
      server:script { start = { start }, get = { start }, put = { step }, object = { step } }
      server:put("a", "hello")
      for index = 2, #WAYS do
        local said = run_all(TRANSFERS, unpack(WAYS[index]))
        assert.is_nil(secrets.found(said))
        assert.is_nil(cjson.encode(said):find("ResourceNotFound", 1, true))
      end
    end
  end)

  it("holds no participant token, and the connection's only where it was asked for", function()
    local given = { ConnectionCredentials = { ConnectionToken = secrets.TOKEN } }
    for _, way in ipairs(WAYS) do
      server:script { { body = cjson.encode(given) }, { body = cjson.encode(given) },
        echo(secrets.PARTICIPANT, 400) }
      local words = { "connect", "--token-file", place:path "participant", unpack(way) }
      local told = command(words)
      assert.truthy(told.stdout:find(secrets.TOKEN, 1, true))
      assert.is_nil(secrets.found(told.stderr))
      words[#words + 1] = "--save"
      words[#words + 1] = place:path "saved"
      local saved = command(words)
      assert.equal(0, saved.status)
      assert.is_nil(secrets.found { saved.stdout, saved.stderr })
      assert.is_nil(secrets.found { command(words) })
    end
  end)

  it("holds no password of a proxy that the environment names", function()
    local said = command({ "transcript", "--token-file", place:path "token", "--verbose",
      "--endpoint", "https://service.example", "--max-attempts", "1" },
      { HTTPS_PROXY = "http://user:" .. secrets.PROXY .. "@127.0.0.1:1" })
    assert.truthy(said.stderr:find("COULDNT_CONNECT", 1, true))
    assert.is_nil(secrets.found { said.stdout, said.stderr })
  end)
end)

-- The arguments of a process and of all its descendants.
local function arguments(pid, list)
  list = list or {}
  list[#list + 1] = files.read("/proc/" .. pid .. "/cmdline")
  local children = files.read(("/proc/%s/task/%s/children"):format(pid, pid)) or ""
  for child in children:gmatch "%d+" do arguments(child, list) end
  return list
end

describe("a command under way", function()
  -- Starts one that gets no answer; calls `look` with its process id when the service has the
  -- request.
  local function begin(route, words, look)
    local hang = { hang = true, always = true }
    local start = { body = started(), always = true }
    server:script { start = { route == "start" and hang or start }, get = { start },
      put = { hang }, object = { { hang = "middle", after = 2, body = "hello", always = true } } }
    server:put("a", "hello")
    local line = { "echo $$; exec env" }
    for name, value in pairs(environment()) do line[#line + 1] = name .. "=" .. value end
    line[#line + 1] = process.lua
    line[#line + 1] = "lua/connectparticipant/command.lua"
    for _, word in ipairs(words) do line[#line + 1] = process.quote(word) end
    local pipe = io.popen(table.concat(line, " ") .. " 2>&1")
    local pid = pipe:read "*l"
    local limit = os.time() + 60
    while #server:requests(route) == 0 do
      if os.time() > limit then error(route .. ": " .. pipe:read "*a") end
    end
    look(pid)
    process.run { "sh", "-c", "kill -TERM " .. pid }
    local said = pipe:read "*a"
    pipe:close()
    assert.is_nil(secrets.found(said))
  end

  local function each_step(look)
    local token = { "--token-file", place:path "token", "--verbose" }
    for route, words in pairs { start = { "upload", place:path "a.txt", unpack(token) },
      put = { "upload", place:path "a.txt", unpack(token) },
      object = { "download", "a", "-o", place:path "b", unpack(token) } } do
      begin(route, words, look)
    end
  end

  it("shows no secret to those who list processes", function()
    each_step(function(pid)
      local list = arguments(pid)
      assert.truthy(#list > 0 and list[1]:find("command.lua", 1, true))
      assert.is_nil(secrets.found(list))
    end)
  end)

  it("has written none into a file", function()
    local looked = 0
    local function look()
      os.remove(place:path "token")
      os.remove(place:path "participant")
      local all = process.run { "sh", "-c", "cat " .. process.quote(place.directory) .. "/*" }
      assert.truthy(all.stdout:find("hello", 1, true))
      assert.is_nil(secrets.found(all.stdout))
      looked = looked + 1
      place:write("token", secrets.TOKEN .. "\n")
    end
    each_step(look)
    assert.equal(3, looked)
  end)
end)
