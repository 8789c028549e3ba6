-- What AWS's shared files may look like. The rules are those on which the tests of AWS's SDKs for
-- Java, Kotlin, Rust and C agree, and, for quoted names and indented keys, its command line tool.
local ini = require "connectparticipant.config.ini"

local ALL = setmetatable({}, { __index = function() return true end })

-- Parses a text: { profile = { key = value } }.
local function profiles(text, kind)
  local file = ini.parse(text, kind or "config", ALL)
  local found = {}
  for name, section in pairs(file.profiles) do found[name] = section.values end
  return found, file
end

-- What each text means in the config file.
local RULES = {
  { "nothing at all", "", {} },
  { "a profile without keys", "[profile a]", { a = {} } },
  { "blanks and tabs around a name", "[ \tprofile \t a\t ]", { a = {} } },
  { "a tab before the name", "[profile\ta]", { a = {} } },
  { "all letters that names have", "[profile Az09-_./%@:+]\nAz-_9 = 1",
    { ["Az09-_./%@:+"] = { ["az-_9"] = "1" } } },
  { "a name in quotes", '[profile "my dev"]\nk = 1\n[profile \'your dev\' ] # x\nk = 2',
    { ["my dev"] = { k = "1" }, ["your dev"] = { k = "2" } } },
  { "a bracket and a sign within quotes", '[profile "a]#b"]\nk = 1', { ["a]#b"] = { k = "1" } } },
  { "lines as Windows ends them", "[profile a]\r\nk = 1\r\nl = 2\r\n",
    { a = { k = "1", l = "2" } } },
  { "a byte order mark", "\239\187\191[default]\nk = 1", { default = { k = "1" } } },
  { "blank lines", " \t\n\n[profile a]\n\t\n \nk = 1\n\n[profile b]\n \t",
    { a = { k = "1" }, b = {} } },
  { "equals signs in a value", "[default]\nk = a=b==", { default = { k = "a=b==" } } },
  { "bytes of any kind in a value", "[default]\nk = \240\159\152\128\255",
    { default = { k = "\240\159\152\128\255" } } },
  { "white space around keys and values", "[default]\nk \t=  \t1 2 \t",
    { default = { k = "1 2" } } },
  { "values that are empty or blank", "[default]\nk =\nl = \t \nm=1",
    { default = { k = "", l = "", m = "1" } } },
  { "keys in any case", "[default]\nRegion = a\nREGION = b", { default = { region = "b" } } },
  { "the last of equal keys", "[profile a]\nk = 1\nk = 2\n[profile a]\nk = 3",
    { a = { k = "3" } } },
  { "a section in several places", "[profile a]\nk = 1\n[profile b]\n[profile a]\nl = 2",
    { a = { k = "1", l = "2" }, b = {} } },
  { "comments of both kinds",
    "# 1\n; 2\n[profile a] ; 3\n[profile b]# 4\nk = 1 # 5 ; 6\n  # 7\nl = 2\t;8",
    { a = {}, b = { k = "1", l = "2" } } },
  { "what looks like a comment but touches the value", "[default]\nk = 1# 2\nl = 3; 4",
    { default = { k = "1# 2", l = "3; 4" } } },
  { "a comment in place of a value", "[default]\nk = # none\nl =; some",
    { default = { k = "", l = "; some" } } },
  { "values that go on", "[default]\nk = 1 \\\n  --two\n \t three = 3 # so\nl = 2",
    { default = { k = "1 \\\n--two\nthree = 3 # so", l = "2" } } },
  { "keys under a key", "[default]\ns3 =\n  k = 1 # one\n\n  L =\nk = 2",
    { default = { s3 = "", ["s3.k"] = "1", ["s3.l"] = "", k = "2" } } },
  { "keys that are all indented", "[default]\n  k = 1\n  l = 2\n    more\n  m = 3",
    { default = { k = "1", l = "2\nmore", m = "3" } } },
  { "a section that is indented", "  [profile a]\n  k = 1\n  [profile b]\n  k = 2",
    { a = { k = "1" }, b = { k = "2" } } },
  { "[profile default] instead of [default]", "[default]\nk = 1\nl = 1\n[profile default]\nk = 2",
    { default = { k = "2" } } },
  { "[profile default] wherever it stands",
    "[profile default]\nk = 2\n[default]\nk = 1\nl = 1\n[profile default]\nm = 3",
    { default = { k = "2", m = "3" } } },
  { "no names of several words", "[profile a b]\nk = 1\n[profile c]\nk = 2", { c = { k = "2" } } },
  { "no keys of several words", "[profile a]\na b = 1\n  more\nk = 2", { a = { k = "2" } } },
  { "no sections without the prefix", "[a]\nk = 1\n[profileb]\nk = 2\n[Default]\nk = 3", {} },
  { "no other kinds of sections",
    "[sso-session a]\nk = 1\n[plugins]\nk = 2\n[profile]\nk = 3\nwhatever\n[default]\nk = 4",
    { default = { k = "4" } } },
}

-- The same for the credentials file.
local CREDENTIALS = {
  { "profiles without the prefix", "[default]\nk = 1\n[work]\nk = 2\n[ my dev ]\nk = 3",
    { default = { k = "1" }, work = { k = "2" }, ["my dev"] = { k = "3" } } },
  { "none with it", "[profile work]\nk = 1\n[profile]\nk = 2", { profile = { k = "2" } } },
}

