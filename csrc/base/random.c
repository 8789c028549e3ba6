/* Randomness; see random.h. */
#include "base/random.h"
#include "base/forks.h"
#include "base/system.h"
#include "base/wipe.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#if defined(__linux__) || defined(__APPLE__)
#include <sys/random.h>
#endif

enum { BYTES = 16 }; /* in a UUID */

/* getrandom(2) returns up to this many bytes completely, even if a signal arrives. */
enum { BLOCK = 256 };

/* Bytes that were not handed out yet. A call needs 32; a system call for each would cost 1 % of the
 * call. Each thread has its own block, and a forked child must not hand out the same as its parent.
 */
struct block {
  unsigned char bytes[BLOCK];
  size_t left;
  unsigned owner;
};

static _Thread_local struct block block;

static bool read_block(void) {
#if SYSTEM_LINUX
  ssize_t got;
  do {
    got = getrandom(block.bytes, BLOCK, 0);
  } while (got < 0 && errno == EINTR);
  return got == BLOCK;
#else
  return getentropy(block.bytes, BLOCK) == 0; /* gives up to 256 at once */
#endif
}

static void refill(void) {
  /* Without randomness a ClientToken could repeat, and the service would take two uploads for
   * one. */
  if (!read_block()) abort();
  block.left = BLOCK;
  block.owner = forks_count();
}

static void random_bytes(unsigned char *bytes, size_t size) {
  if (block.left < size || block.owner != forks_count()) refill();
  block.left -= size;
  memcpy(bytes, block.bytes + block.left, size);
  wipe(block.bytes + block.left, size);
}

static void write_uuid(char uuid[UUID_SIZE], unsigned char *b) {
  static const char digits[] = "0123456789abcdef";
  b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
  b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
  char *out = uuid;
  for (size_t i = 0; i < BYTES; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
    *out++ = digits[b[i] >> 4];
    *out++ = digits[b[i] & 15];
  }
  *out = '\0';
}

void random_uuid(char uuid[UUID_SIZE]) {
  unsigned char bytes[BYTES];
  random_bytes(bytes, sizeof bytes);
  write_uuid(uuid, bytes);
}

double random_fraction(void) {
  uint64_t bits;
  random_bytes((unsigned char *)&bits, sizeof bits);
  return (double)(bits >> 11) / 9007199254740992.0;
}
