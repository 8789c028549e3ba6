/* What exchanges tell whoever drives them: that something moved, which of them need their caller,
 * and which are to go on after a pause. An exchange knows this, and not the engine that reads it.
 */
#ifndef CONNECTPARTICIPANT_ACTIVITY_H
#define CONNECTPARTICIPANT_ACTIVITY_H

#include "base/clock.h"
#include "http/list.h"

#include <stdbool.h>
#include <stddef.h>

/* What libcurl hands over at once of a body that arrives; of one that leaves, it takes more. */
enum { WHOLE_ROUND = 16 * 1024 };

struct activity {
  bool moved;          /* since the last step */
  bool streams;        /* this round moved as much of a body as one round can */
  double until;        /* when the step has to end; bodies that arrive pause then */
  struct list ready;   /* links of exchanges that are done, or wait for their caller */
  struct list resumed; /* links of those that libcurl has paused, and that go on at the next step */
};

static inline void activity_begin(struct activity *a) {
  *a = (struct activity){0};
  list_begin(&a->ready);
  list_begin(&a->resumed);
}

/* So many bytes of a body came or went. */
static inline void activity_moved_body(struct activity *a, size_t size) {
  a->moved = true;
  if (size >= WHOLE_ROUND) a->streams = true;
}

/* Whether there is something to do without waiting for any socket. */
static inline bool activity_is_pending(const struct activity *a) {
  return a->moved || !list_is_empty(&a->resumed);
}

static inline bool activity_is_over(const struct activity *a) {
  return clock_now() >= a->until;
}

#endif
