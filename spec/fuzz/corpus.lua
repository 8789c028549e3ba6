-- The fuzzers' seeds: arbitrary bytes, kept as one line of text each, with \n, \r, \t, \\ and \xHH
-- for what is not printable. `corpus.lua TARGET DIRECTORY` writes those of a target as bytes.
local files = require "spec.support.files"

local corpus = {}

local ESCAPES = { n = "\n", r = "\r", t = "\t", ["\\"] = "\\" }

local function decode(line)
  return (line:gsub("\\(x?)(.)(%x?)", function(hex, first, second)
    if hex == "x" then return string.char(tonumber(first .. second, 16)) end
    return assert(ESCAPES[first], line) .. second
  end))
end

--- The bytes of one input.
function corpus.read(target, name)
  local text = assert(files.read("spec/fuzz/corpus/" .. target .. "/" .. name), name)
  return decode((text:gsub("\n$", "")))
end

if arg and arg[0] and arg[0]:find "spec/fuzz/corpus%.lua$" then
  local target, directory = arg[1], arg[2]
  local list = assert(io.popen("ls spec/fuzz/corpus/" .. target))
  for name in list:lines() do
    local file = assert(io.open(directory .. "/" .. name, "wb"))
    assert(file:write(corpus.read(target, name)))
    file:close()
  end
  list:close()
end

return corpus
