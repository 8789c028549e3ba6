/* One CURLM, and the exchanges under way in it. Never blocks, except in engine_wait. */
#ifndef CONNECTPARTICIPANT_ENGINE_H
#define CONNECTPARTICIPANT_ENGINE_H

#include "base/disk.h"
#include "base/hidden.h"
#include "http/activity.h"
#include "http/pollset.h"
#include "http/urls.h"

#include <curl/curl.h>
#include <stdbool.h>

HIDDEN_BEGIN

struct exchange;

enum { ENGINE_IDLE = 64 };

struct engine {
  CURLM *multi;   /* NULL until the first exchange, and again after a fork */
  unsigned owner; /* the process that may touch it, as forks_count said */
  bool closed;
  bool orphan;         /* nobody will step it again; it is freed with its last exchange */
  struct list members; /* the exchanges that are not done */
  int active;          /* so many */
  struct activity activity;
  struct pollset set;
  double next_look;    /* when to look for stalls */
  int peak, last_peak; /* most exchanges at once, in this period and in the one before */
  double next_period;
  long kept;         /* how many connections libcurl may hold */
  struct disk *disk; /* the thread of its downloads to files; NULL: there were none */
  double last_id;
  CURL *idle[ENGINE_IDLE]; /* easy handles of operations, ready for the next */
  int idles;
  struct urls urls;
};

/* NULL: out of memory. */
struct engine *engine_new(void);

/* Nobody will use it any more, except to let go of its exchanges. */
void engine_free(struct engine *engine);

/* Takes the exchange in; nothing is sent before the next step. False: its fault says why. */
bool engine_add(struct engine *engine, struct exchange *x);

/* Lets go of an exchange that is not done: it fails with the fault it has. */
void engine_remove(struct engine *engine, struct exchange *x);

/* Moves everything that can move; returns how many exchanges are not done. `moved` tells whether
 * anything did since the last step. */
int engine_step(struct engine *engine, bool *moved);

/* Waits until something can move, at most `seconds`. */
void engine_wait(struct engine *engine, double seconds);

/* Ends what is under way as cancelled, and lets go of every connection; nothing can be added any
 * more. */
void engine_close(struct engine *engine);

/* The number of an exchange that is done or waits for its caller, each told once; 0: no more. */
double engine_next_ready(struct engine *engine);

/* A descriptor that becomes readable when a step would move something; -1 where there is none. */
int engine_pollfd(struct engine *engine);

/* Seconds after which a step is due whatever the descriptor says; negative: never. */
double engine_timeout(struct engine *engine);

HIDDEN_END

#endif
