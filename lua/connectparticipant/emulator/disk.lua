--- What Lua's own io cannot do: wait until bytes and names are on the disk, cut a file, lock one.

local ffi = require "ffi"

ffi.cdef [[
int fileno(void *stream);
int fsync(int fd);
int ftruncate(int fd, long length);
int flock(int fd, int operation);
]]
local LOCK_EX_NB = 6 -- exclusive, without waiting: the same number on Linux, BSD and macOS

local C = ffi.C
local disk = {}

local function failed(what)
  return nil, what .. " failed with errno " .. ffi.errno()
end

--- Waits until what was written to a file is on the disk.
---@param file file*
---@return boolean|nil
---@return string|nil problem
function disk.sync(file)
  local flushed, problem = file:flush()
  if not flushed then return nil, problem end
  if C.fsync(C.fileno(file)) ~= 0 then return failed "fsync" end
  return true
end

--- Waits until renames and new files in a directory are on the disk.
---@param path string
function disk.sync_directory(path)
  local directory, problem = io.open(path, "rb")
  if not directory then return nil, problem end
  local synced = C.fsync(C.fileno(directory)) == 0
  directory:close()
  if not synced then return failed "fsync of a directory" end
  return true
end

--- Truncates a file that is open for writing.
---@param file file*
---@param size integer
function disk.cut(file, size)
  if C.ftruncate(C.fileno(file), size) ~= 0 then return failed "ftruncate" end
  return true
end

--- Locks a file for this process, until it ends; nil when another process has locked it.
---@param path string
---@return file*|nil
---@return string|nil problem
function disk.lock(path)
  local file, problem = io.open(path, "ab")
  if not file then return nil, problem end
  if C.flock(C.fileno(file), LOCK_EX_NB) == 0 then return file end
  file:close()
  return nil, "another process has it"
end

return disk
