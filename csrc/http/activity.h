/* How exchanges report to the engine: that something moved, which exchanges need their caller, and
 * which are to be unpaused. Exchanges write here and the engine reads, so exchanges need not know
 * it. */
#ifndef CONNECTPARTICIPANT_ACTIVITY_H
#define CONNECTPARTICIPANT_ACTIVITY_H

#include "base/clock.h"
#include "http/list.h"

#include <stdbool.h>
#include <stddef.h>

/* The most that libcurl 7.88 passes to the write callback at once; its read callback takes up to 64
 * KiB. */
enum { WHOLE_ROUND = 16 * 1024 };

struct activity {
  bool moved;          /* since the last step */
  bool streams;        /* a callback moved a full buffer in this round: more will follow */
  double until;        /* when the step must end; arriving bodies are paused then */
  struct list ready;   /* links of exchanges that are done or wait for their caller */
  struct list resumed; /* links of paused exchanges, to be unpaused in the next step */
};

static inline void activity_begin(struct activity *a) {
  *a = (struct activity){0};
  list_begin(&a->ready);
  list_begin(&a->resumed);
}

/* A callback sent or received `size` bytes of a body. */
static inline void activity_moved_body(struct activity *a, size_t size) {
  a->moved = true;
  if (size >= WHOLE_ROUND) a->streams = true;
}

/* Whether a step has work to do without waiting for a socket. */
static inline bool activity_is_pending(const struct activity *a) {
  return a->moved || !list_is_empty(&a->resumed);
}

static inline bool activity_is_over(const struct activity *a) {
  return clock_now() >= a->until;
}

#endif
