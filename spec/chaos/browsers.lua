-- The same in nginx, with browsers that leave: each asks a location that uploads, or downloads, and
-- one in four goes away before the answer is there.
local cjson = require "cjson"
local core = require "connectparticipant.core"
local nginx = require "spec.support.nginx"
local socket = require "socket"

local browsers = {}

local AT_ONCE, PATIENCE = 32, 120

local HTTP = [[
  lua_check_client_abort on;
  init_by_lua_block {
    client = require("connectparticipant").new { endpoint = os.getenv "ENDPOINT",
      stall_timeout = 3, connect_timeout = 2 }
    dice, json = require "spec.chaos.dice", require "cjson"
    local file = io.open "$noise"
    noise = file:read "*a"
    file:close()
  }
]]

local LOCATIONS = [[
  location /upload { content_by_lua_block {
    local index = tonumber(ngx.var.arg_i)
    local offset, size = dice.piece($seed, index)
    local result, err = client:upload_attachment { ConnectionToken = ngx.var.arg_token,
      AttachmentName = "1-" .. index .. ".bin", body = noise:sub(offset + 1, offset + size),
      timeout = 60 }
    ngx.print(json.encode(result and { id = result.AttachmentId } or { kind = err.kind,
      code = err.code, message = err.message, outcome = err.outcome }))
  } }
  location /download { content_by_lua_block {
    local result = client:download_attachment { ConnectionToken = ngx.var.arg_token,
      AttachmentId = ngx.var.arg_id, timeout = 60,
      on_start = function(about) ngx.header["Content-Length"] = about.AttachmentSizeInBytes end,
      write = function(piece) ngx.print(piece) ngx.flush(true) end }
    if not result and not ngx.headers_sent then ngx.status = 502 end
    if not result and ngx.headers_sent then ngx.exit(444) end
  } }
  location /state { content_by_lua_block {
    local jobs = 0
    for _ in pairs(client.loop.alive) do jobs = jobs + 1 end
    ngx.print(tostring(client.engine):match "(%d+) under way", " ", jobs)
  } }
  location /close { content_by_lua_block { client:close() } }
]]

local function filled(text, run)
  return (text:gsub("%$(%l+)", { noise = run.directory .. "/noise", seed = run.seed }))
end

--- `run`: directory, seed, endpoint, tokens.
function browsers.start(run)
  return nginx.start { http = filled(HTTP, run), locations = filled(LOCATIONS, run),
    env = { ENDPOINT = run.endpoint } }
end

-- A browser that has asked; it reads in `listen`.
local function ask(server, path, leaves)
  local connection = assert(socket.connect("127.0.0.1", server.port))
  connection:settimeout(0)
  connection:send(("GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):format(path))
  return { connection = connection, pieces = {}, leaves = leaves, asked = core.now() }
end

-- What has come; true once the browser has gone, or all is there.
local function listen(browser)
  local piece, problem, partial = browser.connection:receive(262144)
  browser.pieces[#browser.pieces + 1] = piece or partial
  local late = core.now() - browser.asked
  assert(late < PATIENCE, "a browser waits without end")
  local leaves = browser.leaves and late > browser.leaves
  if problem ~= "closed" and not leaves then return false end
  browser.connection:close()
  browser.left = problem ~= "closed"
  local head, body = table.concat(browser.pieces):match "^(.-)\r\n\r\n(.*)$"
  browser.head, browser.body = head, body
  return true
end

--- Has a browser ask for each path, at most so many at once; `told(index, browser)` when it is
--- through, and `passed(count)` after each.
function browsers.visit(server, paths, own, told, passed)
  local open, next_one, done = {}, 1, 0
  while done < #paths do
    while #open < AT_ONCE and next_one <= #paths do
      local browser = ask(server, paths[next_one], own:pick(4) == 1 and own:next() * 0.5)
      browser.index, next_one = next_one, next_one + 1
      open[#open + 1] = browser
    end
    local sockets = {}
    for index, browser in ipairs(open) do sockets[index] = browser.connection end
    socket.select(sockets, nil, 0.02)
    for index = #open, 1, -1 do
      if listen(open[index]) then
        local browser = table.remove(open, index)
        done = done + 1
        told(browser.index, browser)
        passed(done)
      end
    end
  end
end

--- Waits until nothing is under way any more and, once the client is closed, its pump has ended;
--- gives what is left then, and the descriptors, of which there were so many before.
function browsers.settle(server, before)
  local ending, left = core.now() + 30
  repeat
    left = server:get("/state").body
    core.sleep(0.1)
  until left == "0 0" or core.now() > ending
  server:get "/close"
  local descriptors
  repeat
    descriptors = server:descriptors()
    core.sleep(0.1)
  until descriptors <= before or core.now() > ending
  return left, descriptors
end

--- What a browser was told of its upload; nil where it left.
function browsers.entry(browser)
  if browser.left or not browser.body or not browser.head:find " 200 " then return nil end
  local text = browser.body:match "{.*}"
  return text and cjson.decode(text)
end

return browsers
