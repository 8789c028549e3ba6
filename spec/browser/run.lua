-- Serves doc/examples/gateway, and drives a browser through it; see page.mjs.
local process = require "spec.support.process"
local serve = require "doc.examples.gateway.serve"

local served = serve.start()
local started = process.run { "sh", "-c", served.command }
assert(started.status == 0, started.stderr)
local files = process.run { "mktemp", "-d" }.stdout:gsub("\n", "")
local status = 0
for _, url in ipairs { served.url, served.tls_url } do
  local done = os.execute(("node spec/browser/page.mjs %s %s %s"):format(process.quote(url), files,
    process.quote(os.getenv "SCREENSHOT" or "")))
  if done ~= true and done ~= 0 then status = 1 end
end
local log = assert(io.open(served.directory .. "/error.log"))
for line in log:lines() do
  if line:find "%[error%]" or line:find "%[alert%]" or line:find "%[crit%]" then
    print(line)
    status = 1
  end
end
log:close()
served.stop()
process.run { "rm", "-rf", files }
os.exit(status)
