-- `make doc`: writes doc/reference.md from the annotations, some of which `make types` has written
-- from the model. With "check" it only says whether the page is up to date.
local PATH = "doc/reference.md"
local ROOT = "lua/connectparticipant/"

local lines = {}
local function add(text, ...)
  lines[#lines + 1] = select("#", ...) > 0 and text:format(...) or text
end

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

local PREFACE = [[
# Reference

Written by `make doc` from the annotations in the sources and from AWS's model.
[errors.md](errors.md) says what each error means; `connectparticipant help COMMAND` lists the
command's options; [examples](examples/README.md) has programs to begin with.

## What holds for every call

- It takes one table. AWS's members are in PascalCase, ours in snake_case; `timeout`, in seconds,
  bounds the whole call with all its attempts and waits.
- It returns a result, or nil and an [Error](#error). It raises only on mistakes in the program:
  parameters that are not a table, a closed client, a wrong option of `new`, `map` or
  `upload_attachments`; and it passes on what a function of yours raises.
- The result of an operation has `ResponseMetadata`: `RequestId`, `HTTPStatusCode` and
  `RetryAttempts`, which is 0 when the first attempt succeeded.
- `err.outcome` is `"unknown"` if the service may have carried out the call although it failed: the
  message may have been sent, the attachment may have been completed. Check before you repeat it.

## Easily overlooked

- `transcript` yields items in the order in which the service returns them: newest first, unless
  you ask for `SortOrder = "ASCENDING"`, and from the newest item backwards, unless there is a
  `StartPosition`. For all items from the first one on, use `ScanDirection = "FORWARD"` with the
  `StartPosition` `{ AbsoluteTime = "1970-01-01T00:00:00.000Z" }`. **An error is raised** unless
  `on_error(err)` is among the parameters.
- `wait_for_attachment` gives up after 240 s unless there is a `timeout`: AWS tries a scanner three
  times, 60 s each. Its pauses between two polls grow from half a second to five seconds.
- `upload_attachment` needs `AttachmentName` with `body`, `file` and `read`, which have no name, and
  `AttachmentSizeInBytes` with `read`, which has no size.
- `UrlExpiryInSeconds` (5 to 300) of `get_attachment` and `download_attachment` is how long the URL
  stays valid. Without it AWS decides.
- `on_start` and `on_progress` cancel the call when they return `false`, and with no other value,
  nil included; the error has the kind `cancelled`.
- On Lua 5.1 nothing can yield across an iterator or the language's `pcall`: inside `map`, all other
  items wait while `transcript` fetches a page, and `participant.pcall` replaces `pcall`. On 5.1 and
  5.2 `assert` does not take an error object: use `error(tostring(err))`. `<close>` needs Lua 5.4.
- A driver is `{ wait = function(engine, seconds), sleep = function(seconds) }`; both may yield.
  `wait` returns when the engine can go on or the time is over. `engine:wait(seconds)` blocks until
  then; an event loop polls `engine:pollfd()` for reading, for `engine:timeout()` seconds at most.
- `require "connectparticipant.core"` has the eleven operations as functions `(params, options)`:
  one attempt each, blocking, without environment, retries or pace.
]]

-- Links a type to its section.
local function cell(text)
  return (text:gsub("connectparticipant%.(%u%w*)", function(name)
    return ("[%s](#%s)"):format(name, name == "Client" and "the-client" or name:lower())
  end))
end

local function in_table(text)
  return (cell(text):gsub("|", "\\|"))
end

-- The type ends at the first blank that is outside of brackets and not after ":", "," or "|".
local function split(text)
  local depth = 0
  for at = 1, #text do
    local character = text:sub(at, at)
    if character:find "[%(%[{<]" then depth = depth + 1 end
    if character:find "[%)%]}>]" then depth = depth - 1 end
    if character == " " and depth == 0 and not text:sub(at - 1, at - 1):find "[:,|]" then
      return text:sub(1, at - 1), text:sub(at + 1)
    end
  end
  return text, ""
end

local function add_class(name, about, body)
  add("### %s\n", name)
  if about ~= "" then add("%s.\n", about:gsub("^%l", string.upper)) end
  add "| field | type | |\n|---|---|---|"
  for field, rest in body:gmatch "%-%-%-@field ([%w_%[%]]+%??) ([^\n]*)" do
    local kind, words = split(rest)
    add("| `%s` | %s | %s |", field, in_table(kind), in_table(words))
  end
  add ""
end

-- Joins an annotation's continuation lines to its first line.
local function joined(text)
  return (text:gsub("([^\n])\n%-%-%- ", "%1 "))
end

local function add_kinds()
  add "### Kind\n\n| kind | is |\n|---|---|"
  for kind, words in read(ROOT .. "types.lua"):gmatch '%-%-%-| "(%l+)" ([^\n]*)' do
    add("| `%s` | %s |", kind, words)
  end
  add ""
end

local function add_types()
  add "## Types\n\nA `?` marks what may be left out, or absent.\n"
  add_kinds()
  local text = joined(read(ROOT .. "types.lua") .. "\n")
  text = text:gsub("%-%-%- (https://%S+)\n(%-%-%-@class [%w.]+)", "%2 [AWS's page](%1)")
  for block in text:gmatch "(%-%-%-@class.-)\n\n" do
    local name, about, body = block:match "^%-%-%-@class connectparticipant%.(%w+) ?([^\n]*)\n(.*)$"
    if name and name ~= "Client" and name ~= "Module" then add_class(name, about, body) end
  end
end

local function add_function(owner, block, name, arguments)
  add("### `%s%s(%s)`\n", owner, name, arguments)
  local about = {}
  for line in block:gmatch "[^\n]+" do
    local tag, rest = line:match "^%-%-%-@(%w+) (.*)$"
    local words = line:match "^%-%-%-? ?([^@].*)$"
    if tag == "param" then about[#about + 1] = "- takes " .. cell(rest)
    elseif tag == "return" then about[#about + 1] = "- returns " .. cell(rest)
    elseif words then about[#about + 1] = words end
  end
  local text = table.concat(about, "\n")
  add("%s\n", (text:gsub("^(.-)\n(%- )", "%1\n\n%2", 1)))
end

local function add_functions()
  add "## The client\n"
  add "`participant` is `require \"connectparticipant\"`; it has the client's methods as functions,"
  add "over a default client. A `?` marks what may be left out.\n"
  local text = read(ROOT .. "client.lua")
  for block, separator, name, arguments in text:gmatch(
    "(\n%-%-%-[^\n]*\n[%-%w%s%p]-)function Client([.:])(%w+_?[%w_]*)%(([^)]*)%)") do
    local own = block:match ".*\n\n(%-%-%- .*)$" or block:sub(2)
    if own:find "^%-%-%- " and name ~= "prepare" then -- `prepare` is internal
      add_function(separator == "." and "participant." or "client:", own, name, arguments)
    end
  end
  add "### The eleven operations\n\n| method | takes | returns |\n|---|---|---|"
  local class = read(ROOT .. "types.lua"):match "@class connectparticipant%.Client\n(.-)\n\n"
  local field = "@field ([%w_]+) fun%(.-params: connectparticipant%.(%w+)Params"
  for method, name in class:gmatch(field) do
    add("| `client:%s(params)` | [%sParams](#%sparams) | [%sResult](#%sresult) |", method, name,
      name:lower(), name, name:lower())
  end
  add ""
end

add(PREFACE:gsub("%%", "%%%%"))
add_functions()
add_types()
local made = table.concat(lines, "\n"):gsub("\n+$", "") .. "\n"
local file = io.open(PATH)
local text = file and file:read "*a"
if file then file:close() end
if arg[1] == "check" then
  if made == text then os.exit(0) end
  print(PATH .. " is not what the annotations say: run `make doc`")
  os.exit(1)
end
file = assert(io.open(PATH, "w"))
file:write(made)
file:close()
