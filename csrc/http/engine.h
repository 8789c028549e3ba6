/* A CURLM and the exchanges in progress in it. Only engine_wait blocks. */
#ifndef CONNECTPARTICIPANT_ENGINE_H
#define CONNECTPARTICIPANT_ENGINE_H

#include "base/disk.h"
#include "base/hidden.h"
#include "http/activity.h"
#include "http/lanes.h"
#include "http/pollset.h"
#include "http/urls.h"

#include <curl/curl.h>
#include <stdbool.h>

HIDDEN_BEGIN

struct exchange;

/* Easy handles of operations that are kept for reuse. Without any, a call takes 10 % more
 * instructions through core, and 28 % more through a client (callgrind, libcurl 7.88). */
enum { ENGINE_IDLE = 64 };

struct engine {
  unsigned owner; /* forks_count() of the process that may touch it */
  bool closed;
  bool orphan;         /* its userdata is gone; freed with its last exchange */
  struct list members; /* exchanges in progress */
  int active;          /* how many */
  struct activity activity;
  struct lanes lanes; /* none until the first exchange, and after a fork */
  struct pollset set;
  double next_look;  /* when to check for stalls */
  struct disk *disk; /* writes downloads to files; NULL until the first one */
  double last_id;
  CURL *idle[ENGINE_IDLE]; /* operations' easy handles, for reuse */
  int idles;
  struct urls urls;
};

/* NULL: out of memory. */
struct engine *engine_new(void);

/* Frees it, now or with its last exchange; only engine_remove may still be called. */
void engine_free(struct engine *engine);

/* Adds an exchange; nothing is sent before the next step. False: its fault says why. */
bool engine_add(struct engine *engine, struct exchange *x);

/* Ends an exchange that is not done; it fails with the fault that its caller set. */
void engine_remove(struct engine *engine, struct exchange *x);

/* Does all work that needs no waiting; returns how many exchanges are in progress. Sets `moved` if
 * any exchange made progress since the last step. */
int engine_step(struct engine *engine, bool *moved);

/* Steps and waits, at most `seconds`, until engine_next_ready has an id or no exchange is in
 * progress. */
int engine_run(struct engine *engine, double seconds, bool *moved);

/* Waits until a step has work to do, at most `seconds`. */
void engine_wait(struct engine *engine, double seconds);

/* Cancels all exchanges and closes all connections; nothing can be added afterwards. */
void engine_close(struct engine *engine);

/* The id of the next exchange that is done or waits for its caller, reported once; 0: none. */
double engine_next_ready(struct engine *engine);

/* Whether engine_next_ready has another id. */
static inline bool engine_has_ready(const struct engine *engine) {
  return !list_is_empty(&engine->activity.ready);
}

/* A descriptor that becomes readable when a step has work to do; -1: this system has none, and
 * `engine_timeout` says when to look. False: the engine is closed, or no descriptor is left. */
bool engine_pollfd(struct engine *engine, int *fd);

/* Seconds until a step is due even if the descriptor is not readable; negative: never. */
double engine_timeout(struct engine *engine);

HIDDEN_END

#endif