-- What is reported about a malformed line, and what is kept.
local PROBLEMS = {
  { "[profile a", "line 1: a section's name must end with ]", {} },
  { "[profile a] b\nk = 1", "line 1: only a comment may follow", {} },
  { '[profile "a]\nk = 1', "line 1: a section's name must end", {} },
  { "[ ]\nk = 1", "line 1: a section without a name", {} },
  { "k = 1\n[default]\nk = 2", "line 1: a key outside of all sections", { default = { k = "2" } } },
  { " more", "line 1: a key outside", {} },
  { "[default]\n\n  more\nk = 1", "line 3: neither a section nor key = value",
    { default = { k = "1" } } },
  { "[default]\nk = 1\n[default]\n more", "line 4: neither", { default = { k = "1" } } },
  { "[default]\nk : 1\nl = 2", "line 2: neither", { default = { l = "2" } } },
  { "[default]\n= 1", "line 2: a value without a key", { default = {} } },
  { "[default]\ns3 =\n  nothing", "line 3: a nested key needs a value", { default = { s3 = "" } } },
  { "[default]\ns3 =\n  = 1", "line 3: a value without a key", { default = { s3 = "" } } },
  { "[default]\nk = 1\0\nl = 2", "line 2: a NUL", { default = { l = "2" } } },
}

describe("a shared file", function()
  for _, rule in ipairs(RULES) do
    it("may have " .. rule[1], function()
      local found, file = profiles(rule[2])
      assert.same(rule[3], found)
      assert.is_nil(file.problem)
    end)
  end

  for _, rule in ipairs(CREDENTIALS) do
    it("of credentials has " .. rule[1], function()
      assert.same(rule[3], (profiles(rule[2], "credentials")))
    end)
  end

  it("has services sections in the config file only", function()
    local text = "[services own]\nconnectparticipant =\n  endpoint_url = https://a\n"
    local key = "connectparticipant.endpoint_url"
    assert.equal("https://a", ini.parse(text, "config", ALL).services.own.values[key])
    assert.same({}, ini.parse(text, "credentials", ALL).services)
  end)

  it("knows the line of each key", function()
    local _, file = profiles "\n[default]\nk = 1\n more\ns3 =\n  l = 2\n"
    local section = file.profiles.default
    assert.same({ k = 3, s3 = 5, ["s3.l"] = 6 }, section.lines)
  end)

  it("loses only the line that is malformed", function()
    for _, case in ipairs(PROBLEMS) do
      local found, file = profiles(case[1])
      assert.truthy(file.problem and file.problem:find(case[2], 1, true), tostring(file.problem))
      assert.same(case[3], found)
    end
  end)

  it("reports the first malformed line", function()
    local _, file = profiles "[default]\nfirst\nsecond\n"
    assert.truthy(file.problem:find("line 2", 1, true), file.problem)
  end)

  it("may end its lines in any of three ways", function()
    for _, ending in ipairs { "\n", "\r\n", "\r" } do
      local file = ini.parse(("[a]|region = r|"):gsub("|", ending), "credentials",
        { region = true })
      assert.same({ region = "r" }, file.profiles.a.values)
    end
  end)

  it("yields nothing but what is asked for, and is never quoted in errors", function()
    local file = ini.parse("[a]\naws_secret_access_key = hidden\nregion = r\nhidden\n",
      "credentials", { region = true })
    assert.same({ region = "r" }, file.profiles.a.values)
    assert.is_nil(file.problem:find("hidden", 1, true))
  end)

  it("may be anything without an error being raised", function()
    local words = { "[", "]", "[profile ", "profile", "default", "services", "\"", "'", "=", " = ",
      "#", " ;", "\n", "\r", "\r\n", "\n  ", "\t", "\0", "k", "region", "\255", "\\" }
    local seed = 11
    local function random(most)
      seed = (seed * 16807) % 2147483647
      return seed % most
    end
    for number = 1, 3000 do
      local parts = {}
      for index = 1, random(40) do parts[index] = words[random(#words) + 1] end
      local kind = number % 2 == 0 and "config" or "credentials"
      local file = ini.parse(table.concat(parts), kind, ALL)
      for _, section in pairs(file.profiles) do
        for key, value in pairs(section.values) do
          assert.equal("string", type(value))
          assert.equal("number", type(section.lines[key]))
        end
      end
    end
  end)

  it("takes time in proportion to its length, whatever it contains", function()
    if os.getenv "EAGER" then
      return io.write "note: an eager collector's rounds grow with the text: no look at the time\n"
    end
    local function texts_of(many)
      local blanks = (" "):rep(2 * many)
      return {
        "[default]\nk = 1" .. blanks .. "2" .. blanks .. "\n", "[" .. blanks .. "x",
        "[profile" .. blanks .. "x" .. blanks .. "]", '[profile "' .. ('" '):rep(many) .. "]",
        "[default]\n" .. (" ="):rep(many), "[default]\nk = 1\n" .. (" 2\n"):rep(many),
        "[default]\nk =\n" .. (" l = 2\n"):rep(many), ("[profile a]\n"):rep(many),
        "[default]\nk" .. blanks .. "#=" .. (" x"):rep(many), ("\r"):rep(2 * many),
      }
    end
    local function cost(text)
      local began = os.clock()
      ini.parse(text, "config", ALL)
      return os.clock() - began
    end
    local short = texts_of(10000)
    for index, text in ipairs(texts_of(80000)) do
      -- In quadratic time the longer one would cost 64 times as much, seconds.
      local few, many = cost(short[index]), cost(text)
      assert.truthy(many < 24 * few + 0.3, ("text %d: %.3f and %.3f s"):format(index, few, many))
    end
  end)
end)
