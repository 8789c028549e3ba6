-- With cqueues: uploads several files at once in one thread, each in a coroutine of its own, while
-- other coroutines run.
--
--   $ AWS_REGION=us-west-2 CONNECT_CONNECTION_TOKEN=... lua5.4 doc/examples/cqueues.lua FILE...
local cqueues = require "cqueues"
local participant = require "connectparticipant"

-- A driver says only how to wait: for the client's engine, which cqueues can poll, and for a time.
-- Both let other coroutines run.
local client = participant.new {
  driver = {
    wait = function(engine, seconds) cqueues.poll(engine, seconds) end,
    sleep = cqueues.sleep,
  },
}

local loop, left, failed = cqueues.new(), #arg, 0

for _, path in ipairs(arg) do
  loop:wrap(function()
    local attachment, err = client:upload_attachment {
      ConnectionToken = os.getenv "CONNECT_CONNECTION_TOKEN", path = path,
    }
    left = left - 1
    if attachment then
      print(attachment.AttachmentId, path)
    else
      failed = failed + 1
      io.stderr:write(path, ": ", tostring(err), "\n")
    end
  end)
end

-- Stands for everything else that the program does meanwhile.
local turns = 0
loop:wrap(function()
  while left > 0 do
    turns = turns + 1
    cqueues.sleep(0.001)
  end
end)

assert(loop:loop())
client:close()
io.stderr:write(("other work had %d turns meanwhile\n"):format(turns))
os.exit(failed == 0 and 0 or 1)
