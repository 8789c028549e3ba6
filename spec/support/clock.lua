-- A clock that only moves when somebody sleeps, and a driver that uses it, so that specs of waiting
-- need not wait. Transfers go on in real time.
local clock = {}

--- `slept` lists every sleep; `random` returns what it is set to.
function clock.new()
  local self = { slept = {}, seconds = 1000, chance = 0.5, wall = 1790000000 }
  function self.now() return self.seconds end
  function self.time() return self.wall + self.seconds - 1000 end
  function self.random() return self.chance end
  self.driver = {
    wait = function(engine, seconds) engine:wait(seconds) end,
    sleep = function(seconds)
      self.slept[#self.slept + 1] = seconds
      self.seconds = self.seconds + seconds
    end,
  }
  return self
end

--- A clock that moves by a hundred times as much as a transfer is really waited for: an hour in
--- which nothing comes takes a few seconds.
function clock.hasty()
  local self = clock.new()
  function self.driver.wait(engine, seconds)
    engine:wait(seconds / 100)
    self.seconds = self.seconds + seconds
  end
  return self
end

return clock
