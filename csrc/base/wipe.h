/* Overwrites what was secret, before its memory serves others. Lua's strings cannot be wiped: a
 * token that a program holds in one stays there until the collector frees it, and after that, too.
 */
#ifndef CONNECTPARTICIPANT_WIPE_H
#define CONNECTPARTICIPANT_WIPE_H

#include <stddef.h>
#include <string.h>

/* memset alone is removed by compilers that see that nobody reads the bytes again. */
static inline void wipe(void *memory, size_t size) {
  if (size == 0) return;
  memset(memory, 0, size);
  __asm__ volatile("" : : "r"(memory) : "memory");
}

#endif
