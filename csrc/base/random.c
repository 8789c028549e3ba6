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

/* So many bytes the kernel gives in one piece, whatever interrupts it (getrandom(2)). */
enum { BLOCK = 256 };

/* Bytes that nobody has had yet. A call needs 32, and a system call for each would cost 1 % of it.
 * Each thread has its own, and a forked child must not hand out what its parent will. */
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

static void fill(unsigned char *bytes, size_t size) {
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
  fill(bytes, sizeof bytes);
  write_uuid(uuid, bytes);
}

double random_fraction(void) {
  uint64_t bits;
  fill((unsigned char *)&bits, sizeof bits);
  return (double)(bits >> 11) / 9007199254740992.0;
}
