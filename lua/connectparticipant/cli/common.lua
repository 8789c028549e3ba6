--- What the commands share: the options of the client, the token, and how results and errors are
-- printed.

local interrupt = require "connectparticipant.cli.interrupt"
local json = require "connectparticipant.cli.json"
local narration = require "connectparticipant.cli.narration"
local unicode = require "connectparticipant.cli.unicode"
local values = require "connectparticipant.cli.values"
local wording = require "connectparticipant.cli.wording"

local common = { printable = unicode.printable, bytes = unicode.bytes }

common.client_options = {
  { long = "--region", argname = "REGION", convert = values.text,
    description = "AWS region of the Amazon Connect instance (or AWS_REGION)." },
  { long = "--endpoint", argname = "URL", convert = values.text,
    description = "Another endpoint, such as the emulator's (or AWS_ENDPOINT_URL)." },
  { long = "--profile", argname = "NAME", convert = values.text,
    description = "Profile of AWS's shared config file." },
  { long = "--ca-file", argname = "FILE", convert = values.text,
    description = "CA certificates (PEM) to trust." },
  { long = "--timeout", argname = "SECONDS", convert = values.as(values.seconds, "timeout"),
    description = "Deadline of the whole job." },
  { long = "--max-attempts", argname = "N", convert = values.as(values.whole, "max_attempts"),
    description = "Attempts of a request, the first included (3)." },
  { long = "--pace", argname = "URL", convert = values.redis,
    description = "Redis on which machines share one pace: redis://HOST or unix:/PATH." },
  { long = "--instance", argname = "NAME", convert = values.text,
    description = "Name of the Amazon Connect instance, the same on all of them." },
  { long = "--token-file", argname = "FILE", convert = values.text,
    description = "File with the token; - is standard input." },
  { long = "--json", flag = true, description = "Print one JSON object a line, for programs." },
  { long = "--verbose", short = "-v", flag = true,
    description = "Log each request to standard error." },
  { long = "--quiet", short = "-q", flag = true,
    description = "Print only errors: no progress, no results." },
}

-- Bytes: far more than any token has.
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

local ADVICE = {
  CONNECT_CONNECTION_TOKEN = "no token: set CONNECT_CONNECTION_TOKEN, or use --token-file FILE "
    .. "(`connectparticipant connect` exchanges a participant token for one)",
  CONNECT_PARTICIPANT_TOKEN = "no participant token: set CONNECT_PARTICIPANT_TOKEN, or use "
    .. "--token-file FILE (StartChatContact returns one, and the emulator prints one)",
}

--- The token, from a file, standard input or the environment; never from an argument.
---@param world table
---@param options table
---@param variable? string of the environment; CONNECT_CONNECTION_TOKEN
---@return string|nil token
---@return string|nil problem
function common.token(world, options, variable)
  variable = variable or "CONNECT_CONNECTION_TOKEN"
  local token, problem
  if options.token_file then
    token, problem = read_token(world, options.token_file)
    interrupt.check()
    if not token then return nil, "the token cannot be read: " .. (problem or "it is empty") end
  else
    token = world.getenv(variable)
  end
  token = token and token:match("^[^\r\n]*"):gsub("[ \t]+$", "")
  if not token or token == "" then return nil, ADVICE[variable] end
  return token
end

function common.client(world, options)
  local logger = options.verbose and function(event)
    common.say(world, narration.line(event))
  end or nil
  return world.participant.new {
    region = options.region, endpoint = options.endpoint, profile = options.profile,
    ca_file = options.ca_file, timeout = options.timeout, max_attempts = options.max_attempts,
    logger = logger, driver = world.driver,
    pace = options.pace and { redis = options.pace, instance = options.instance },
  }
end

--- Runs one operation with the chat's token, for a command that does nothing else.
---@return table|nil result
---@return integer|nil status to end with; nil for a problem of usage
---@return string|nil problem
function common.call(world, options, method, params)
  local token, problem = common.token(world, options)
  if not token then return nil, nil, problem end
  local client = common.client(world, options)
  params.ConnectionToken = token
  local result, err = client[method](client, params)
  client:close()
  if not result then return nil, common.fail(world, options, err) end
  return result
end

--- Prints a result for programs: JSON on one line.
function common.tell(world, value)
  return world.stdout:write(json.encode(value), "\n")
end

--- Prints a result as the options ask: as JSON, as a line of text, or not at all.
function common.result(world, options, value, text)
  if options.json then return common.tell(world, value) end
  if not options.quiet and text then return world.stdout:write(text, "\n") end
  return true
end

--- Prints a message for the user to standard error, on a line of its own.
function common.say(world, message)
  if world.display then world.display:hide() end
  world.stderr:write(world.has_open_line and "\n" or "", "connectparticipant: ",
    common.printable(message), "\n")
  world.has_open_line = false
end

--- Prints an error, and returns the exit status that goes with it.
function common.fail(world, options, err, subject)
  if options.json then
    common.tell(world, { error = err, file = subject })
  else
    common.say(world, wording.of(err, subject))
  end
  return 1
end

return common
