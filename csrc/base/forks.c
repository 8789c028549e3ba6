/* Counts forks; see forks.h. */
#include "base/forks.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

/* This process's number, on a page of its own that the kernel wipes in a forked child: there it is
 * 0 until somebody asks. NULL where the kernel cannot. */
static unsigned *own;

/* The highest number that was given out, which a child inherits. */
static unsigned highest;

static unsigned number(void) {
  unsigned known = __atomic_load_n(own, __ATOMIC_ACQUIRE);
  if (known != 0) return known;
  /* Of several threads that find 0, the first settles the number, and the others take it: none may
   * see the parent's for a moment. */
  unsigned fresh = __atomic_add_fetch(&highest, 1, __ATOMIC_RELAXED);
  bool first =
      __atomic_compare_exchange_n(own, &known, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
  return first ? fresh : known;
}

static void begin(void) {
#if defined(MADV_WIPEONFORK)
  size_t size = (size_t)sysconf(_SC_PAGESIZE);
  void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return;
  if (madvise(page, size, MADV_WIPEONFORK) != 0) {
    munmap(page, size);
    return;
  }
  own = page;
#endif
}

unsigned forks_count(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, begin);
  return own != NULL ? number() : (unsigned)getpid();
}
