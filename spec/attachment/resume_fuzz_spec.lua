-- Downloads from a store that fails at random in every way: each that succeeds is exactly one
-- object, and what a `write` function was passed is the beginning of one.
local Client = require "connectparticipant.client"
local clocks = require "spec.support.clock"
local files = require "spec.support.files"
local inline = require "spec.support.inline"
local process = require "spec.support.process"

local FIRST_SEED, COUNT = 1, process.thorough and 2000 or 400
local SINKS = { "path", "file", "write", "body" }
local HEAD = "what the file had before: "

-- The same numbers on every Lua.
local function dice_of(seed)
  local state = seed
  local function roll(most)
    state = state * 16807 % 2147483647
    return math.floor(state / 2147483647 * most) + 1
  end
  for _ = 1, 5 do roll(2) end
  return roll
end

-- Bytes that repeat only after a prime number, so that a part from a wrong offset shows.
local function bytes_of(roll, size)
  local list = {}
  for index = 1, math.min(size, 251) do list[index] = string.char(roll(256) - 1) end
  return table.concat(list):rep(math.ceil(size / 251)):sub(1, size)
end

local function answer(status, headers, body)
  local lines = { ("HTTP/1.1 %d X"):format(status) }
  for _, line in ipairs(headers) do lines[#lines + 1] = line end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. body
end

local function with_length(status, headers, body)
  headers[#headers + 1] = "Content-Length: " .. #body
  return answer(status, headers, body)
end

-- A store: its object, which may be replaced by another one, and the ETags that it sends.
local function new_store(roll)
  local size = roll(4) == 1 and roll(40000) or roll(400)
  local first, second = bytes_of(roll, size), bytes_of(roll, size)
  local styles = {
    { '"one"', '"two"' }, { '"one"', '"two"' }, { false, false }, { 'W/"same"', 'W/"same"' },
    { '"one"', false }, { false, '"two"' }, { "one", "one" },
  }
  local tags = styles[roll(#styles)]
  return {
    size = size, objects = { first, second }, roll = roll,
    object = first, etag = tags[1], other = second, other_etag = tags[2],
  }
end

local function etag_line(store)
  return store.etag and { "ETag: " .. store.etag } or {}
end

local function part(store, from, headers, total)
  headers[#headers + 1] = ("Content-Range: bytes %d-%d/%d"):format(from, store.size - 1, total)
  return with_length(206, headers, store.object:sub(from + 1))
end

-- What an honest store answers.
local function honest(store, request, from)
  local wanted = request.headers["if-match"]
  if wanted and wanted ~= store.etag then return with_length(412, etag_line(store), "") end
  if from then return part(store, from, etag_line(store), store.size) end
  return with_length(200, etag_line(store), store.object)
end

-- A store that supports ranges, but not If-Match.
local function careless(store, _, from)
  if from then return part(store, from, etag_line(store), store.size) end
  return with_length(200, etag_line(store), store.object)
end

local LOGIN = "<html>" .. ("Sign in to the guest network. "):rep(20) .. "</html>"

local KINDS = {
  honest, honest, honest, careless, careless, careless,
  function(store) return with_length(200, etag_line(store), store.object) end,
  function(store) return with_length(206, etag_line(store), store.object) end,
  function(store, _, from) -- another range than asked for
    local shifted = math.max(0, (from or 0) + store.roll(9) - 5)
    return part(store, math.min(shifted, store.size), etag_line(store), store.size)
  end,
  function(store, _, from) return part(store, from or 0, etag_line(store), store.size + 7) end,
  function(store, _, from) return part(store, from or 0, {}, store.size) end,
  function(store) return with_length(200, etag_line(store), store.object .. store.other) end,
  function(store) return with_length(200, etag_line(store), store.other .. "more") end,
  function(store) return answer(200, etag_line(store), store.object), "close" end,
  function(store, _, from)
    local chunk = store.object:sub((from or 0) + 1)
    local headers = etag_line(store)
    headers[#headers + 1] = "Transfer-Encoding: chunked"
    if from then
      headers[#headers + 1] = ("Content-Range: bytes %d-%d/%d"):format(from, store.size - 1,
        store.size)
    end
    return answer(from and 206 or 200, headers,
      ("%x\r\n"):format(#chunk) .. chunk .. "\r\n0\r\n\r\n")
  end,
  function() return with_length(412, {}, "") end,
  function() return with_length(416, {}, "") end,
  function() return with_length(500, {}, "oops") end,
  function() return with_length(503, { "ETag: \"one\"" }, "") end,
  function()
    return with_length(403, {}, "<Error><Code>AccessDenied</Code>"
      .. "<Message>Request has expired</Message></Error>")
  end,
  function(store)
    local page = #LOGIN == store.size and LOGIN .. " " or LOGIN
    return with_length(200, { "Content-Type: text/html" }, page)
  end,
}

local function respond_of(store)
  local roll = store.roll
  return function(request)
    if request.method == "POST" then
      local size = roll(40) == 1 and store.size + 1 or store.size
      return with_length(200, {}, ('{"Url":"http://%s/x?y","AttachmentSizeInBytes":%d}')
        :format(request.headers.host, size)), "keep"
    end
    if roll(4) == 1 then
      store.object, store.other = store.other, store.object
      store.etag, store.other_etag = store.other_etag, store.etag
    end
    local from = tonumber((request.headers.range or ""):match("^bytes=(%d+)%-$"))
    local bytes, how = KINDS[roll(#KINDS)](store, request, from)
    local cut = roll(10)
    if cut <= 3 then return bytes, how or "keep" end
    if cut == 4 then return bytes, "close" end
    -- Mostly the body breaks off, sometimes the headers.
    local head = cut == 5 and 0 or bytes:find("\r\n\r\n", 1, true) + 3
    return bytes:sub(1, head + roll(#bytes - head + 1) - 1), cut == 6 and "reset" or "close"
  end
end

local function is_beginning(store, bytes)
  for _, object in ipairs(store.objects) do
    if object:sub(1, #bytes) == bytes then return true end
  end
end

local function is_whole(store, bytes)
  return bytes == store.objects[1] or bytes == store.objects[2]
end

-- One kind of sink: its member, and a function that checks it when the download is over.
local MAKE = {}

function MAKE.body(store)
  return {}, function(result)
    return not result or is_whole(store, result.body)
  end
end

function MAKE.write(store)
  local pieces = {}
  return { write = function(piece) pieces[#pieces + 1] = piece end }, function(result)
    local bytes = table.concat(pieces)
    return is_beginning(store, bytes) and (not result or is_whole(store, bytes))
  end
end

function MAKE.path(store, place)
  local path = place:write("path", "old")
  return { path = path }, function(result)
    local bytes = files.read(path)
    return result and is_whole(store, bytes) or not result and bytes == "old"
  end
end

function MAKE.file(store, place)
  local path = place:path("file")
  local file = assert(io.open(path, "w+b"))
  file:write(HEAD)
  return { file = file }, function(result)
    file:close()
    local bytes = files.read(path)
    return bytes:sub(1, #HEAD) == HEAD and (not result or is_whole(store, bytes:sub(#HEAD + 1)))
  end
end

describe("a download through a store that does everything wrong", function()
  local place, server, store
  setup(function()
    place = files.new()
    server = inline.start(function(request) return respond_of(store)(request) end)
  end)
  teardown(function()
    server:stop()
    place:remove()
  end)

  -- One download; returns what was wrong with it, and whether it succeeded.
  local function try(seed)
    store = new_store(dice_of(seed))
    local sink = SINKS[seed % #SINKS + 1]
    local clock = clocks.new()
    local client = Client.new({ endpoint = server.url, max_attempts = 6, stall_timeout = 5,
      driver = { wait = server.wait, sleep = clock.driver.sleep } }, clock)
    local params, check = MAKE[sink](store, place)
    params.ConnectionToken, params.AttachmentId = "token", "id"
    local result, err = client:download_attachment(params)
    client:close()
    server:drop()
    local good = check(result) and (not result or result.AttachmentSizeInBytes == store.size)
    return not good and ("seed %d, %s: %s"):format(seed, sink, tostring(result or err)), result
  end

  it(("succeeds only with one whole object, in %d sequences of faults from seed %d on")
    :format(COUNT, FIRST_SEED), function()
    local wrong, succeeded = {}, 0
    for seed = FIRST_SEED, FIRST_SEED + COUNT - 1 do
      local problem, result = try(seed)
      wrong[#wrong + 1] = problem or nil
      succeeded = succeeded + (result and 1 or 0)
    end
    assert.same({}, wrong)
    -- Some must succeed and some must fail, or the faults were all too mild or too severe.
    assert.truthy(succeeded > COUNT / 5 and succeeded < COUNT * 4 / 5, succeeded)
  end)
end)
