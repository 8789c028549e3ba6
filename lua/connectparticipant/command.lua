#!/usr/bin/env lua
-- The command `connectparticipant`; everything it does is in connectparticipant.cli.

local function explain(problem)
  -- What the interpreter raises at Ctrl-C needs no traceback.
  local interrupted = tostring(problem):find("interrupted!", 1, true)
  if interrupted then return "connectparticipant: interrupted" end
  return debug.traceback(tostring(problem), 2)
end

local ok, status = xpcall(function()
  return require("connectparticipant.cli").main(arg)
end, explain)
if not ok then
  io.stderr:write(status, "\n")
  status = 1
end
os.exit(status, true)
