-- The programs of doc/examples, run as their first lines say, against an emulator.
local process = require "spec.support.process"

local example = {}

local function environment(service, env)
  local all = { AWS_ENDPOINT_URL_CONNECTPARTICIPANT = service.endpoint }
  for name, value in pairs(env) do all[name] = value end
  return all
end

-- Runs one to its end: run(service, env, "bot", argument...) -> { status, stdout, stderr }
function example.run(service, env, name, ...)
  return process.run { env = environment(service, env), process.lua,
    "doc/examples/" .. name .. ".lua", ... }
end

-- Starts one beside the spec; gives a function that waits for its end, and gives all that it said.
function example.start(service, env, name, ...)
  local words = { "env" }
  for key, value in pairs(environment(service, env)) do
    words[#words + 1] = process.quote(key .. "=" .. value)
  end
  -- What a failing spec does not end ends all the same.
  for _, word in ipairs { "timeout", "60", process.lua,
    "doc/examples/" .. name .. ".lua", ... } do
    words[#words + 1] = process.quote(word)
  end
  local pipe = io.popen(table.concat(words, " ") .. " 2>&1; echo status $?")
  local text
  return function()
    if not text then
      text = pipe:read "*a"
      pipe:close()
    end
    return text
  end
end

return example
