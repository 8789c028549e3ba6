/* The CURLMs of an engine. libcurl looks through all connections to a host for each request, so
 * that in one CURLM an exchange costs the more the more of them are in progress. An engine
 * therefore has as many CURLMs as it needs, its lanes, each with few exchanges; they share what
 * libcurl lets them: DNS answers and TLS sessions. */
#ifndef CONNECTPARTICIPANT_LANES_H
#define CONNECTPARTICIPANT_LANES_H

#include "base/hidden.h"
#include "http/list.h"

#include <curl/curl.h>
#include <stdbool.h>

HIDDEN_BEGIN

struct pollset;

/* Exchanges in one lane: with 32 the connections of a wide map would be spread over too many
 * CURLMs, each of which parses the CA bundle for itself (23 ms). */
enum { LANE_WIDTH = 64 };

struct lane {
  struct list member;
  CURLM *multi;
  struct pollset *set;
  double due;     /* when libcurl's timer expires; 0: not set */
  int active;     /* exchanges in progress */
  long kept;      /* the connection limit set in libcurl */
  CURLMcode code; /* of its last step; after a failure it cannot be used any more */
};

struct lanes {
  struct list all; /* in the order in which they are filled */
  CURLSH *share;
  int peak, last_peak; /* most concurrent exchanges in this and the last period */
  int most;            /* what the limits are set for */
  double next_period;
};

void lanes_begin(struct lanes *lanes);

/* The first lane with room for an exchange, a new one if all are full. NULL: out of memory. */
struct lane *lanes_pick(struct lanes *lanes, struct pollset *set);

/* Sets how many connections the lanes may keep, given how many exchanges are in progress, and
 * closes lanes that have not been needed for a while. */
void lanes_follow(struct lanes *lanes, int active, double now);

/* When the first of libcurl's timers expires; 0: none is set. */
double lanes_due(const struct lanes *lanes);

/* Closes the lane's connections; it has no exchange. */
void lanes_close(struct lane *lane);

/* Closes all; no easy handle may be left that was made for them. */
void lanes_end(struct lanes *lanes);

/* Forgets what a forked child must not touch. */
void lanes_abandon(struct lanes *lanes);

static inline struct lane *lane_at(struct list *at) {
  return LIST_MEMBER(at, struct lane, member);
}

HIDDEN_END

#endif
