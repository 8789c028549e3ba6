--- Progress on a terminal: a line for each file under way and, for several files, one for all of
-- them, redrawn in place and never wider than the terminal. Without a terminal nothing is drawn.

local common = require "connectparticipant.cli.common"
local unicode = require "connectparticipant.cli.unicode"

local progress = {}

-- Seconds between two redraws; seconds over which the rate is averaged.
local PAUSE, SPAN = 0.1, 5

-- The most files that have a line of their own; the line for all counts the rest.
local MOST_LINES = 8

-- Columns left free at the right, where a terminal prints ^C.
local MARGIN = 3

local NARROWEST_BAR, WIDEST_BAR, WIDEST_NAME = 6, 30, 32

---@class connectparticipant.Display
---@field names string[] of the files
---@field items table[] what is known about each: moved, total, begun, ended
---@field begun number when the first file began
---@field drawn integer how many lines are on the screen
local Display = {}
Display.__index = Display

local function clock(seconds)
  if seconds >= 3600 then
    return ("%d:%02d:%02d"):format(seconds / 3600 - seconds / 3600 % 1, seconds % 3600 / 60
      - seconds % 3600 / 60 % 1, seconds % 60 - seconds % 1)
  end
  return ("%d:%02d"):format(seconds / 60 - seconds / 60 % 1, seconds % 60 - seconds % 1)
end

