/* Overwrites secrets before their memory is freed or reused. Lua strings cannot be wiped: a token
 * in one stays in memory until the collector frees it, and beyond. */
#ifndef CONNECTPARTICIPANT_WIPE_H
#define CONNECTPARTICIPANT_WIPE_H

#include <stddef.h>
#include <string.h>

/* Compilers drop a plain memset of bytes that are not read again; the asm makes them look read. */
static inline void wipe(void *memory, size_t size) {
  if (size == 0) return;
  memset(memory, 0, size);
  __asm__ volatile("" : : "r"(memory) : "memory");
}

#endif
