-- The rock: what LuaRocks builds and installs works from any directory, without the checkout.
local argparse = require "argparse"
local files = require "spec.support.files"
local process = require "spec.support.process"

local VERSION = process.abi == "luajit" and "5.1" or process.abi

-- lua-cjson as make test builds it for a Lua that Debian has none for.
local BUILT_MODULES = ("%s/build/modules/%s/?.so;;"):format(process.root, process.abi)

local KNOWS_ROCKSPEC = not process.run { "luarocks", "--version" }.stdout:match " [012]%.%d"

local function sources()
  local listed = {}
  local rockspec = setmetatable({}, { __index = _G })
  local file = assert(io.open "connectparticipant-dev-1.rockspec")
  local text = file:read "*a"
  file:close()
  local chunk
  if setfenv then -- luacheck: ignore 113
    chunk = setfenv(assert(loadstring(text)), rockspec) -- luacheck: ignore 113
  else
    chunk = assert(load(text, "rockspec", "t", rockspec))
  end
  chunk()
  for _, source in ipairs(rockspec.build.modules["connectparticipant.core"].sources) do
    listed[#listed + 1] = source
  end
  table.sort(listed)
  return table.concat(listed, "\n")
end

describe("make install", function()
  it("installs a command that finds its modules under any prefix; uninstall removes all", function()
    local place = process.run { "mktemp", "-d" }.stdout:gsub("\n", "")
    finally(function() process.run { "rm", "-rf", place } end)
    local function make(target)
      local made = process.run { "make", "-s", "LUA=" .. process.abi, target,
        "PREFIX=" .. place .. "/a prefix", cwd = process.root }
      assert.equal(0, made.status, made.stderr)
    end
    make "install"
    local told = process.run { place .. "/a prefix/bin/connectparticipant", "--version",
      cwd = place, env = { LUA_PATH = ";;", LUA_CPATH = BUILT_MODULES, HOME = place } }
    assert.truthy(told.stdout:match "^connectparticipant %d", told.stderr)
    local share = place .. "/a prefix/share/"
    local pages = { "man/man1/connectparticipant.1",
      "bash-completion/completions/connectparticipant", "zsh/site-functions/_connectparticipant",
      "fish/vendor_completions.d/connectparticipant.fish" }
    -- lua-argparse before 0.7 knows no completion.
    if not argparse().get_bash_complete then pages = { pages[1] } end
    for _, page in ipairs(pages) do
      assert.truthy(files.read(share .. page):find("upload", 1, true))
    end
    make "uninstall"
    assert.equal("", process.run { "find", place, "!", "-type", "d" }.stdout)
    assert.equal("", process.run { "find", place, "-name", "connectparticipant" }.stdout)
  end)
end)

describe("make install into a folder that is not absolute", function()
  it("is refused, for the command would look elsewhere", function()
    for _, target in ipairs { "install", "uninstall" } do
      local made = process.run { "make", "-s", "LUA=" .. process.abi, target, "PREFIX=there",
        cwd = process.root }
      assert.equal(2, made.status)
      assert.truthy(made.stderr:find("there/share/lua/%d%.%d must begin with /"))
    end
  end)
end)

describe("the rockspec", function()
  it("lists every C file", function()
    local found = process.run { "sh", "-c", "ls csrc/*/*.c | LC_ALL=C sort" }
    assert.equal(found.stdout:gsub("\n$", ""), sources())
  end)

  if not KNOWS_ROCKSPEC then
    io.write("note: this LuaRocks is older than 3 and knows no rockspec 3.0, so no rock is made\n")
    return
  end

  it("passes LuaRocks' lint", function()
    assert.equal(0, process.run { "luarocks", "lint", "connectparticipant-dev-1.rockspec" }.status)
  end)
end)

describe("the rock", function()
  -- Compiling takes long, and the Luas between the oldest and the newest do not differ here.
  if not KNOWS_ROCKSPEC or VERSION == "5.2" or VERSION == "5.3" then return end

  it("installs into a tree, works from a clean directory, and goes again", function()
    local place = process.run { "mktemp", "-d" }.stdout:gsub("\n", "")
    finally(function() process.run { "rm", "-rf", place } end)
    local copied = process.run { "sh", "-c", "mkdir checkout tree elsewhere && cp -R "
      .. process.quote(process.root) .. "/csrc " .. process.quote(process.root) .. "/lua "
      .. process.quote(process.root) .. "/*.rockspec " .. process.quote(process.root)
      .. "/README.md checkout", cwd = place }
    assert.equal(0, copied.status, copied.stderr)
    local command = { "luarocks", "--lua-version", VERSION, "make", "--deps-mode=none", "--tree",
      place .. "/tree", "CFLAGS=-fPIC", cwd = place .. "/checkout", env = { HOME = place } }
    if process.abi == "luajit" then
      command[#command + 1] = "LUA_INCDIR="
        .. process.run({ "pkg-config", "--variable=includedir", "luajit" }).stdout:gsub("\n", "")
    end
    local made = process.run(command)
    assert.equal(0, made.status, made.stdout .. made.stderr)
    local paths = {
      LUA_PATH = ("%s/tree/share/lua/%s/?.lua;%s/tree/share/lua/%s/?/init.lua;;")
        :format(place, VERSION, place, VERSION),
      LUA_CPATH = ("%s/tree/lib/lua/%s/?.so;%s"):format(place, VERSION, BUILT_MODULES),
      HOME = place,
    }
    local tried = process.run { process.lua, "-e", [[
      local participant = require "connectparticipant"
      local client = participant.new { endpoint = "http://127.0.0.1:1", max_attempts = 1 }
      local result, err = client:get_transcript { ConnectionToken = "t" }
      print(result, err.code)
    ]], cwd = place .. "/elsewhere", env = paths }
    assert.equal("nil\tCOULDNT_CONNECT\n", tried.stdout, tried.stderr)
    local asked = process.run { process.lua,
      ("%s/tree/share/lua/%s/connectparticipant/command.lua"):format(place, VERSION), "--version",
      cwd = place .. "/elsewhere", env = paths }
    assert.truthy(asked.stdout:match("^connectparticipant %d"), asked.stderr)
    local installed = process.run { "test", "-x", place .. "/tree/bin/connectparticipant" }
    assert.equal(0, installed.status)
    local removed = process.run { "luarocks", "--lua-version", VERSION, "remove", "--tree",
      place .. "/tree", "connectparticipant", env = { HOME = place } }
    assert.equal(0, removed.status, removed.stderr)
  end)
end)
