--- A progress bar on a terminal; nothing where the output is none.

local common = require "connectparticipant.cli.common"

local bar = {}

local WIDTH = 30

--- Gives an `on_progress` function, or nil where there is no terminal to draw on.
---@param world table of which `has_open_line` tells that the bar stands on the last line
---@param label string
---@return (fun(moved: integer, total: integer))|nil
function bar.new(world, label)
  if not world.is_terminal() then return nil end
  label = common.printable(label)
  local drawn
  return function(moved, total)
    if total == 0 then return end -- not known yet
    local share = math.min(moved / total, 1)
    local filled = math.floor(WIDTH * share)
    local line = ("\r%s [%s%s] %3d %% of %s"):format(label, ("#"):rep(filled),
      ("."):rep(WIDTH - filled), math.floor(100 * share), common.bytes(total))
    -- It is called at least once a second, also while nothing moves.
    if line == drawn then return end
    world.stderr:write(line, moved == total and "\n" or "")
    world.stderr:flush()
    drawn, world.has_open_line = line, moved ~= total
  end
end

return bar
