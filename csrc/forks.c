/* Counts forks; see forks.h. */
#include "forks.h"

#include <pthread.h>

static unsigned count;

static void on_child(void) {
  count++;
}

static void begin(void) {
  pthread_atfork(NULL, NULL, on_child);
}

unsigned forks_count(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, begin);
  return count;
}
