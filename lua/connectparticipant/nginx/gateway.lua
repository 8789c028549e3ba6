-- A gateway between browsers and the attachments of a chat, in one line of nginx.conf each way.
-- `request` reads a request, `answer` makes its answer, and `upload` and `download` do the work.

local answer = require "connectparticipant.nginx.answer"
local download = require "connectparticipant.nginx.download"
local request = require "connectparticipant.nginx.request"
local settings = require "connectparticipant.nginx.settings"
local upload = require "connectparticipant.nginx.upload"
local job = require "connectparticipant.run.job"

---@class connectparticipant.gateway
local gateway = {}

local METHODS = {
  upload = { list = "POST, PUT, OPTIONS", POST = true, PUT = true },
  download = { list = "GET, HEAD, OPTIONS", GET = true, HEAD = true },
}

local function traced(problem)
  return { problem = problem, traceback = debug.traceback(tostring(problem), 2) }
end

-- An answer for what was raised: the caller's functions may raise, and a closed client does.
local function raised(visit, caught)
  ngx.log(ngx.ERR, "connectparticipant: ", caught.traceback)
  if visit.begun then
    visit:count(444)
    ngx.exit(444)
  end
  local err = job.raised(caught.problem)
  visit:audit(nil, err)
  return answer.failure(err)
end


local function serve(client, what, options, run)
  if ngx.is_subrequest then error("the gateway answers no subrequests", 0) end
  local visit = request.new(client, what, settings.read(what, options))
  local methods = METHODS[what]
  visit:begin()
  if visit.method == "OPTIONS" then return visit:send(visit:preflight(methods.list)) end
  if not methods[visit.method] then
    local refusal = settings.refuse(405, "MethodNotAllowed", "use " .. methods.list)
    local told = visit:fail(refusal.err, refusal.status)
    told.headers.Allow = methods.list
    return visit:send(told)
  end
  visit:watch()
  local ok, told = xpcall(function() return run(visit) end, traced)
  if not ok then told = raised(visit, told) end
  if told then return visit:send(told) end
  if visit.left then ngx.exit(499) end
end

--- Uploads the file of a request, or the files of a form, and answers with the attachments; for
--- content_by_lua. Raises on a wrong option; every other failure is an answer.
---@param client connectparticipant.Client
---@param options? connectparticipant.UploadGatewayOptions
function gateway.upload(client, options)
  return serve(client, "upload", options, upload.run)
end

--- Answers a request for an attachment, `?id=ATTACHMENT_ID`, with its bytes as they arrive; for
--- content_by_lua. Raises on a wrong option; every other failure is an answer or, once the answer
--- has begun, the end of the connection.
---@param client connectparticipant.Client
---@param options? connectparticipant.DownloadGatewayOptions
function gateway.download(client, options)
  return serve(client, "download", options, download.run)
end

--- Answers with what the client and its gateway have counted, for Prometheus; for content_by_lua.
--- Whoever may ask sees it: allow that to whom it concerns.
---@param client connectparticipant.Client
function gateway.metrics(client)
  local text = client:metrics "prometheus"
  ngx.header["Content-Type"] = "text/plain; version=0.0.4"
  ngx.header["Content-Length"] = #text
  ngx.print(text)
end

return gateway
