--- connectparticipant emulator

local common = require "connectparticipant.cli.common"
local core = require "connectparticipant.core"
local values = require "connectparticipant.cli.values"

local emulator = {
  summary = "run a local Participant Service with its object store",
  description = "Prints its endpoint and a participant token, and serves until it is stopped. It "
    .. "needs nginx with ngx_lua (OpenResty, or Debian's nginx-light and libnginx-mod-http-lua).",
  options = {
    { long = "--json", flag = true, description = "Print one line of JSON when it is ready." },
    { long = "--port", argname = "N", convert = values.whole,
      description = "HTTP port (default 0: any free one)." },
    { long = "--tls-port", argname = "N", convert = values.whole,
      description = "HTTPS port (default 0: any free one)." },
    { long = "--dir", argname = "DIR", convert = values.text,
      description = "Keep the state here (default: a temporary directory)." },
    { long = "--admin", flag = true, description = "Serve /admin/ to this machine." },
    { long = "--rates", argname = "aws", convert = values.text,
      description = "Throttle as AWS documents." },
    { long = "--quota", argname = "N", convert = values.whole,
      description = "Attachments that a chat may have (default 35)." },
    { long = "--url-expiry", argname = "SECONDS", convert = values.whole,
      description = "Lifetime of presigned URLs (default 900)." },
    { long = "--max-size", argname = "BYTES", convert = values.whole,
      description = "Largest attachment (default 20971520)." },
    { long = "--scan-seconds", argname = "SECONDS", convert = values.seconds,
      description = "How long a scan takes (default 0.2)." },
    { long = "--extensions", argname = "LIST", convert = values.text,
      description = "Allowed extensions: pdf,png, or aws for Amazon Connect's (default: all)." },
    { long = "--empty-token", flag = true,
      description = "End transcripts with an empty NextToken, as AWS may." },
    { long = "--s3-endpoint", argname = "URL", convert = values.text,
      description = "An S3-compatible store to sign for, with the environment's keys." },
    { long = "--s3-bucket", argname = "NAME", convert = values.text,
      description = "Its bucket." },
    -- The emulator stops when this process ends; set by connectparticipant.emulator.start.
    { long = "--parent", argname = "PID", convert = values.whole, hidden = true },
  },
  examples = { "connectparticipant emulator --port 8080 --admin" },
}

function emulator.run(world, options)
  options.command, options.is_command = nil, nil -- added by argparse
  local name, complaint = world.emulator.check(options)
  if name then return nil, "--" .. name:gsub("_", "-") .. " " .. complaint end
  -- nginx replaces this process by exec. A signal caught before that would be noted in a flag that
  -- nobody reads any more, so from here on signals end the process.
  core.catch_signals(false)
  common.say(world, tostring(select(2, world.emulator.run(options))))
  return 1
end

return emulator
