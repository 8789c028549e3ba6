/* Starting a thread of our own; see thread.h. */
#include "base/thread.h"

#include <signal.h>
#include <stddef.h>

enum { STACK = 256 * 1024 };

int thread_start(pthread_t *thread, void *(*run)(void *), void *argument) {
  pthread_t unnamed;
  pthread_attr_t attributes;
  sigset_t all, before;
  pthread_attr_init(&attributes);
  if (thread == NULL) pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, STACK);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int number = pthread_create(thread != NULL ? thread : &unnamed, &attributes, run, argument);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return number;
}
