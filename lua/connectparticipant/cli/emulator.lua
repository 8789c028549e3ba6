--- connectparticipant emulator

local common = require "connectparticipant.cli.common"
local core = require "connectparticipant.core"

local emulator = {
  usage = "emulator [OPTIONS]",
  summary = "run a local Participant Service with its object store",
  options = {
    json = { kind = "flag", help = "say in one line of JSON when ready" },
    port = { kind = "whole", value = "N", help = "HTTP port (0: a free one)" },
    ["tls-port"] = { kind = "whole", value = "N", help = "HTTPS port (0: a free one)" },
    dir = { kind = "text", value = "D", help = "keep state here (else: temporary)" },
    admin = { kind = "flag", help = "serve /admin/ to loopback" },
    rates = { kind = "text", value = "aws", help = "throttle as AWS documents" },
    quota = { kind = "whole", value = "N", help = "attachments a chat may have (35)" },
    ["url-expiry"] = { kind = "whole", value = "SECONDS", help = "life of presigned URLs (900)" },
    ["max-size"] = { kind = "whole", value = "BYTES", help = "largest attachment (20971520)" },
    ["scan-seconds"] = { kind = "seconds", value = "SECONDS", help = "how long a scan takes" },
    extensions = { kind = "text", value = "LIST", help = "allowed extensions (else: all)" },
    ["empty-token"] = { kind = "flag", help = "end transcripts with an empty NextToken" },
    ["s3-endpoint"] = { kind = "text", value = "URL", help = "an S3-compatible store to sign for" },
    ["s3-bucket"] = { kind = "text", value = "B", help = "its bucket" },
    parent = { kind = "whole" }, -- the process to end with; for connectparticipant.emulator.start
    help = { kind = "flag", help = "this help" },
  },
}

function emulator.run(world, options, operands)
  if #operands > 0 then return nil, "emulator takes no operand" end
  local name, complaint = world.emulator.check(options)
  if name then return nil, "--" .. name:gsub("_", "-") .. " " .. complaint end
  -- nginx takes this process over, and a signal that is caught before it is there would be lost.
  core.catch_signals(false)
  common.say(world, tostring(select(2, world.emulator.run(options))))
  return 1
end

return emulator
