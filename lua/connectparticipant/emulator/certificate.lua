--- A CA of the emulator's own, and a certificate for loopback by it, made with the openssl command.

local certificate = {}

local SCRIPT = [[
set -e
cd %s
[ -f server.pem ] && exit 0
umask 077
openssl ecparam -name prime256v1 -genkey -noout -out ca.key
openssl req -x509 -new -key ca.key -sha256 -days 3650 -subj '/CN=connectparticipant emulator CA' \
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign -out ca.pem
openssl ecparam -name prime256v1 -genkey -noout -out server.key
openssl req -new -key server.key -subj '/CN=localhost' -out server.csr
printf '%%s\n' 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1' \
  'basicConstraints=CA:FALSE' 'extendedKeyUsage=serverAuth' > server.ext
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -sha256 \
  -extfile server.ext -out server.pem
chmod 644 ca.pem
rm -f server.csr server.ext ca.srl ca.key
]]

--- Makes `ca.pem`, `server.pem` and `server.key` in the directory, unless they are there.
---@param directory string
---@param quote fun(text: string): string
---@return boolean|nil
---@return string|nil problem
function certificate.make(directory, quote)
  local log = directory .. "/openssl.log"
  local command = ("{ %s} >%s 2>&1"):format(SCRIPT:format(quote(directory)), quote(log))
  local status = os.execute("sh -c " .. quote(command))
  if status == true or status == 0 then
    os.remove(log)
    return true
  end
  local file = io.open(log)
  local said = file and file:read "*a" or ""
  if file then file:close() end
  return nil, "openssl cannot make a certificate: " .. said:sub(-300)
end

return certificate
