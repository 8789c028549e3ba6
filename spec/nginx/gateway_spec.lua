-- The gateway: uploads from browsers, downloads to them, and its answers.
local cjson = require "cjson"
local gateway = require "spec.support.gateway"
local http = require "spec.support.http"
local nginx = require "spec.support.nginx"
local process = require "spec.support.process"

-- These specs test LuaJIT inside nginx, whichever Lua runs busted, so one Lua runs them.
if process.abi ~= "luajit" then return end

local service
setup(function() service = gateway.service() end)
teardown(function() service:stop() end)

local function serve(given)
  local server = gateway.start(service, given)
  finally(function() server:remove() end)
  return server
end

local function accepted(answer)
  assert.equal(201, answer.status, answer.body)
  assert.equal("application/json", answer.headers["content-type"])
  assert.equal("nosniff", answer.headers["x-content-type-options"])
  return cjson.decode(answer.body)
end

local function refused(status, code, answer)
  assert.equal(status, answer.status, answer.body)
  assert.equal("application/json", answer.headers["content-type"])
  local body = cjson.decode(answer.body)
  assert.equal(code, body.code)
  assert.equal("string", type(body.message))
  assert.is_nil(answer.body:find(service.token, 1, true))
  return body
end

local function stored(attachment)
  return service:fetch(service.token, attachment.AttachmentId).body
end

