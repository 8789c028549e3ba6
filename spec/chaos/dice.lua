-- Chance that a seed decides, the same in every Lua, and the files of a run: each is a piece of one
-- file of random bytes.
local dice = {}
local Dice = {}
Dice.__index = Dice

local MOST = 2147483647
local LARGEST = 1048576

--- Numbers that the seed alone decides.
function dice.new(seed)
  local self = setmetatable({ state = seed % (MOST - 1) + 1 }, Dice)
  for _ = 1, 5 do self:next() end -- small seeds begin with small numbers
  return self
end

--- From 0 up to 1. A Lehmer generator.
function Dice:next()
  self.state = (self.state * 16807) % MOST
  return self.state / MOST
end

--- A whole number from 1 to `most`.
function Dice:pick(most)
  return math.floor(self:next() * most) + 1
end

--- Puts a list into another order.
function Dice:shuffle(list)
  for index = #list, 2, -1 do
    local other = self:pick(index)
    list[index], list[other] = list[other], list[index]
  end
  return list
end

--- Writes the random bytes.
function dice.write_noise(path, seed)
  local own, file = dice.new(seed), assert(io.open(path, "wb"))
  for _ = 1, 2 * LARGEST / 4096 do
    local bytes = {}
    for index = 1, 4096 do bytes[index] = string.char(own:pick(256) - 1) end
    file:write(table.concat(bytes))
  end
  file:close()
end

--- What a file of the run is made of: as many small ones as large ones, from 1 byte to 1 MiB.
---@return integer offset in the random bytes
---@return integer size
function dice.piece(seed, index)
  local own = dice.new(seed * 131 + index * 7919)
  local size = math.min(LARGEST, math.floor(2 ^ (own:next() * 20.0001)))
  return own:pick(LARGEST) - 1, size
end

return dice
