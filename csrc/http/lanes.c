/* The CURLMs of an engine; see lanes.h. */
#include "http/lanes.h"
#include "http/pollset.h"
#include "http/sigpipe.h"

#include <stdlib.h>

/* libcurl does not reuse a connection that was idle for longer (default of CURLOPT_MAXAGE_CONN). */
#define IDLE_SECONDS 118.0

/* The lowest limit of connections that libcurl may keep. */
enum { LEAST_KEPT = 64 };

void lanes_begin(struct lanes *lanes) {
  *lanes = (struct lanes){0};
  list_begin(&lanes->all);
}

/* What all lanes use of each other's. Only one thread uses an engine at a time, so that no locks
 * are needed. */
static CURLSH *share_of(struct lanes *lanes) {
  if (lanes->share != NULL) return lanes->share;
  lanes->share = curl_share_init();
  if (lanes->share == NULL) return NULL;
  curl_share_setopt(lanes->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
  curl_share_setopt(lanes->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  return lanes->share;
}

static struct lane *open_lane(struct lanes *lanes, struct pollset *set) {
  struct lane *lane = share_of(lanes) == NULL ? NULL : calloc(1, sizeof *lane);
  if (lane == NULL) return NULL;
  lane->multi = curl_multi_init();
  lane->set = set;
  if (lane->multi == NULL) {
    free(lane);
    return NULL;
  }
  pollset_attach(lane);
  curl_multi_setopt(lane->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
  list_add(&lanes->all, &lane->member);
  lanes->most = 0;
  return lane;
}

struct lane *lanes_pick(struct lanes *lanes, struct pollset *set) {
  for (struct list *at = lanes->all.next; at != &lanes->all; at = at->next) {
    if (lane_at(at)->active < LANE_WIDTH) return lane_at(at);
  }
  return open_lane(lanes, set);
}

/* libcurl's connection limit is twice the peak of concurrent exchanges in this and the last period,
 * because each may use two hosts (service and store). libcurl counts connections in use, too: with
 * a limit below the number of exchanges it closes every connection after its answer, and its
 * default would close most of a wide map's when that ends. After the limit is lowered, each answer
 * closes the oldest idle connection. */
static void limit_lane(struct lane *lane, int most) {
  long limit = LEAST_KEPT;
  while (limit < 2L * most) limit *= 2;
  if (limit == lane->kept) return;
  lane->kept = limit;
  curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, limit);
}

void lanes_follow(struct lanes *lanes, int active, double now) {
  if (now >= lanes->next_period) {
    lanes->last_peak = lanes->peak;
    lanes->peak = 0;
    lanes->next_period = now + IDLE_SECONDS;
  }
  if (active > lanes->peak) lanes->peak = active;
  int most = lanes->peak > lanes->last_peak ? lanes->peak : lanes->last_peak;
  if (most == lanes->most) return;
  lanes->most = most;
  struct list *next;
  for (struct list *at = lanes->all.next; at != &lanes->all; at = next, most -= LANE_WIDTH) {
    struct lane *lane = lane_at(at);
    next = at->next;
    if (most > 0 || lane->active > 0) limit_lane(lane, most < LANE_WIDTH ? most : LANE_WIDTH);
    if (most <= 0 && lane->active == 0) lanes_close(lane);
  }
}

double lanes_due(const struct lanes *lanes) {
  double first = 0;
  for (struct list *at = lanes->all.next; at != &lanes->all; at = at->next) {
    double due = lane_at(at)->due;
    if (due > 0 && (first == 0 || due < first)) first = due;
  }
  return first;
}

void lanes_close(struct lane *lane) {
  struct sigpipe guard;
  list_remove(&lane->member);
  sigpipe_block(&guard);
  curl_multi_cleanup(lane->multi);
  sigpipe_restore(&guard);
  free(lane);
}

void lanes_end(struct lanes *lanes) {
  for (struct list *at = lanes->all.next, *next; at != &lanes->all; at = next) {
    next = at->next;
    at->next = at->previous = NULL; /* the whole list goes */
    lanes_close(lane_at(at));
  }
  list_begin(&lanes->all);
  curl_share_cleanup(lanes->share);
  lanes->share = NULL;
}

/* libcurl's handles are leaked: to clean them up would shut the parent's connections down. */
void lanes_abandon(struct lanes *lanes) {
  for (struct list *at = lanes->all.next, *next; at != &lanes->all; at = next) {
    next = at->next;
    free(lane_at(at));
  }
  lanes_begin(lanes);
}
