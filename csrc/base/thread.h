/* Starting a thread of our own. */
#ifndef CONNECTPARTICIPANT_THREAD_H
#define CONNECTPARTICIPANT_THREAD_H

#include "base/hidden.h"

#include <pthread.h>

HIDDEN_BEGIN

/* Starts a thread with a small stack that blocks every signal: the program's handlers run on its
 * own threads, and SIGPIPE or SIGXFSZ from a write here cannot kill the process. NULL for `thread`:
 * it is detached. Not 0: why it could not be started, as errno. */
int thread_start(pthread_t *thread, void *(*run)(void *), void *argument);

HIDDEN_END

#endif
