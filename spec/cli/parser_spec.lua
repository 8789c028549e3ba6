-- Every option of every command, with odd values: a message and status 2, or an error and status 1,
-- and never a traceback.
local cli = require "connectparticipant.cli"
local common = require "connectparticipant.cli.common"
local emulator = require "connectparticipant.emulator"
local options_of = require "connectparticipant.config.options"

local parser = require "connectparticipant.cli.parser"

local COMMANDS = {
  "connect", "upload", "download", "message", "event", "transcript", "disconnect", "emulator",
}

local OPERANDS = {
  upload = { "/dev/null" }, download = { "id", "-o", "/dev/null" }, message = { "hello" },
  event = { "typing" },
}

local VALUES = {
  "", " ", "0", "-1", "1", "1.5", ".", "1.", "1e9", "0x10", "nan", "inf", "-inf", "1e400", "70000",
  "65536", "2147483647", "2147483648", "99999999999", "9007199254740993", ("9"):rep(400),
  "0." .. ("0"):rep(400) .. "1", "true", "--json", "\255\27[2J", ("x"):rep(20000), "a=b", "%d",
}

local function text()
  return { said = "", write = function(self, ...)
    self.said = self.said .. table.concat { ... }
    return true
  end, flush = function() return true end, failure = function() end }
end

-- Runs the command without a network: its client checks the options, and then fails.
local function run(words)
  local world = {
    stdin = { read = function() return nil end }, stdout = text(), stderr = text(),
    getenv = function() return "a-token" end, is_terminal = function() return false end,
    participant = { new = function(options)
      options_of.read(options, "new", 1)
      local function failed() return nil, { kind = "transport" } end
      return {
        close = function() end, download_attachment = failed, send_message = failed,
        send_event = failed, disconnect_participant = failed,
        create_participant_connection = failed,
        upload_attachments = function(_, _, given)
          options_of.check_map(given, "upload_attachments", 1)
          given.on_result(1, failed())
          return {}, {}
        end,
        transcript = function(_, params)
          return function() params.on_error { kind = "transport" } end
        end,
      }
    end },
    emulator = { check = emulator.check, run = function() return nil, "not run" end },
  }
  return cli.main(words, world), world.stderr.said, world.stdout.said
end

local function with(name, ...)
  local words = { name, ... }
  for _, word in ipairs(OPERANDS[name] or {}) do words[#words + 1] = word end
  return words
end

-- Values that a parser may mistake: an empty one, one like an option; and an ordinary one.
local PLAIN = { [""] = true, ["-1"] = true, ["--json"] = true, ["1"] = true }

-- The option with the value, in every form that can be written.
local function forms(name, option, value)
  local joined = option .. "=" .. value
  if not PLAIN[value] then return { with(name, joined) } end
  return { with(name, joined), with(name, option, value), with(name, option .. "=1", joined) }
end

describe("an option", function()
  for _, name in ipairs(COMMANDS) do
    local command, known = parser.command(name), {}
    for _, list in ipairs { command.options, command.client and common.client_options or {} } do
      for _, option in ipairs(list) do
        -- The client's options are the same for all commands: one command gets every value.
        known[option.long] = list == common.client_options and name ~= "upload" and { "-1" }
          or VALUES
      end
    end
    it("of " .. name .. " is refused by its name, whatever its value", function()
      for option, values in pairs(known) do
        for _, value in ipairs(values) do
          for _, words in ipairs(forms(name, option, value)) do
            local status, said = run(words)
            assert.is_nil(said:find("traceback", 1, true), said)
            assert.truthy(status == 0 or status == 1 or status == 2)
            assert.is_nil(said:find "[%z\1-\9\11-\31\127]")
            assert.truthy(status ~= 2 or said:find("connectparticipant: ", 1, true))
          end
        end
      end
    end)
  end

  it("has the range that the library has", function()
    local cases = {
      { "--max-attempts", "0", "must be a whole number from 1" },
      { "--max-attempts", "99999999999", "must be a whole number from 1 to 2147483647" },
      { "--concurrency", "0", "must be a whole number from 1" },
      { "--concurrency", "99999999999", "must be a whole number from 1 to 2147483647" },
      { "--concurrency", ("9"):rep(400), "must be a whole number" },
      { "--timeout", "0", "must be a number of seconds above 0" },
      { "--timeout", "0." .. ("0"):rep(400) .. "1", "must be a number of seconds above 0" },
      { "--timeout", "nan", "must be a number of seconds above 0" },
      { "--region", "", "must not be empty" },
    }
    for _, case in ipairs(cases) do
      local status, said = run(with("upload", case[1], case[2]))
      assert.equal(2, status)
      local wanted = ("connectparticipant: %s %s"):format(case[1], case[3])
      assert.truthy(said:find(wanted, 1, true), said)
    end
  end)

  it("may be given twice, and the last one counts", function()
    assert.equal(2, (run(with("upload", "--timeout", "1", "--timeout", "0"))))
    assert.equal(1, (run(with("upload", "--timeout", "2", "--timeout", "1"))))
  end)

  it("that does not exist is refused, and printed without control characters", function()
    local _, said = run { "upload", "--\27[2J", "x" }
    assert.is_nil(said:find("\27", 1, true))
    _, said = run { "\27[2J" }
    assert.is_nil(said:find("\27", 1, true))
  end)
end)

describe("help", function()
  it("has a line of usage and an example for each command, and fits 80 columns", function()
    for _, name in ipairs(parser.COMMANDS) do
      local status, _, said = run { "help", name }
      assert.equal(0, status)
      local _, _, same = run { name, "-h" }
      assert.equal(said, same)
      assert.truthy(said:find("Usage: connectparticipant " .. name, 1, true) == 1)
      assert.truthy(said:find("\nExamples:\n   ", 1, true), name)
      for line in said:match "^(.-)\nExamples:":gmatch "[^\n]+" do
        assert.is_true(#line <= 80, line)
      end
    end
  end)

  it("for a command that does not exist is refused", function()
    local status, said = run { "help", "uplaod" }
    assert.equal(2, status)
    assert.truthy(said:find("did you mean 'upload'", 1, true))
  end)

  it("makes the manual page, which names every option and contains no stray roff", function()
    local _, _, page = run { "help", "--man" }
    for _, name in ipairs(parser.COMMANDS) do
      assert.truthy(page:find("\n.SS " .. name, 1, true), name)
      for _, option in ipairs(parser.command(name).options or {}) do
        local shown = page:find(option.long:gsub("%-", "\\-"), 1, true)
        assert.equal(not option.hidden, shown ~= nil, option.long)
      end
    end
    for line in page:gmatch "[^\n]+" do
      assert.truthy(not line:find "^[.']" or (line .. " "):find "^%.[A-Za-z]+ ", line)
    end
  end)

  it("completes in bash, zsh and fish, and in no other shell", function()
    for _, shell in ipairs { "bash", "zsh", "fish" } do
      local status, told, said = run { "completion", shell }
      -- argparse supports it from 0.7 on.
      if parser.new().get_bash_complete then
        assert.equal(0, status)
        assert.truthy(said:find("transcript", 1, true))
      else
        assert.equal(1, status)
        assert.truthy(told:find("need lua-argparse 0.7", 1, true))
      end
    end
    assert.equal(2, (run { "completion", "tcsh" }))
  end)
end)
