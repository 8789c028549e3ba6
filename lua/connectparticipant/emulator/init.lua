--- A strict local Participant Service with its object store, run by nginx. `run` becomes it;
-- `start` starts one beside a program, for specs.

local options = require "connectparticipant.emulator.options"

local emulator = {}

--- The first option that is wrong, and what is wrong with it.
---@param given table<string, any>
---@return string|nil name
---@return string|nil complaint to be read after the name
emulator.check = options.check

local function refusal(given)
  local name, complaint = options.check(given)
  return name and ("the emulator's option %s %s"):format(name, complaint)
end

-- Each of the two functions loads what it needs when it is called, since a process only calls one.

--- Becomes the emulator; returns only when it cannot.
---@param given? table<string, any> the options of the command, with underscores
---@return nil
---@return string problem
function emulator.run(given)
  local problem = refusal(given or {})
  if problem then return nil, problem end
  return nil, require("connectparticipant.emulator.become")(options.complete(given or {}))
end

--- Starts an emulator; it ends with `stop`, or with this process.
---@param given? table<string, any> those of the command, with underscores: `{ admin = true }`
---@return connectparticipant.emulator.Running|nil
---@return string|nil problem
function emulator.start(given)
  local problem = refusal(given or {})
  if problem then return nil, problem end
  return require("connectparticipant.emulator.running").start(given or {})
end

return emulator
