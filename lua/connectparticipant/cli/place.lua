--- Chooses the path of a download into a directory: the attachment's own name, made safe.

local unicode = require "connectparticipant.cli.unicode"

local place = {}

-- Most file systems allow names of 255 bytes. This leaves room for a number.
local LONGEST_NAME = 200

---@param path string
---@return boolean
function place.is_directory(path)
  if path:sub(-1) == "/" then return true end
  local file = io.open(path .. "/.", "r")
  if file then file:close() end
  return file ~= nil
end

--- A name that stays in its directory, is not hidden, and has no control characters.
---@param name string as the sender of the attachment chose it
---@return string|nil nil if nothing is left of it
function place.safe(name)
  name = unicode.printable(name:match "[^/\\]*$"):gsub("[?:*\"<>|]", "_"):gsub("^[%s.]+", "")
    :gsub("[%s.]+$", "")
  if #name > LONGEST_NAME then
    local extension = name:match "%.%w+$" or ""
    if #extension > 20 then extension = "" end
    -- Do not cut inside a character.
    name = name:sub(1, LONGEST_NAME - #extension):gsub("[\194-\244][\128-\191]*$", "") .. extension
  end
  return name ~= "" and name or nil
end

local function exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

-- "a.pdf", "a-1.pdf", "a-2.pdf", ...
local function unused(directory, name)
  local stem, extension = name:match "^(.+)(%.[^.]*)$"
  if not stem then stem, extension = name, "" end
  local path, number = directory .. name, 0
  while exists(path) do
    number = number + 1
    path = ("%s%s-%d%s"):format(directory, stem, number, extension)
  end
  return path
end

-- Only the transcript has the name: GetAttachment does not return it.
local function name_of(client, params)
  local failed
  local items = client:transcript {
    ConnectionToken = params.ConnectionToken, ScanDirection = "BACKWARD", SortOrder = "DESCENDING",
    MaxResults = 100, timeout = params.timeout, on_error = function(err) failed = err end,
  }
  for item in items do
    for _, attachment in ipairs(item.Attachments or {}) do
      if attachment.AttachmentId == params.AttachmentId then return attachment.AttachmentName end
    end
  end
  return nil, failed
end

--- The path for an attachment in a directory, at which no file exists yet.
---@param client connectparticipant.Client
---@param params table with ConnectionToken and AttachmentId
---@param directory string
---@return string|nil path
---@return connectparticipant.Error|string|nil err
function place.choose(client, params, directory)
  if not exists(directory .. "/.") then return nil, directory .. ": there is no such directory" end
  local name, err = name_of(client, params)
  if err then return nil, err end
  name = place.safe(name or "") or place.safe(params.AttachmentId) or "attachment"
  -- Not gsub("/*$", "/"): before Lua 5.4 that matches twice, the slashes and the empty string after
  -- them.
  return unused((directory:gsub("/+$", "")) .. "/", name)
end

return place
