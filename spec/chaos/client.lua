-- A client of a chaos run, in a process of its own, since it may be killed: uploads or downloads
-- what a list names, and notes in a file what was begun and what came of it, each at once.
-- Its arguments, in the environment: CHAOS_ORDER, a file of JSON.
local cjson = require "cjson"
local core = require "connectparticipant.core"
local dice = require "spec.chaos.dice"
local files = require "spec.support.files"
local participant = require "connectparticipant"

local order = cjson.decode(files.read(os.getenv "CHAOS_ORDER"))
local noise = files.read(order.noise)
local journal = assert(io.open(order.journal, "ab"))
journal:setvbuf "no"

local function note(entry)
  journal:write(cjson.encode(entry), "\n")
end

local function bytes_of(index)
  local offset, size = dice.piece(order.seed, index)
  return noise:sub(offset + 1, offset + size)
end

local function descriptors()
  local pipe = io.popen "ls /proc/$PPID/fd 2>/dev/null | wc -l"
  local count = tonumber(pipe:read "*l")
  pipe:close()
  return count
end

local function status(field)
  return tonumber(files.read "/proc/self/status":match(field .. ":%s*(%d+)"))
end

local client -- below

-- The four kinds of source, in turn; the second value is called when the upload has ended.
local sources = {}

function sources.body(params, bytes)
  params.body = bytes
end

function sources.path(params, bytes, name)
  local path = order.work .. "/" .. name
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
  params.path = path
  return function() os.remove(path) end
end

function sources.file(params, bytes, name)
  local remove = sources.path(params, bytes, name)
  params.file, params.path = assert(io.open(params.path, "rb")), nil
  return function()
    params.file:close()
    remove()
  end
end

function sources.read(params, bytes)
  local at = 1
  params.AttachmentSizeInBytes = #bytes
  function params.read()
    local piece = bytes:sub(at, at + 65535)
    at = at + #piece
    return piece ~= "" and piece or nil
  end
end

local SOURCES = { "body", "path", "file", "read" }

local function upload(index)
  local name = ("%d-%d.bin"):format(order.generation, index)
  note { begun = index }
  local params = { ConnectionToken = order.tokens[index % #order.tokens + 1],
    AttachmentName = name, timeout = 60 }
  local done = sources[SOURCES[index % #SOURCES + 1]](params, bytes_of(index), name)
  local result, err = client:upload_attachment(params)
  if done then done() end
  return result, err
end

-- The three kinds of sink, in turn.
local sinks = {}

function sinks.body()
  return function(result) return result.body end
end

function sinks.path(params, name)
  params.path = order.work .. "/" .. name
  return function()
    local bytes = files.read(params.path)
    os.remove(params.path)
    return bytes
  end
end

function sinks.write(params)
  local pieces = {}
  function params.write(piece) pieces[#pieces + 1] = piece end
  return function() return table.concat(pieces) end
end

local SINKS = { "body", "path", "write" }

local function download(index)
  note { begun = index }
  local params = { ConnectionToken = order.tokens[index % #order.tokens + 1],
    AttachmentId = order.ids[("%d"):format(index)], timeout = 60 }
  local got = sinks[SINKS[index % #SINKS + 1]](params, ("d%d"):format(index))
  local result, err = client:download_attachment(params)
  if not result then
    if params.path and files.read(params.path) then err.message = "LEFT " .. err.message end
    return nil, err
  end
  local same = got(result) == bytes_of(index)
  return { AttachmentId = params.AttachmentId, same = same }
end

local function told(position, result, err)
  local index = order.list[position]
  note { index = index, id = result and result.AttachmentId, same = result and result.same,
    kind = err and err.kind, code = err and err.code, step = err and err.step,
    outcome = err and err.outcome, status = err and err.status,
    message = err and tostring(err.message), attempts = err and err.attempts }
end

-- Gives how many descriptors are more than before.
local function used()
  local before = descriptors()
  client = participant.new { endpoint = order.endpoint, stall_timeout = 3, connect_timeout = 2,
    ca_file = order.ca_file }
  client:map(order.list, order.download and download or upload,
    { concurrency = 64, on_result = told })
  client:close()
  client = nil
  for _ = 1, 3 do collectgarbage() end
  return descriptors() - before
end

local begun = core.now()
local left = used()
note { over = true, left = left, seconds = core.now() - begun, peak = status "VmHWM",
  resident = status "VmRSS", heap = math.floor(collectgarbage "count") }
