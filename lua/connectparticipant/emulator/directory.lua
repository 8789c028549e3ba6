--- The emulator's directory: makes it with its certificate, and checks that no other emulator uses
-- it.

local shell = require "connectparticipant.emulator.shell"

local directory = {}

-- One shell that starts as few programs as possible, since each costs milliseconds. The certificate
-- is self-signed and no CA (CA:FALSE), so that trusting it trusts nothing else. openssl gets a
-- configuration of ours, since the system's may add extensions.
local SCRIPT = [[
umask 077
CDPATH=
place=$1 try=0
if [ -n "$place" ]; then
  mkdir -p "$place/objects" "$place/incoming" || exit 1
else
  # mkdir fails if the name exists, so a guessable name is safe.
  until place=${TMPDIR:-/tmp}/connectparticipant.$$.$try
    said=$(mkdir "$place" "$place/objects" "$place/incoming" 2>&1); do
    try=$((try + 1))
    [ $try -lt 100 ] || { echo "$said"; exit 1; }
  done
fi
cd "$place" || exit 1
[ -s tls.pem ] || said=$(openssl req -x509 -config /dev/stdin -sha256 -days 3650 -nodes \
  -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -keyout tls.key -out tls.pem 2>&1 <<END
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = localhost
[extensions]
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
END
) || { echo "openssl makes no certificate: $said"; exit 1; }
echo ready
ulimit -Hn
[ ! -r /proc/$$/status ] || while read -r name _ user _; do
  [ "$name" != Uid: ] || break
done </proc/$$/status
echo "${user:-$(id -u)}"
pwd -P
]]

---@class connectparticipant.emulator.Directory
---@field path string absolute
---@field files integer how many descriptors a process may have
---@field root boolean whether this process is root

--- Begins to make the directory, a temporary one where none is given.
---@param path? string
---@return fun(): connectparticipant.emulator.Directory|nil, string|nil finish
function directory.make(path)
  -- A name that begins with a dash would be taken for an option.
  if path and path:sub(1, 1) ~= "/" then path = "./" .. path end
  local pipe = shell.start(SCRIPT, path or "")
  return function()
    local said = pipe:read "*a"
    pipe:close()
    local files, user, made = said:match "^ready\n(%S+)\n(%d+)\n(/.*)\n$"
    if made then
      return { path = made, files = math.min(tonumber(files) or 20000, 20000), root = user == "0" }
    end
    local reason = said:gsub("%s+$", ""):sub(-300)
    if not path then return nil, "a temporary directory cannot be made: " .. reason end
    return nil, ("the directory %s cannot be made: %s"):format(path, reason)
  end
end

--- Removes a directory and all that is in it.
---@param path string absolute
function directory.remove(path)
  os.execute("rm -rf " .. shell.quote(path))
end

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read "*a"
  file:close()
  return text
end

-- The pid of a running emulator that uses the directory: nginx's working directory is there.
local function owner(path)
  local pid = (read(path .. "/nginx.pid") or ""):match "^%d+"
  local command = pid and read("/proc/" .. pid .. "/cmdline") or ""
  if not command:find("nginx", 1, true) then return nil end
  local there = shell.output("readlink -n /proc/$1/cwd && echo", pid)
  return there == path .. "\n" and pid or nil
end

--- Checks that no emulator runs in the directory, and that its journal, if it has one, is ours.
---@param path string absolute
---@return boolean|nil
---@return string|nil problem
function directory.check(path)
  local pid = owner(path)
  if pid then
    return nil, ("the emulator of process %s keeps its state there: %s"):format(pid, path)
  end
  local file = io.open(path .. "/state.journal", "rb")
  local start = file and file:read(2)
  if file then file:close() end
  if start and start ~= "[[" then
    return nil, path .. "/state.journal is not the emulator's state; remove it to begin anew"
  end
  return true
end

return directory
