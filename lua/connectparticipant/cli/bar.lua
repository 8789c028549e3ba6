--- A progress bar on a terminal; nothing where the output is none.

local common = require "connectparticipant.cli.common"

local bar = {}

local WIDTH = 30

--- Gives an `on_progress` function, or nil where there is no terminal to draw on.
---@param world table
---@param label string
function bar.new(world, label)
  if not world.is_terminal() then return nil end
  return function(moved, total)
    local filled = math.floor(WIDTH * moved / total)
    world.stderr:write(("\r%s [%s%s] %3d %% of %s"):format(common.printable(label),
      ("#"):rep(filled), ("."):rep(WIDTH - filled), math.floor(100 * moved / total),
      common.bytes(total)))
    if moved == total then world.stderr:write("\n") end
    world.stderr:flush()
  end
end

return bar
