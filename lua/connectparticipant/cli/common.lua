--- What the commands share: the options of the client, the token, and how results and errors look.

local interrupt = require "connectparticipant.cli.interrupt"
local json = require "connectparticipant.cli.json"
local options_of = require "connectparticipant.config.options"
local unicode = require "connectparticipant.cli.unicode"

local common = { printable = unicode.printable }

--- What the library says of a value for the option of that name: nil, or "must be …".
function common.check(name)
  return function(value) return options_of.problem(name, value) end
end

common.client_options = {
  region = { kind = "text", value = "REGION", help = "AWS region of the instance" },
  endpoint = { kind = "text", value = "URL", help = "another endpoint, as the emulator's" },
  profile = { kind = "text", value = "NAME", help = "profile of the shared config file" },
  ["ca-file"] = { kind = "text", value = "FILE", help = "CA bundle (PEM)" },
  timeout = { kind = "seconds", value = "SECONDS", help = "deadline of the whole job",
    check = common.check "timeout" },
  ["max-attempts"] = { kind = "whole", value = "N", help = "attempts of a request (3)",
    check = common.check "max_attempts" },
  ["token-file"] = { kind = "text", value = "FILE", help = "ConnectionToken; - is standard input" },
  json = { kind = "flag", help = "one JSON object a line, for programs" },
  help = { kind = "flag", help = "this help" },
}

--- The command's own options beside the client's.
function common.with(own)
  local all = {}
  for name, option in pairs(common.client_options) do all[name] = option end
  for name, option in pairs(own) do all[name] = option end
  return all
end

-- Far more than any token has.
local LONGEST_TOKEN = 8192

local function read_token(world, path)
  if path == "-" then return world.stdin:read "*l" end
  local file, problem = io.open(path, "r")
  if not file then return nil, problem end
  local text
  text, problem = file:read(LONGEST_TOKEN)
  file:close()
  return text, problem and path .. ": " .. problem
end

--- The token, from a file, standard input or the environment; never from an argument.
function common.token(world, options)
  local token, problem
  if options.token_file then
    token, problem = read_token(world, options.token_file)
    interrupt.check()
    if not token then return nil, "the token cannot be read: " .. (problem or "it is empty") end
  else
    token = world.getenv "CONNECT_CONNECTION_TOKEN"
  end
  token = token and token:match("^[^\r\n]*"):gsub("[ \t]+$", "")
  if not token or token == "" then
    return nil, "no token: set CONNECT_CONNECTION_TOKEN, or use --token-file"
  end
  return token
end

function common.client(world, options, logger)
  return world.participant.new {
    region = options.region, endpoint = options.endpoint, profile = options.profile,
    ca_file = options.ca_file, timeout = options.timeout, max_attempts = options.max_attempts,
    logger = logger, driver = world.driver,
  }
end

--- Tells a result to programs: JSON on one line.
function common.tell(world, value)
  return world.stdout:write(json.encode(value), "\n")
end

--- Says something to whoever runs the command, on a line of its own.
function common.say(world, message)
  world.stderr:write(world.has_open_line and "\n" or "", "connectparticipant: ",
    common.printable(message), "\n")
  world.has_open_line = false
end

--- Tells an error, and gives the exit status that goes with it.
function common.fail(world, options, err, subject)
  if options.json then
    common.tell(world, { error = err, file = subject })
  else
    common.say(world, (subject and subject .. ": " or "") .. tostring(err))
  end
  return 1
end

function common.bytes(count)
  if count < 1024 then return ("%.0f B"):format(count) end
  if count < 1024 * 1024 then return ("%.1f KiB"):format(count / 1024) end
  return ("%.1f MiB"):format(count / 1024 / 1024)
end

return common
