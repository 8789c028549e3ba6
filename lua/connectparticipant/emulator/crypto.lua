--- Digests, HMAC and randomness for the emulator, from the libcrypto that nginx is linked with.

local ffi = require "ffi"

ffi.cdef [[
unsigned char *SHA256(const unsigned char *d, size_t n, unsigned char *md);
const void *EVP_sha256(void);
const void *EVP_md5(void);
void *EVP_MD_CTX_new(void);
void EVP_MD_CTX_free(void *ctx);
int EVP_DigestInit_ex(void *ctx, const void *type, void *engine);
int EVP_DigestUpdate(void *ctx, const void *d, size_t n);
int EVP_DigestFinal_ex(void *ctx, unsigned char *md, unsigned int *md_len);
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
local digest = ffi.new "unsigned char[64]"
local length = ffi.new "unsigned int[1]"
local bytes = ffi.new "unsigned char[256]"
local letters = ffi.new "char[512]"
local DIGITS = ffi.new("char[16]", "0123456789abcdef")

local crypto = {}

local function hex_of(source, size)
  for index = 0, size - 1 do
    local value = source[index]
    letters[2 * index] = DIGITS[bit.rshift(value, 4)]
    letters[2 * index + 1] = DIGITS[bit.band(value, 15)]
  end
  return ffi.string(letters, 2 * size)
end

--- Hexadecimal of at most 256 bytes.
function crypto.hex(value)
  local size = math.min(#value, 256)
  ffi.copy(bytes, value, size)
  return hex_of(bytes, size)
end

function crypto.sha256(value)
  lib.SHA256(value, #value, digest)
  return hex_of(digest, 32)
end

function crypto.hmac(key, value)
  lib.HMAC(lib.EVP_sha256(), key, #key, value, #value, digest, length)
  return ffi.string(digest, 32)
end

-- Random bytes are fetched 4096 at a time, since a call of RAND_bytes costs more than the rest of
-- making a UUID.
local POOL = 4096
local pool, left = ffi.new("unsigned char[?]", POOL), 0

--- At most 256 random bytes.
function crypto.random(size)
  if left < size then
    assert(lib.RAND_bytes(pool, POOL) == 1, "libcrypto gives no randomness")
    left = POOL
  end
  left = left - size
  return ffi.string(pool + left, size)
end

--- 16 random hexadecimal digits.
function crypto.identifier()
  return crypto.hex(crypto.random(8))
end

--- A UUID of version 4.
function crypto.uuid()
  ffi.copy(bytes, crypto.random(16), 16)
  bytes[6] = bit.bor(bit.band(bytes[6], 0x0F), 0x40)
  bytes[8] = bit.bor(bit.band(bytes[8], 0x3F), 0x80)
  local hex = hex_of(bytes, 16)
  return hex:sub(1, 8) .. "-" .. hex:sub(9, 12) .. "-" .. hex:sub(13, 16) .. "-"
    .. hex:sub(17, 20) .. "-" .. hex:sub(21, 32)
end

local context = ffi.gc(lib.EVP_MD_CTX_new(), lib.EVP_MD_CTX_free)

--- SHA-256 of a list of strings, without concatenating them.
---@param pieces string[]
function crypto.sha256_of(pieces)
  lib.EVP_DigestInit_ex(context, lib.EVP_sha256(), nil)
  for _, piece in ipairs(pieces) do lib.EVP_DigestUpdate(context, piece, #piece) end
  lib.EVP_DigestFinal_ex(context, digest, length)
  return hex_of(digest, 32)
end

--- An incremental MD5: `update(piece)`, then `final()` gives 16 bytes.
function crypto.md5()
  local own = ffi.gc(lib.EVP_MD_CTX_new(), lib.EVP_MD_CTX_free)
  assert(lib.EVP_DigestInit_ex(own, lib.EVP_md5(), nil) == 1, "libcrypto has no MD5")
  return {
    update = function(piece) lib.EVP_DigestUpdate(own, piece, #piece) end,
    final = function()
      lib.EVP_DigestFinal_ex(own, digest, length)
      return ffi.string(digest, 16)
    end,
  }
end

return crypto
