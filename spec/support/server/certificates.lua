-- Certificates for the server's TLS, made when they are asked for: one CA, and what a client must
-- accept or refuse.
local altname = require "openssl.x509.altname"
local context = require "openssl.ssl.context"
local extension = require "openssl.x509.extension"
local name = require "openssl.x509.name"
local pkey = require "openssl.pkey"
local store = require "openssl.x509.store"
local x509 = require "openssl.x509"

local certificates = {}

local DAY = 86400
local serial = 0

local function named(text)
  local made = name.new()
  made:add("CN", text)
  return made
end

local function authority(text)
  local key = pkey.new { type = "EC", curve = "prime256v1" }
  local certificate = x509.new()
  certificate:setVersion(3)
  certificate:setSerial(1)
  certificate:setSubject(named(text))
  certificate:setIssuer(named(text))
  certificate:setLifetime(os.time() - DAY, os.time() + 30 * DAY)
  certificate:setPublicKey(key)
  certificate:setBasicConstraints { CA = true }
  certificate:setBasicConstraintsCritical(true)
  certificate:addExtension(extension.new("keyUsage", "critical,keyCertSign"))
  certificate:sign(key)
  return { key = key, certificate = certificate, name = text }
end

local known = {}

local function authority_of(kind)
  local text = kind == "stranger" and "A stranger" or "The specs' CA"
  known[text] = known[text] or authority(text)
  return known[text]
end

-- The CA that signs all but the stranger's certificate.
function certificates.ca()
  return tostring(authority_of "good".certificate)
end

local function names_of(kind)
  local names = altname.new()
  if kind == "other" then
    names:add("DNS", "other.example.com")
  else
    names:add("DNS", "localhost")
    names:add("IP", "127.0.0.1")
  end
  return names
end

local function signed(kind, issuer)
  local key = pkey.new { type = "EC", curve = "prime256v1" }
  issuer = issuer or authority_of(kind)
  local certificate = x509.new()
  serial = serial + 1
  certificate:setVersion(3)
  certificate:setSerial(1 + serial)
  certificate:setSubject(named(kind == "other" and "other.example.com" or "localhost"))
  certificate:setIssuer(kind == "selfsigned" and certificate:getSubject() or named(issuer.name))
  local ends = kind == "expired" and os.time() - DAY / 2 or os.time() + 30 * DAY
  certificate:setLifetime(os.time() - DAY, ends)
  certificate:setPublicKey(key)
  certificate:setSubjectAlt(names_of(kind))
  certificate:sign(kind == "selfsigned" and key or issuer.key)
  return certificate, key
end

-- A certificate that one which is for a server only has signed, and that one.
local function signed_by_server()
  local between, its_key = signed "good"
  local certificate, key = signed("good", { key = its_key, name = "localhost" })
  local issuers = store.new()
  issuers:add(between)
  return certificate, key, issuers
end

-- luaossl of Debian 11 frees a collected store that a context still uses.
local kept = {}

-- A context with a certificate: "good", "other" (for another host), "expired", "stranger" (of a CA
-- that nobody knows), "selfsigned", or "chain" (of one that must not sign).
function certificates.context(kind)
  local certificate, key, issuers
  if kind == "chain" then certificate, key, issuers = signed_by_server() end
  if kind ~= "chain" then certificate, key = signed(kind) end
  local made = context.new("TLS", true)
  made:setCertificate(certificate)
  made:setPrivateKey(key)
  -- OpenSSL sends what it finds there beside the certificate; old luaossls cannot set a chain.
  if issuers then
    made:setStore(issuers)
    kept[#kept + 1] = issuers
  end
  return made
end

-- Writes ca.pem, server.pem and server.key, for servers that read theirs from files.
function certificates.write(directory)
  local certificate, key = signed "good"
  local texts = {
    ["ca.pem"] = certificates.ca(),
    ["server.pem"] = tostring(certificate),
    ["server.key"] = key:toPEM "private",
  }
  for file_name, text in pairs(texts) do
    local file = assert(io.open(directory .. "/" .. file_name, "w"))
    assert(file:write(text))
    file:close()
  end
end

return certificates
