/* Blocking SIGPIPE; see sigpipe.h. */
#include "http/sigpipe.h"
#include "base/signals.h"

#include <stddef.h>

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
  if (!guard->pending) signals_take(SIGPIPE);
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
