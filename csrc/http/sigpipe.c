/* Blocking SIGPIPE; see sigpipe.h. */
#include "http/sigpipe.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>

#if CONNECTPARTICIPANT_GUARD_SIGPIPE

static sigset_t only_sigpipe(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  return set;
}

void sigpipe_block(struct sigpipe *guard) {
  sigset_t set = only_sigpipe(), pending;
  sigpending(&pending);
  guard->pending = sigismember(&pending, SIGPIPE) == 1;
  pthread_sigmask(SIG_BLOCK, &set, &guard->before);
}

void sigpipe_restore(const struct sigpipe *guard) {
  static const struct timespec now = {0};
  sigset_t set = only_sigpipe();
  int taken = guard->pending ? 0 : -1;
  while (taken < 0) {
    taken = sigtimedwait(&set, NULL, &now);
    if (taken < 0 && errno != EINTR) break;
  }
  pthread_sigmask(SIG_SETMASK, &guard->before, NULL);
}

#else

void sigpipe_block(struct sigpipe *guard) {
  (void)guard;
}

void sigpipe_restore(const struct sigpipe *guard) {
  (void)guard;
}

#endif