-- Measures the rate of the last seconds from { at, moved } pairs, oldest first.
local function sample(item, now)
  local samples = item.samples
  samples[#samples + 1] = { at = now, moved = item.moved }
  while #samples > 2 and samples[2].at <= now - SPAN do table.remove(samples, 1) end
end

local function rate_of(item)
  local first, last = item.samples[1], item.samples[#item.samples]
  if not first or last.at - first.at < PAUSE then return nil end
  return (last.moved - first.moved) / (last.at - first.at)
end

local function time_of(item, rate, now)
  if item.took then return clock(item.took) end
  if item.waiting then return item.waiting .. " " .. clock(now - item.waiting_since) end
  if not rate or rate <= 0 or item.total == 0 then return "" end
  return clock(math.min((item.total - item.moved) / rate, 359999)) .. " left"
end

-- The line of one item, fitted to `width` columns: the name and the percentage are kept longest.
local function line_of(name, item, width, now)
  local share = item.total > 0 and math.min(item.moved / item.total, 1) or 0
  local rate = not item.waiting and rate_of(item) or nil
  local parts = {
    ("%3d %%"):format(math.floor(100 * share)), ("%10s"):format(common.bytes(item.moved)),
    ("%12s"):format(rate and common.bytes(rate) .. "/s" or ""),
    ("%-13s"):format(time_of(item, rate, now)),
  }
  local figures = table.concat(parts, " ")
  while #figures > width - 10 and #parts > 1 do
    -- The rate is dropped first, then the time, then the size.
    table.remove(parts, #parts == 4 and 3 or #parts)
    figures = table.concat(parts, " ")
  end
  local room = width - #figures - 1
  local bar_room = math.min(room - math.min(WIDEST_NAME, math.floor(room / 2)) - 3, WIDEST_BAR)
  if bar_room < NARROWEST_BAR then return unicode.fit(name, math.max(room, 1)) .. " " .. figures end
  local filled = math.floor(bar_room * share)
  return ("%s [%s%s] %s"):format(unicode.fit(name, math.min(room - bar_room - 3, WIDEST_NAME)),
    ("#"):rep(filled), ("."):rep(bar_room - filled), figures)
end

--- Makes the display for some files; nil if standard error is not a terminal.
---@param world table
---@param names string[]
---@param options? table with `json` or `quiet` nothing is drawn
---@param waiting? string what a file waits for once all of it has moved
---@return connectparticipant.Display|nil
function progress.new(world, names, options, waiting)
  if options and (options.json or options.quiet) or not world.is_terminal() then return nil end
  local self = setmetatable({
    world = world, names = {}, items = {}, drawn = 0, last = -1, waits_for = waiting, ended = 0,
    begun = world.now(),
    all = { moved = 0, total = 0, samples = {} },
  }, Display)
  for index, name in ipairs(names) do
    self.names[index] = common.printable(name)
    self.items[index] = { moved = 0, total = 0, samples = {} }
  end
  world.display = self
  if world.on_tick then world.on_tick(function() self:tick() end) end
  return self
end

-- What a file that failed did not move is nothing that is still to come.
local function sum(self)
  local all, moved, total = self.all, 0, 0
  for _, item in ipairs(self.items) do
    moved, total = moved + item.moved, total + (item.ended and item.moved or item.total)
  end
  all.moved, all.total = moved, total
  local is_waiting = self.waits_for and total > 0 and moved >= total
  if not is_waiting then
    all.waiting = nil
  elseif not all.waiting then
    all.waiting, all.waiting_since = self.waits_for, self.world.now()
  end
end

local function lines_of(self, now)
  local width = math.max(self.world.width() - MARGIN, 10)
  local lines = {}
  for index, item in ipairs(self.items) do
    if item.begun and not item.ended and #lines < MOST_LINES then
      lines[#lines + 1] = line_of(self.names[index], item, width, now)
    end
  end
  if #self.items > 1 then
    local name = ("%d of %d files"):format(self.ended, #self.items)
    lines[#lines + 1] = line_of(name, self.all, width, now)
  end
  return lines
end

-- Erases what was drawn; the cursor is then where the drawing began.
local function erase(self)
  if self.drawn == 0 then return "" end
  local text = "\r\27[K" .. ("\27[A\27[K"):rep(self.drawn - 1)
  self.drawn = 0
  return text
end

-- The cursor stays at the end of the last line, where a ^C may appear.
local function draw(self, now)
  self.last = now
  local lines = lines_of(self, now)
  self.world.stderr:write(erase(self), table.concat(lines, "\n"))
  self.world.stderr:flush()
  self.drawn, self.world.has_open_line = #lines, #lines > 0
end

--- Redraws, unless that was done just now.
function Display:tick()
  local now = self.world.now()
  if now - self.last < PAUSE then return end
  for _, item in ipairs(self.items) do
    if item.begun and not item.ended then sample(item, now) end
  end
  sum(self)
  sample(self.all, now)
  draw(self, now)
end

--- Says how many bytes a file has, before anything of it is under way.
---@param index integer of the file
---@param total integer
function Display:expect(index, total)
  self.items[index].total = total
end

--- Returns the function to pass to a transfer as `on_progress`.
---@param index integer of the file
---@return fun(moved: integer, total: integer)
function Display:on_progress(index)
  local item = self.items[index]
  return function(moved, total)
    item.begun, item.moved, item.total = true, moved, total
    if total > 0 and moved >= total and self.waits_for and not item.waiting then
      item.waiting, item.waiting_since = self.waits_for, self.world.now()
    end
    self:tick()
  end
end

--- Marks a file as finished, which removes its line.
---@param index integer
function Display:finish(index)
  local item = self.items[index]
  if not item.ended then item.ended, self.ended = true, self.ended + 1 end
end

--- Erases the lines, so that something else can be written; the next tick draws them again.
function Display:hide()
  self.world.stderr:write(erase(self))
  self.world.stderr:flush()
  self.last, self.world.has_open_line = -1, false
end

--- Ends the display. Its last line, with the total, stays on the screen.
function Display:close()
  local now = self.world.now()
  sum(self)
  local all = #self.items > 1 and self.all or self.items[1]
  local text = erase(self)
  if all and all.total > 0 then
    local name = #self.items > 1 and ("%d of %d files"):format(self.ended, #self.items)
      or self.names[1]
    all.waiting, all.took = nil, now - self.begun
    all.samples = { { at = self.begun, moved = 0 }, { at = now, moved = all.moved } }
    local line = line_of(name, all, math.max(self.world.width() - MARGIN, 10), now)
    text = text .. line:gsub(" +$", "") .. "\n"
  end
  self.world.stderr:write(text)
  self.world.stderr:flush()
  self.world.has_open_line, self.world.display = false, nil
  if self.world.on_tick then self.world.on_tick(nil) end
end

return progress
