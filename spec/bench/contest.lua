-- Has contenders measured round by round, each of them a program that prints one JSON object.
local cjson = require "cjson"
local process = require "spec.support.process"

local contest = {}

-- How many rounds there are where no other number is asked for.
contest.rounds = 1

function contest.median(list)
  local sorted = {}
  for index, value in ipairs(list) do sorted[index] = value end
  table.sort(sorted)
  return sorted[math.ceil(#sorted / 2)]
end

function contest.run(words, env)
  words.env = env
  local result = process.run(words)
  assert(result.status == 0, table.concat(words, " ") .. "\n" .. result.stderr)
  return cjson.decode(result.stdout)
end

-- Has every contender measured once a round, another one first each time, so that a busy moment,
-- and what the one before has left behind, hit all of them.
function contest.in_turn(contenders, count, measure)
  local names = {}
  for name in pairs(contenders) do names[#names + 1] = name end
  table.sort(names)
  for round = 1, count do
    for index = 1, #names do
      local name = names[(round + index) % #names + 1]
      measure(name, contenders[name], round)
    end
  end
end

-- What each contender did in each round, by name: seconds and seconds of CPU for one piece of its
-- work, and KiB at its peak. `count` tells how often where the usual number of rounds says too
-- little, or takes too long.
function contest.of(contenders, count)
  local seen = {}
  local rounds = contest.rounds
  contest.in_turn(contenders, rounds > 1 and count or rounds, function(name, command, round)
    local result = contest.run(command.words, command.env)
    seen[name] = seen[name] or { wall = {}, cpu = {}, peak = {} }
    for key, list in pairs(seen[name]) do
      list[round] = key == "peak" and result.peak or result[key] / result.count
    end
  end)
  return seen
end

-- How many times one list is the other: the median of the rounds' ratios, in which what slowed a
-- whole round down is not seen.
function contest.ratio(one, other)
  local ratios = {}
  for round = 1, #one do ratios[round] = one[round] / other[round] end
  return contest.median(ratios)
end

return contest
