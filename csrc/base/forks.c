/* Counts forks; see forks.h. */
#include "base/forks.h"

#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

/* On a page of its own, which the kernel wipes in a forked child; NULL where it cannot. */
static unsigned *same;
static unsigned count;

static void begin(void) {
  size_t size = (size_t)sysconf(_SC_PAGESIZE);
  void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return;
  if (madvise(page, size, MADV_WIPEONFORK) != 0) {
    munmap(page, size);
    return;
  }
  same = page;
  *same = 1;
}

unsigned forks_count(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, begin);
  if (same == NULL) return (unsigned)getpid();
  if (__atomic_load_n(same, __ATOMIC_RELAXED) == 0 &&
      __atomic_exchange_n(same, 1, __ATOMIC_RELAXED) == 0)
    count++;
  return count;
}
