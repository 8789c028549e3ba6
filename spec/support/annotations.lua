-- What `make lint` demands of the annotations: everything that a user can name has one in
-- types.lua, and every public function has a comment. Prints what is missing.
local core = require "connectparticipant.core"

local problems = 0
local function problem(...)
  problems = problems + 1
  print(string.format(...))
end

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

local ROOT = "lua/connectparticipant/"
local types = read(ROOT .. "types.lua")

-- The fields of a class, by name.
local function fields_of(class)
  local from = types:find("\n%-%-%-@class connectparticipant%." .. class .. "[ :\n]")
  if not from then
    problem("types.lua has no class connectparticipant.%s", class)
    return {}
  end
  local fields = {}
  local body = types:sub(from + 1):match "^(.-)\n\n" or types:sub(from + 1)
  for name in body:gmatch "%-%-%-@field ([%w_]+)" do fields[name] = true end
  return fields
end

local function compare(what, names, class)
  local fields = fields_of(class)
  for name in pairs(names) do
    if not fields[name] then problem("%s %s is not in types.lua, class %s", what, name, class) end
  end
  for name in pairs(fields) do
    if not names[name] then problem("types.lua, class %s: there is no %s %s", class, what, name) end
  end
end

-- The keys of a table constructor in a source: `local TYPES = { a = 1, b = 2 }`.
local function keys_in(path, pattern)
  local body = read(ROOT .. path):match(pattern)
  if not body then
    problem("%s has no %s", path, pattern)
    return {}
  end
  local keys = {}
  for name in ("\n" .. body):gmatch "[%s,{]([%a_][%w_]*) = " do keys[name] = true end
  return keys
end

compare("option", keys_in("config/options.lua", "local TYPES = (%b{})"), "Options")
compare("option", keys_in("config/options.lua", "local PACE_TYPES = (%b{})"), "PaceOptions")
compare("option", keys_in("config/options.lua", "local MAP_TYPES = (%b{})"), "MapOptions")
compare("member", keys_in("attachment/upload.lua", "local KINDS = (%b{})"),
  "UploadAttachmentParams")
compare("member", keys_in("attachment/download.lua", "local KINDS = (%b{})"),
  "DownloadAttachmentParams")
compare("member", keys_in("attachment/wait.lua", "local KINDS = (%b{})"),
  "WaitForAttachmentParams")
compare("option", keys_in("nginx/settings.lua", "local UPLOAD = (%b{})"), "UploadGatewayOptions")
compare("option", keys_in("nginx/settings.lua", "local DOWNLOAD = (%b{})"),
  "DownloadGatewayOptions")
compare("field", keys_in("service/attempt.lua", "logger, (%b{})"), "Event")

-- An error with everything that core can say, and what the Lua layer adds.
local err = core.new_error {
  kind = "service", code = "c", message = "m", hint = "h", operation = "o", step = "put",
  status = 400, request_id = "r", retryable = true, throttled = true, attempts = 1,
  retry_after = 1, attachment_id = "a", option = "region",
}
local names = { cause = true, traceback = true, outcome = true }
for name in pairs(err) do names[name] = true end
compare("field", names, "Error")

-- Every public function has a comment of its own before it.
local function check_functions(path, object)
  local before = ""
  for line in read(ROOT .. path):gmatch "([^\n]*)\n" do
    local name = line:match("^function " .. object .. "[.:]([%w_]+)")
    if name and not name:find "^__" and not before:find "^%-%-%-" then
      problem("%s: %s has no annotation", path, name)
    end
    before = line
  end
end

for path, object in pairs { ["client.lua"] = "Client", ["init.lua"] = "participant",
  ["worker.lua"] = "worker", ["run/started.lua"] = "Started",
  ["nginx/gateway.lua"] = "gateway" } do
  check_functions(path, object)
end

os.exit(problems == 0 and 0 or 1)
