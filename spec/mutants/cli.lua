-- Mutants of the command and the emulator: { file, what, what instead, the promise that this
-- breaks, specs that see it }.
local CLI = "lua/connectparticipant/cli/"

return {
  { CLI .. "json.lua", "return with_point(tonumber(short) == number and short",
    "return (tonumber(short) == number and short", "JSON is the same in any locale", "cli/json" },
  { CLI .. "json.lua", "  table.sort(names)\n", "", "keys are sorted", "cli/json" },
  { CLI .. "json.lua", "kind ~= \"table\" or depth > DEEPEST", "kind ~= \"table\"",
    "a table that holds itself ends", "cli/json" },
  { CLI .. "json.lua", "or LISTS[name] and next(value) == nil", "",
    "an empty list is a list", "cli/json" },
  { CLI .. "json.lua", "unicode.escape(text):gsub", "text:gsub",
    "a line is valid JSON whatever the bytes", "cli/json" },
  { CLI .. "json.lua", '%z\\1-\\31"\\\\\\127', '%z\\1-\\31"\\\\', "a terminal sees no DEL",
    "cli/json" },
  { CLI .. "json.lua", '("%.17g"):format(number)', '("%.16g"):format(number)',
    "numbers keep their last digit", "cli/json" },
  { CLI .. "output.lua", "if self.code == BROKEN_PIPE then return ENDED_BY_SIGPIPE end", "",
    "a reader that has gone ends the command without a word", "cli/output" },
  { CLI .. "output.lua", "  self:flush()\n  if not self.problem", "  if not self.problem",
    "an output that is full is told", "cli/output" },
  { CLI .. "unicode.lua", ':gsub("\\194[\\128-\\159]", "?")', "",
    "a terminal sees no C1 control character", "cli/cli" },
  { "lua/connectparticipant/emulator/remote.lua", "if size_of(answer) ~= attachment.size then",
    "if false then", "an object that is not whole is not completed", "emulator/remote" },
  { "lua/connectparticipant/emulator/remote.lua",
    'if answer.status == 404 then return nil, "The attachment has not been uploaded" end', "",
    "an object that is not there is not completed, and told so", "emulator/remote" },
}
