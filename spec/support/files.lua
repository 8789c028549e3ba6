-- A directory for a spec file's files, and the files in it.
local core = require "connectparticipant.core"
local process = require "spec.support.process"

local files = {}
files.__index = files

function files.new()
  return setmetatable({
    directory = process.run { "mktemp", "-d" }.stdout:gsub("\n", ""),
  }, files)
end

function files:path(name)
  return self.directory .. "/" .. name
end

function files:write(name, text)
  local path = self:path(name)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  return path
end

-- The bytes of a file, or nil if there is none.
function files.read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read "*a"
  file:close()
  return text
end

-- Commits a sink, and waits until the commit is done.
function files.commit(sink)
  local done, err = sink:commit()
  while done == "pending" or done == nil and type(err) == "number" do
    core.sleep(0.001)
    done, err = sink:finished()
  end
  return done or nil, err
end

function files:remove()
  process.run { "rm", "-rf", self.directory }
end

return files
