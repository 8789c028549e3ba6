/* Keeps our writes from killing the program: a pipe without a reader raises SIGPIPE, a file at its
 * size limit SIGXFSZ. Both are sent to the writing thread, so blocking them there suffices, and the
 * write still returns EPIPE or EFBIG. The program's own signal dispositions are not changed. */
#ifndef CONNECTPARTICIPANT_SIGNALS_H
#define CONNECTPARTICIPANT_SIGNALS_H

#include "base/hidden.h"

#include <signal.h>

HIDDEN_BEGIN

struct signals {
  sigset_t before;  /* the thread's mask */
  sigset_t pending; /* pending before, so not ours to consume */
};

/* Call these around a write, both on the same thread. */
void signals_hold(struct signals *guard);
void signals_release(const struct signals *guard);

/* Takes a signal that this thread blocks, if it is pending. */
void signals_take(int number);

HIDDEN_END

#endif
