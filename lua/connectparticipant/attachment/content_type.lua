--- The content type of a file by its name: what Amazon Connect lists, then the system's mime.types.
-- https://docs.aws.amazon.com/connect/latest/adminguide/feature-limits.html

local core = require "connectparticipant.core"

local content_type = {}

local UNKNOWN = "application/octet-stream"

local OFFICE = "application/vnd.openxmlformats-officedocument."

local TYPES = {
  csv = "text/csv", doc = "application/msword", docx = OFFICE .. "wordprocessingml.document",
  heic = "image/heic", jfif = "image/jpeg", jpeg = "image/jpeg", jpg = "image/jpeg",
  mov = "video/quicktime", mp4 = "video/mp4", pdf = "application/pdf", png = "image/png",
  ppt = "application/vnd.ms-powerpoint", pptx = OFFICE .. "presentationml.presentation",
  rtf = "application/rtf", txt = "text/plain", wav = "audio/wav",
  xls = "application/vnd.ms-excel", xlsx = OFFICE .. "spreadsheetml.sheet",
}

local SYSTEM_FILES = { "/etc/mime.types", "/usr/share/mime.types", "/usr/local/etc/mime.types" }
local MOST_BYTES = 1024 * 1024

-- A type of RFC 6838, and the extensions that stand for it.
local TOKEN = "[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*"
local LINE = "^(" .. TOKEN .. "/" .. TOKEN .. ")%s+(.+)$"

local function in_file(path, extension, open)
  local file = open(path, "r")
  if not file then return nil end
  local text = file:read(MOST_BYTES) or ""
  file:close()
  for line in text:gmatch("[^\n]+") do
    local kind, extensions = line:match(LINE)
    local words = kind and (" " .. core.lower(extensions) .. " "):gsub("%s", " ")
    if words and words:find(" " .. extension .. " ", 1, true) then return kind end
  end
end

--- Gives the type by the last extension of the name.
---@param name string
---@param open? fun(path: string, mode: string): file*|nil
---@return string
function content_type.of(name, open)
  local extension = name:match("[^/]%.([^./]+)$")
  if not extension then return UNKNOWN end
  extension = core.lower(extension)
  if TYPES[extension] then return TYPES[extension] end
  for _, path in ipairs(SYSTEM_FILES) do
    local found = in_file(path, extension, open or io.open)
    if found then return found end
  end
  return UNKNOWN
end

return content_type
