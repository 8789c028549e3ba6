-- Limits of memory, which hold where no sanitizer and no valgrind keeps memory of its own; and what
-- looks into the allocator, which only one can do. Where they are lifted, the run says so.
local memory = {}

local others
if os.getenv "SANITIZE" then others = "a sanitizer" end
if os.getenv "VALGRIND" then others = "valgrind" end
local told = {}

--- Whether another tool has the allocator for itself; then a note says what is not looked at.
function memory.is_taken(what)
  if others and not told[what] then
    io.write(("note: %s has the allocator for itself: no look at %s\n"):format(others, what))
    told[what] = true
  end
  return others ~= nil
end

--- Fails where more bytes than these were used.
function memory.check(used, most, what)
  if memory.is_taken("the limits of memory") then return end
  assert(used < most, ("%s: %d bytes of memory, not below %d"):format(what, used, most))
end

return memory
