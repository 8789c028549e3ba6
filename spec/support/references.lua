-- What `make lint` demands of references: a comment that says "see NAME", and a page of the
-- documentation that names a file, a function, a section or a make target, must name one that
-- exists. Prints what is wrong.
local problems = 0
local function problem(...)
  problems = problems + 1
  print(string.format(...))
end

local function read(path)
  local file = io.open(path)
  local text = file and file:read "*a"
  if file then file:close() end
  return text
end

local function files(command)
  local list, pipe = {}, io.popen(command)
  for path in pipe:lines() do list[#list + 1] = path end
  pipe:close()
  return list
end

local SOURCES = files [[find csrc lua spec -name '*.[ch]' -o -name '*.lua' -o -name '*.sh' \
  -o -name '*.mjs' -o -name '*.py' | sort]]
local PAGES = files "ls README.md CHANGELOG.md; find doc -name '*.md' | sort"

-- Files by their path, and by the path without what is before them in the tree.
local known_files = {}
for _, path in ipairs(files "git ls-files -co --exclude-standard 2>/dev/null || find . -type f") do
  path = path:gsub("^%./", "")
  known_files[path] = true
end
local ROOTS = { "", "csrc/", "lua/", "lua/connectparticipant/", "spec/", "doc/" }

local function find_file(name, folder)
  for _, root in ipairs(ROOTS) do
    if known_files[root .. name] then return root .. name end
  end
  return known_files[folder .. name] and folder .. name or nil
end

-- Names that the sources define: functions, types and classes; and the modules themselves.
local defined = {}
for _, path in ipairs(SOURCES) do
  local text = read(path)
  for name in text:gmatch "\n[%w_][^\n;=]-([%a_][%w_]*)%([^\n]*" do defined[name] = true end
  for name in text:gmatch "function [%w_.:]-([%a_][%w_]*) *%(" do defined[name] = true end
  for name in text:gmatch "\nlocal ([%a_][%w_]*)" do defined[name] = true end
  for name in text:gmatch "%-%-%-@class ([%w_.]+)" do defined[name] = true end
  for name in text:gmatch "\n%s*struct ([%a_][%w_]*) {" do defined[name] = true end
  local module = path:gsub("^lua/", ""):match "(.*)%.lua$"
  if module then defined[module:gsub("/", "."):gsub("%.init$", "")] = true end
end

-- The comments of a file, each with its line; lines of comment that follow one another are one.
local function comments_of(path, text)
  local found, marker = {}, path:find "%.[ch]$" and "[/*]+" or path:find "%.lua$" and "%-%-+"
    or path:find "%.mjs$" and "//" or "#+"
  local number, open = 0, false
  for line in (text .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    local words = line:match("^%s*" .. marker .. "(.*)$")
    if words and open and not words:find "^@" then
      found[#found].text = found[#found].text .. words
    else
      words = words or line:match("%s" .. marker .. "%s(.*)$")
      if words then found[#found + 1] = { line = number, text = " " .. words } end
    end
    open = words ~= nil and line:find("^%s*" .. marker) ~= nil and not words:find "^@"
  end
  return found
end

-- "see NAME" counts as a reference at the beginning of a sentence, and behind ":", ";" and "(".
local REFERENCES = { "[:;(]%s+see%s+([^%s]+)", "%(see%s+([^%s]+)", "^%s*[Ss]ee%s+([^%s]+)",
  "[.]%s+See%s+([^%s]+)" }

local function check_reference(path, line, word, text)
  local name = word:gsub("[`\"'),;:]+", ""):gsub("%.$", ""):gsub("%*/$", "")
  if name == "" or name:find "^https?:" then return end
  local own = select(2, text:gsub("%f[%w_]" .. name:gsub("%p", "%%%0") .. "%f[^%w_]", ""))
  local quoted = word:find "^`" and own > 1 -- of a parameter, say, in the same file
  if not (quoted or defined[name] or find_file(name, path:match "^(.*/)")) then
    problem("%s:%d: there is no %s to see", path, line, name)
  end
end

for _, path in ipairs(SOURCES) do
  local text = read(path)
  for _, comment in ipairs(comments_of(path, text)) do
    for _, pattern in ipairs(REFERENCES) do
      for word in comment.text:gmatch(pattern) do
        check_reference(path, comment.line, word, text)
      end
    end
  end
end

-- The name that a heading has in a link, as GitHub makes it.
local function anchor_of(heading)
  return (heading:lower():gsub("[^%w%s_-]", ""):gsub("%s", "-"))
end

local anchors = {}
local function anchors_of(path)
  if not anchors[path] then
    anchors[path] = {}
    for heading in ("\n" .. read(path)):gmatch "\n#+ ([^\n]+)" do
      anchors[path][anchor_of(heading)] = true
    end
  end
  return anchors[path]
end

local function check_link(page, target)
  if target:find "^%a+:" then return end
  local path, anchor = target:match "^([^#]*)#?(.*)$"
  local folder = page:match "^(.*/)" or ""
  local place = path == "" and page or folder .. path
  while place:find "[^/]+/%.%./" do place = place:gsub("[^/]+/%.%./", "", 1) end
  if path ~= "" and not known_files[place] and not os.rename(place, place) then
    problem("%s: the link %s leads nowhere", page, target)
  elseif anchor ~= "" and not anchors_of(place)[anchor] then
    problem("%s: %s has no section %s", page, place, anchor)
  end
end

local targets = {}
for target in ("\n" .. read "Makefile"):gmatch "\n([%w-]+):" do targets[target] = true end

local FOREIGN = { ["lua.h"] = true, ["curl/curl.h"] = true }

-- What a page says in `quotes`: files of this tree, a function behind its file, make's targets.
local function check_quotes(page, text)
  text = text:gsub("\n```.-\n```", "")
  for name in text:gmatch "`([%w_][%w_/.-]*%.[%w]+)`" do
    local is_ours = name:find "%.[ch]$" or name:find "%.lua$" or name:find "^doc/"
      or name:find "^spec/"
    if is_ours and not FOREIGN[name] and not find_file(name, "") then
      problem("%s: there is no file %s", page, name)
    end
  end
  for name, identifier in text:gmatch "`([%w_/]+%.%l+)`,%s+`([%a_][%w_]*)`" do
    local path = find_file(name, "")
    if path and not read(path):find("%f[%w_]" .. identifier .. "%f[^%w_]") then
      problem("%s: there is no %s in %s", page, identifier, path)
    end
  end
  for target in text:gmatch "`make ([%w-]+)[^`]*`" do
    if not targets[target] then problem("%s: there is no make %s", page, target) end
  end
end

for _, page in ipairs(PAGES) do
  local text = read(page)
  for target in text:gmatch "%]%(([^)%s]+)%)" do check_link(page, target) end
  if page ~= "CHANGELOG.md" then check_quotes(page, text) end
end

-- The map names every room: each folder, and each module that is in none.
local map = read "doc/architecture.md"
for _, path in ipairs(files "ls -d csrc/*/ lua/connectparticipant/*") do
  local name = path:match "([^/]+)/?$"
  if not map:find("`" .. name .. "/?`") then
    problem("doc/architecture.md does not mention %s", path)
  end
end

os.exit(problems == 0 and 0 or 1)
