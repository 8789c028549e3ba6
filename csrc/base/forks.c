/* Counts forks; see forks.h. */
#include "base/forks.h"
#include "base/system.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

/* This process's number, on a MADV_WIPEONFORK page: the kernel zeroes it in a forked child, and 0
 * means "not assigned yet". NULL if the kernel lacks that (before 4.14): then process ids do. */
static unsigned *own;

/* The highest number assigned so far; ordinary memory, so that a child counts on from its
 * parent's. */
static unsigned highest;

static unsigned number(void) {
  unsigned known = __atomic_load_n(own, __ATOMIC_ACQUIRE);
  if (known != 0) return known;
  /* Several threads may find 0 at once: the first to swap in its number wins, and the others use
   * that. */
  unsigned fresh = __atomic_add_fetch(&highest, 1, __ATOMIC_RELAXED);
  bool first =
      __atomic_compare_exchange_n(own, &known, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
  return first ? fresh : known;
}

#if SYSTEM_LINUX && defined(MADV_WIPEONFORK)
/* QEMU's user mode may ignore an advice and report success: an advice that nobody knows tells. */
static bool is_wiped_on_fork(void *page, size_t size) {
  return madvise(page, size, -1) != 0 && madvise(page, size, MADV_WIPEONFORK) == 0;
}
#endif

static void begin(void) {
#if SYSTEM_LINUX && defined(MADV_WIPEONFORK)
  size_t size = (size_t)sysconf(_SC_PAGESIZE);
  void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return;
  if (!is_wiped_on_fork(page, size)) {
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
