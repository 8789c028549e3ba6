-- Reads where a Redis is: redis://, rediss:// and unix: URLs. The URL may hold a password, and so
-- no message shows it.

local redis_url = {}

local DEFAULT_PORT, LARGEST_PORT, LARGEST_DATABASE = 6379, 65535, 65535

---@class connectparticipant.RedisAddress
---@field host? string
---@field port? integer
---@field path? string of a Unix socket, instead of host and port
---@field tls boolean
---@field user? string
---@field password? string
---@field database integer

local function decode(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function whole(text, largest)
  local number = text:find "^%d+$" and #text < 6 and tonumber(text)
  return number and number <= largest and number or nil
end

-- Takes "user:password", of which either may be missing.
local function read_secret(address, text)
  local user, password = text:match "^([^:]*):(.*)$"
  if not user then return "needs a colon before the password" end
  address.user = user ~= "" and decode(user) or nil
  address.password = password ~= "" and decode(password) or nil
end

local function read_unix(text)
  local path, query = text:match "^unix:([^?]+)%??(.*)$"
  path = path and path:gsub("^//", "")
  if not path or not path:find "^/" then return nil, "must name a path: unix:/path/to/socket" end
  local address = { path = decode(path), tls = false, database = 0 }
  for name, value in query:gmatch "([^=&]+)=([^&]*)" do
    if name == "db" then
      address.database = whole(value, LARGEST_DATABASE)
    elseif name == "user" or name == "password" then
      address[name] = decode(value)
    else
      return nil, "may have db, user and password behind the question mark"
    end
  end
  if not address.database then return nil, "has a database that is not a number" end
  return address
end

--- Reads a URL.
---@param text string
---@return connectparticipant.RedisAddress|nil
---@return string|nil problem "must be …", without the URL
function redis_url.parse(text)
  if text:find "^unix:" then return read_unix(text) end
  local scheme, rest = text:match "^(rediss?)://(.+)$"
  if not scheme or rest:find "[%c%s?#]" then
    return nil, "must be redis://[[user]:password@]host[:port][/db], rediss://… or unix:/path"
  end
  local address = { tls = scheme == "rediss" }
  local secret, place = rest:match "^(.*)@(.*)$"
  local problem = secret and read_secret(address, secret)
  if problem then return nil, problem end
  local host, tail = (place or rest):match "^%[([%x:.]+)%](.*)$"
  if not host then host, tail = (place or rest):match "^([A-Za-z0-9._-]+)(.*)$" end
  local port, database = (tail or "?"):match "^:?(%d*)/?(%d*)$"
  if not port or tail:find "^%d" or tail:find "^:$" then return nil, "must name a host" end
  address.host, address.port = host, DEFAULT_PORT
  if port ~= "" then address.port = whole(port, LARGEST_PORT) end
  address.database = database == "" and 0 or whole(database, LARGEST_DATABASE)
  if not address.port or address.port == 0 or not address.database then
    return nil, "has a port or a database that is out of range"
  end
  return address
end

return redis_url
