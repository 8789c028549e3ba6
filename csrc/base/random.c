/* Randomness; see random.h. */
#include "base/random.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum { BYTES = 16 }; /* in a UUID */

static void fill(unsigned char *bytes, size_t size) {
  while (size > 0) {
    ssize_t got = getrandom(bytes, size, 0);
    /* Without randomness a ClientToken could repeat, and the service would take two uploads for
     * one. */
    if (got < 0 && errno != EINTR) abort();
    if (got < 0) continue;
    bytes += got;
    size -= (size_t)got;
  }
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

void random_uuids(char one[UUID_SIZE], char other[UUID_SIZE]) {
  unsigned char bytes[2 * BYTES];
  fill(bytes, sizeof bytes);
  write_uuid(one, bytes);
  write_uuid(other, bytes + BYTES);
}

double random_fraction(void) {
  uint64_t bits;
  fill((unsigned char *)&bits, sizeof bits);
  return (double)(bits >> 11) / 9007199254740992.0;
}
