/* Waits for descriptors, and knows nothing of what they are for. There are two of it: epoll, on
 * Linux (epoller.c), and poll(2), elsewhere (poller.c). */
#ifndef CONNECTPARTICIPANT_POLLER_H
#define CONNECTPARTICIPANT_POLLER_H

#include "base/hidden.h"
#include "base/system.h"

#include <stdbool.h>
#include <stddef.h>

#if !SYSTEM_LINUX
#include <poll.h>
#endif

HIDDEN_BEGIN

/* What is waited for; of an error every descriptor tells. */
enum { POLLER_IN = 1, POLLER_OUT = 2, POLLER_ERROR = 4 };

/* So many events come at once. */
enum { POLLER_EVENTS = 64 };

struct poller_event {
  int fd;
  unsigned what;
};

#if SYSTEM_LINUX

struct poller {
  int epoll;
};

#else

struct poller {
  struct pollfd *list; /* those waited for, without gaps */
  int *places;         /* of each descriptor in the list, from 1 on; 0: it is not waited for */
  size_t room;         /* of both */
  size_t count;        /* the list's length */
  size_t next;         /* where to go on when more are ready than are returned at once */
};

#endif

bool poller_open(struct poller *poller);
void poller_close(struct poller *poller);

/* Makes room for a descriptor, so that waiting for it cannot fail for want of memory. */
bool poller_reserve(struct poller *poller, int fd);

/* Waits for these events of a descriptor from now on, 0: for none; `before` are those that it was
 * waited for until now. Not 0: it could not. */
int poller_set(struct poller *poller, int fd, unsigned before, unsigned events);

/* Waits at most so long until one is ready, 0: not at all; gives how many are, of at most
 * `POLLER_EVENTS`. */
int poller_wait(struct poller *poller, struct poller_event *events, double seconds);

/* A descriptor that is readable while any of them is ready; -1: there is none. */
int poller_descriptor(const struct poller *poller);

HIDDEN_END

#endif
