/* Blocking the signals of failed writes; see signals.h. */
#include "base/signals.h"
#include "base/system.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <time.h>

static const int ours[] = {SIGPIPE, SIGXFSZ};
enum { OURS = sizeof ours / sizeof *ours };

void signals_hold(struct signals *guard) {
  sigset_t set;
  sigemptyset(&set);
  for (int i = 0; i < OURS; i++) sigaddset(&set, ours[i]);
  sigpending(&guard->pending);
  pthread_sigmask(SIG_BLOCK, &set, &guard->before);
}

void signals_take(int number) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
#if SYSTEM_LINUX
  static const struct timespec now = {0};
  while (sigtimedwait(&set, NULL, &now) < 0 && errno == EINTR) {
  }
#else
  sigset_t pending;
  int taken;
  sigemptyset(&pending);
  sigpending(&pending);
  if (sigismember(&pending, number) == 1) sigwait(&set, &taken);
#endif
}

/* Preserves errno for the caller, who looks at the guarded call's. */
void signals_release(const struct signals *guard) {
  int number = errno;
  for (int i = 0; i < OURS; i++)
    if (!sigismember(&guard->pending, ours[i])) signals_take(ours[i]);
  pthread_sigmask(SIG_SETMASK, &guard->before, NULL);
  errno = number;
}
