--- Quotes strings of any bytes as words for the shell and as literals for Lua, and runs shell
-- scripts.

local shell = {}

--- Quotes a word for the shell.
---@param text string without NUL, which no argument of a program can hold
---@return string
function shell.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

--- Starts a script; the pipe reads its standard output and standard error.
---@param script string
---@param ... string its arguments: $1, $2 and so on
---@return file*
function shell.start(script, ...)
  local words = { ... }
  for index, word in ipairs(words) do words[index] = shell.quote(word) end
  return io.popen(("exec 2>&1; set -- %s\n%s"):format(table.concat(words, " "), script))
end

--- Runs a script, and gives its standard output and standard error.
---@param script string
---@param ... string its arguments
---@return string
function shell.output(script, ...)
  local pipe = shell.start(script, ...)
  local text = pipe:read "*a"
  pipe:close()
  return text
end

local function escape(c)
  return ("\\%03d"):format(c:byte())
end

local function number(value)
  -- Some locales write a comma for the decimal point.
  local text = ("%.17g"):format(value):gsub(",", ".")
  assert(text:find "^%-?%d", "only finite numbers can be written as literals")
  return text
end

--- Lua source for a value: a string, a number, a boolean, or a table of these with names as keys.
---@param value string|number|boolean|table<string, string|number|boolean>
---@return string
function shell.literal(value)
  local kind = type(value)
  if kind == "string" then return '"' .. value:gsub('[%z\1-\31"\\\127-\255]', escape) .. '"' end
  if kind == "number" then return number(value) end
  if kind == "boolean" then return tostring(value) end
  assert(kind == "table", "there is no literal of a " .. kind)
  local fields = {}
  for name, field in pairs(value) do
    fields[#fields + 1] = ("[%s]=%s"):format(shell.literal(name), shell.literal(field))
  end
  table.sort(fields)
  return "{" .. table.concat(fields, ",") .. "}"
end

return shell
