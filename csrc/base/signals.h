/* Keeps our own writes from killing the program: a pipe that nobody reads raises SIGPIPE, a file at
 * its size limit SIGXFSZ. Both come to the thread that writes, which then gets EPIPE or EFBIG, too;
 * what the program does about its own is not ours to change. */
#ifndef CONNECTPARTICIPANT_SIGNALS_H
#define CONNECTPARTICIPANT_SIGNALS_H

#include "base/hidden.h"

#include <signal.h>

HIDDEN_BEGIN

struct signals {
  sigset_t before;  /* the thread's mask */
  sigset_t pending; /* from somewhere else, and so not ours to take */
};

/* To be called around what may raise them, in one thread. */
void signals_hold(struct signals *guard);
void signals_release(const struct signals *guard);

HIDDEN_END

#endif