describe("the gateway", function()
  it("streams a body of a known length without a temporary file, and brings it back", function()
    local server = serve()
    local body = ("0123456789abcdef"):rep(400000)
    local attachment = accepted(server:upload(body, {
      ["X-File-Name"] = "%E6%97%A5%E6%9C%AC.pdf" }))
    assert.same({ AttachmentId = attachment.AttachmentId, AttachmentSizeInBytes = #body,
      AttachmentName = "\230\151\165\230\156\172.pdf", ContentType = "application/pdf" },
      attachment)
    assert.equal("", process.run { "find", server.nginx.directory, "-size", "+100k" }.stdout)
    local back = server:download(attachment.AttachmentId)
    assert.equal(200, back.status)
    assert.is_true(back.body == body)
    assert.equal(("%d"):format(#body), back.headers["content-length"])
    assert.equal("application/pdf", back.headers["content-type"])
    assert.equal("attachment; filename=\"__.pdf\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.pdf",
      back.headers["content-disposition"])
    assert.equal("nosniff", back.headers["x-content-type-options"])
    assert.equal("sandbox; default-src 'none'", back.headers["content-security-policy"])
    local head = server:download(attachment.AttachmentId, nil, "HEAD")
    assert.equal(200, head.status)
    assert.equal("", head.body)
    assert.equal(back.headers["content-length"], head.headers["content-length"])
    assert.equal(back.headers["content-disposition"], head.headers["content-disposition"])
    assert.equal("", server:stop())
  end)

  it("streams it also where a request's socket knows receive alone", function()
    local server = serve { http = [[
      init_worker_by_lua_block {
        local socket_of = ngx.req.socket
        function ngx.req.socket(...)
          local socket, problem = socket_of(...)
          if socket then socket.receiveany = false end
          return socket, problem
        end
      }
    ]] }
    local body = ("0123456789abcdef"):rep(10001)
    local attachment = accepted(server:upload(body))
    assert.is_true(stored(attachment) == body)
    assert.equal("", server:stop())
  end)

  it("takes PUT, a bearer token, a Content-Disposition and a type", function()
    local server = serve()
    local attachment = accepted(server:upload("hello", { ["X-Connection-Token"] = false,
      ["Authorization"] = "bearer " .. service.token, ["X-File-Name"] = false,
      ["Content-Disposition"] = 'attachment; filename="dir/a.bin"',
      ["Content-Type"] = "Text/CSV; charset=utf-8" }, "PUT"))
    assert.equal("a.bin", attachment.AttachmentName)
    assert.equal("text/csv", attachment.ContentType)
    assert.equal("hello", stored(attachment))
    assert.equal("", server:stop())
  end)

  it("takes a chunked body, and what HTTP/2 brings", function()
    local server = serve()
    local answer = server.nginx:get "/ping" and http.raw(server.port,
      ("POST /up HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Connection-Token: %s\r\n"
        .. "X-File-Name: a.txt\r\nTransfer-Encoding: chunked\r\n\r\n"):format(service.token)
        .. "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
    assert.truthy(answer:find "^HTTP/1.1 201")
    assert.equal("hello world", stored(cjson.decode(answer:match "\r\n\r\n(.*)$")))
    local file = server.nginx.directory .. "/big"
    process.run { "sh", "-c", 'head -c 5000000 /dev/urandom >"$1"', "sh", file }
    for _, more in ipairs { { "--data-binary", "@" .. file }, { "-F", "f=@" .. file } } do
      local sent = process.run { "curl", "-sS", "--http2-prior-knowledge", "-H",
        "X-Connection-Token: " .. service.token, "-H", "X-File-Name: big", more[1], more[2],
        ("http://127.0.0.1:%d/up"):format(server.http2) }
      assert.equal(0, sent.status, sent.stderr)
      local back = process.run { "curl", "-sS", "--http2-prior-knowledge", "-o", file .. ".back",
        "-H", "X-Connection-Token: " .. service.token,
        ("http://127.0.0.1:%d/down?id=%s"):format(server.http2,
          cjson.decode(sent.stdout).AttachmentId) }
      assert.equal(0, back.status, back.stderr)
      assert.equal(0, process.run { "cmp", file, file .. ".back" }.status)
    end
    assert.equal("", server:stop())
  end)

  it("takes the files of a form, one or several, and says which failed", function()
    local server = serve { upload = "{ max_files = 2 }" }
    local function send(...)
      local form = table.concat { ... } .. "--B--\r\n"
      return server:upload(form, { ["Content-Type"] = "multipart/form-data; boundary=B" })
    end
    local function file(name, body)
      return ('--B\r\nContent-Disposition: form-data; name="f"; filename="%s"\r\n\r\n%s\r\n')
        :format(name, body)
    end
    local field = '--B\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
    local one = accepted(send(field, file("\230\151\165.txt", "one"), file("", "")))
    assert.equal("\230\151\165.txt", one.AttachmentName)
    assert.equal("one", stored(one))
    local big = ("x"):rep(200000) .. "\r\n-Bee"
    local two = accepted(send(file("b.txt", "two"), file("c.txt", big))).attachments
    assert.equal("two", stored(two[1]))
    assert.equal(200006, two[2].AttachmentSizeInBytes)
    refused(400, "MissingFile", send(field))
    refused(400, "InvalidForm", server:upload("--B\r\n", {
      ["Content-Type"] = "multipart/form-data; boundary=B" }))
    refused(413, "TooManyFiles", send(file("a", "1"), file("b", "2"), file("c", "3")))
    refused(400, "EmptyFile", send(file("a", "1"), file("b", "")))
    refused(400, "InvalidName", send(file("a", "1"), file("b%0D%0A", "2")))
    refused(415, "UnsupportedType", server:upload("x", { ["Content-Type"] = "multipart/mixed" }))
    service:fault { operation = "PutObject", status = 403, code = "AccessDenied", count = 1 }
    local mixed = send(file("a.txt", "1"), file("b.txt", "2"))
    assert.equal(502, mixed.status)
    mixed = cjson.decode(mixed.body).attachments
    assert.equal("AccessDenied", mixed[1].error.code)
    assert.equal("a.txt", mixed[1].AttachmentName)
    assert.equal("2", stored(mixed[2]))
    assert.equal("", server:stop())
  end)
end)

describe("the gateway's refusal", function()
  it("has a status for each error, and JSON that explains it", function()
    local server = serve { upload = [[{ max_size = 100, types = { "text/*", "image/png" } }]] }
    refused(401, "MissingToken", server:upload("x", { ["X-Connection-Token"] = false }))
    refused(403, "AccessDeniedException", server:upload("x", { ["X-Connection-Token"] = "bad" }))
    refused(400, "ParamValidationError", server:upload("x", {
      ["X-Connection-Token"] = ("t"):rep(5000) }))
    refused(400, "MissingName", server:upload("x", { ["X-File-Name"] = false }))
    refused(400, "InvalidName", server:upload("x", { ["X-File-Name"] = "a%0D%0AX: y.txt" }))
    refused(400, "ParamValidationError", server:upload("x", {
      ["X-File-Name"] = ("x"):rep(300) .. ".txt" }))
    refused(400, "EmptyFile", server:upload(""))
    refused(413, "TooLarge", server:upload(("x"):rep(101)))
    refused(415, "UnsupportedType", server:upload("x", { ["X-File-Name"] = "a.exe" }))
    local wrong = server:upload("x", nil, "DELETE")
    refused(405, "MethodNotAllowed", wrong)
    assert.equal("POST, PUT, OPTIONS", wrong.headers.allow)
    refused(411, "LengthRequired", http.request { port = server.port, path = "/up", method = "POST",
      headers = { ["X-Connection-Token"] = service.token }, framing = false })
    refused(401, "MissingToken", server:download("x", { ["X-Connection-Token"] = false }))
    refused(400, "MissingId", server:download(""))
    refused(405, "MethodNotAllowed", server:download("x", nil, "POST"))
    service:fault { operation = "GetAttachment", status = 404, code = "ResourceNotFoundException",
      count = 1 }
    refused(404, "ResourceNotFoundException", server:download("none"))
    service:fault { operation = "StartAttachmentUpload", status = 429, code = "ThrottlingException",
      count = 1 }
    local slow = server:upload("x")
    local body = refused(429, "ThrottlingException", slow)
    assert.truthy(slow.headers["retry-after"]:find "^[1-9]")
    assert.equal("string", type(body.request_id))
    service:fault { operation = "StartAttachmentUpload", status = 402,
      code = "ServiceQuotaExceededException", count = 1 }
    refused(422, "ServiceQuotaExceededException", server:upload("x"))
    service:fault { operation = "StartAttachmentUpload", status = 500,
      code = "InternalServerException", count = 1 }
    refused(502, "InternalServerException", server:upload("x"))
    service:fault { operation = "PutObject", action = "hang", count = 1 }
    refused(504, "OPERATION_TIMEDOUT", server:upload("x"))
    service:admin("DELETE", "faults")
    assert.equal("", server:stop())
  end)

  it("of a browser's questions about origins is kept to the origins named", function()
    local server = serve { upload = [[{ cors = { origins = { "https://a.example" } } }]] }
    local asked = server:upload(nil, { Origin = "https://a.example" }, "OPTIONS")
    assert.equal(204, asked.status)
    assert.equal("https://a.example", asked.headers["access-control-allow-origin"])
    assert.truthy(asked.headers["access-control-allow-headers"]:find("X-File-Name", 1, true))
    assert.equal("Origin", asked.headers.vary)
    local other = server:upload("x", { Origin = "https://b.example" })
    assert.equal(201, other.status)
    assert.is_nil(other.headers["access-control-allow-origin"])
    local own = server:upload("x", { Origin = "https://a.example", ["X-Connection-Token"] = "bad" })
    assert.equal(403, own.status)
    assert.equal("https://a.example", own.headers["access-control-allow-origin"])
    assert.equal("", server:stop())
  end)
end)

describe("the gateway's options", function()
  it("have the caller's own functions decide, and hear of it", function()
    local server = serve { upload = [[{
      token = function(ngx) return ngx.var.arg_token end,
      name = function() return "own.txt" end,
      authorize = function(request)
        ngx.header["X-Asked"] = request.name .. " " .. request.type .. " " .. request.size
        return request.size < 5, "too much"
      end,
      on_result = function(result, err, request)
        ngx.header["X-Told"] = request.name .. " " .. (result and "good" or err.code)
        error "an audit that fails"
      end,
    }]] }
    local function send(body)
      return http.request { port = server.port, path = "/up?token=" .. service.token,
        method = "POST", body = body }
    end
    local good = send "four"
    assert.equal(201, good.status, good.body)
    assert.equal("own.txt text/plain 4", good.headers["x-asked"])
    assert.equal("own.txt good", good.headers["x-told"])
    local bad = send "fives"
    assert.equal("too much", refused(403, "Forbidden", bad).message)
    assert.equal("own.txt Forbidden", bad.headers["x-told"])
    assert.truthy(server:stop():find("on_result failed: ", 1, true))
  end)

  it("wait for the scan, and say how far it is", function()
    local server = serve { upload = "{ wait = 5 }", locations = [[
      location = /soon { content_by_lua_block { gateway.upload(client, { wait = 0.3 }) } }
    ]] }
    assert.equal("APPROVED", accepted(server:upload "hello").Status)
    local virus = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-" .. "ANTIVIRUS-TEST-FILE!$H+H*"
    refused(422, "AttachmentRejected", server:upload(virus))
    service:admin("POST", "settings", { scan_seconds = 60 })
    local soon = http.request { port = server.port, path = "/soon", method = "POST", body = "x",
      headers = { ["X-Connection-Token"] = service.token, ["X-File-Name"] = "a.txt" } }
    service:admin("POST", "settings", { scan_seconds = 0 })
    assert.equal("IN_PROGRESS", accepted(soon).Status)
    assert.equal("", server:stop())
  end)

  it("that are wrong, and functions that raise, end in 500 and a line of the log", function()
    local server = serve {
      upload = [[{ token = function() error "no luck" end }]], download = "{ cros = {} }" }
    local raised = server:upload("x")
    assert.equal(500, raised.status)
    assert.is_nil(raised.body:find("no luck", 1, true))
    assert.equal(500, server:download("x").status)
    local log = server:stop()
    assert.truthy(log:find("no luck", 1, true))
    assert.truthy(log:find("unknown option 'cros' (did you mean 'cors'?)", 1, true))
  end)
end)

describe("a shared_dict that nginx does not have", function()
  it("ends nginx at its start", function()
    local started, problem = pcall(nginx.start, { http = [[
      init_by_lua_block {
        require("connectparticipant").new { region = "us-west-2", shared_dict = "nowhere" }
      } ]] })
    assert.is_false(started)
    assert.truthy(tostring(problem):find('shared_dict = "nowhere"', 1, true), problem)
  end)
end)
