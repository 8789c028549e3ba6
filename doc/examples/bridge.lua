-- A bridge from another messenger: streams the media at a URL into a chat, without keeping all of
-- it in memory or, if its size is announced, on disk.
--
--   $ AWS_REGION=us-west-2 CONNECT_CONNECTION_TOKEN=... MEDIA_URL=https://... \
--       lua5.4 doc/examples/bridge.lua
--
-- Needs the program curl. The URL may hold a secret, so it goes to curl through a pipe: arguments
-- can be read by everybody on a machine. In nginx or cqueues, let `read` take its chunks from their
-- own HTTP clients; it may yield.
local participant = require "connectparticipant"

local CHUNK = 65536
local CURL = [[printf 'url = "%s"\n' "$MEDIA_URL" |
  curl --config - --silent --show-error --fail --location --suppress-connect-headers ]]

local function last_part(url)
  local name = url:gsub("[?#].*", ""):match "[^/]*$"
  name = name:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end)
  return name ~= "" and name or "media"
end

-- The headers of the last answer, after all redirects, by names in lower case.
local function read_headers(pipe)
  local headers, status = {}, nil
  repeat
    local line = pipe:read "*l"
    if not line then return nil, "the media cannot be fetched; curl says why" end
    line = line:gsub("\r$", "")
    local name, value = line:match "^([^:]+):%s*(.*)$"
    if name then headers[name:lower()] = value end
    if line:find "^HTTP/" then headers, status = {}, tonumber(line:match "^%S+ (%d+)") end
  until line == "" and status >= 200 and not (status < 400 and headers.location)
  if status ~= 200 then return nil, "the media's server answers " .. status end
  return headers
end

-- The parameters of every upload. A name that is too long, or a type that it does not accept, the
-- service refuses with a message.
local function attachment_of(url, headers)
  return {
    ConnectionToken = os.getenv "CONNECT_CONNECTION_TOKEN", AttachmentName = last_part(url),
    ContentType = (headers["content-type"] or "application/octet-stream"):match "^[^;%s]+",
  }
end

-- For a server that does not announce the size, which StartAttachmentUpload needs: fetches all
-- first.
local function spool(client, params)
  params.path = os.tmpname()
  local fetched = os.execute(CURL .. "--output " .. params.path)
  local attachment, err = nil, "the media cannot be fetched; curl says why"
  if fetched == true or fetched == 0 then attachment, err = client:upload_attachment(params) end
  os.remove(params.path)
  return attachment, err
end

local function bridge(client, url)
  if not url:find '^https?://[^%s"\\]+$' then return nil, "MEDIA_URL is not a URL" end
  local pipe = assert(io.popen(CURL .. "--dump-header -"))
  local headers, problem = read_headers(pipe)
  local size = headers and tonumber(headers["content-length"])
  local attachment
  if size then
    local params = attachment_of(url, headers)
    params.AttachmentSizeInBytes = size
    params.read = function() return pipe:read(CHUNK) end -- nil at the end; too early is an error
    attachment, problem = client:upload_attachment(params)
  end
  pipe:close()
  if headers and not size then return spool(client, attachment_of(url, headers)) end
  return attachment, problem
end

local client = participant.new()
local attachment, problem = bridge(client, os.getenv "MEDIA_URL" or "")
client:close()
if not attachment then error(tostring(problem), 0) end
print(attachment.AttachmentId, attachment.AttachmentName, attachment.AttachmentSizeInBytes)
