-- Lua programs whose disk misbehaves; see spec/support/disk.c.
local process = require "spec.support.process"

local disk = {}

local library

-- Builds the library that misbehaves, once.
local function build()
  if library then return library end
  process.run { "mkdir", "-p", process.root .. "/build" }
  local path = ("%s/build/disk-%s.so"):format(process.root, process.abi)
  local built = process.run { "cc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE",
    "-D_FILE_OFFSET_BITS=64", "-o", path,
    process.root .. "/spec/support/disk.c", "-ldl", env = { LD_PRELOAD = "" } }
  assert(built.status == 0, built.stderr)
  library = path
  return path
end

-- Runs Lua source; `env.DISK_FAULTS` says what fails.
function disk.run(text, env)
  local preload = os.getenv "LD_PRELOAD"
  env = env or {}
  env.LD_PRELOAD = (preload and preload ~= "" and preload .. ":" or "") .. build()
  return process.run { "env", "--default-signal=PIPE", process.lua, "-e", text, env = env }
end

return disk
