--- SHA-256, HMAC and randomness for the emulator, from the libcrypto that nginx is linked with.

local ffi = require "ffi"

ffi.cdef [[
unsigned char *SHA256(const unsigned char *d, size_t n, unsigned char *md);
const void *EVP_sha256(void);
unsigned char *HMAC(const void *evp_md, const void *key, int key_len, const unsigned char *d,
                    size_t n, unsigned char *md, unsigned int *md_len);
int RAND_bytes(unsigned char *buf, int num);
]]

local function load()
  for _, name in ipairs { "crypto", "libcrypto.so.3", "libcrypto.so.1.1" } do
    local found, library = pcall(ffi.load, name)
    if found then return library end
  end
  error("the emulator needs libcrypto")
end

local lib = load()
local digest = ffi.new "unsigned char[32]"
local length = ffi.new "unsigned int[1]"

local crypto = {}

function crypto.hex(bytes)
  return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

function crypto.sha256(text)
  lib.SHA256(text, #text, digest)
  return crypto.hex(ffi.string(digest, 32))
end

function crypto.hmac(key, text)
  lib.HMAC(lib.EVP_sha256(), key, #key, text, #text, digest, length)
  return ffi.string(digest, 32)
end

function crypto.random(size)
  local bytes = ffi.new("unsigned char[?]", size)
  lib.RAND_bytes(bytes, size)
  return ffi.string(bytes, size)
end

--- A UUID of version 4.
function crypto.uuid()
  local hex = crypto.hex(crypto.random(16))
  return ("%s-%s-4%s-%s%s-%s"):format(hex:sub(1, 8), hex:sub(9, 12), hex:sub(14, 16),
    ("89ab"):sub(tonumber(hex:sub(17, 17), 16) % 4 + 1, tonumber(hex:sub(17, 17), 16) % 4 + 1),
    hex:sub(18, 20), hex:sub(21, 32))
end

return crypto
