-- Counts instructions with valgrind, which are the same on a busy machine and on an idle one.
local process = require "spec.support.process"

local function count(words)
  local all = { "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null" }
  for _, word in ipairs(words) do all[#all + 1] = word end
  return tonumber(process.run(all).stderr:match "Collected : (%d+)")
end

-- Instructions of one call, without start-up: the difference of two runs. `command(mode, count)`
-- gives the words of a contender.
return function(command, mode)
  return (count(command(mode, "400")) - count(command(mode, "200"))) / 200
end
