/* Running exchanges in a CURLM; see engine.h. */
#include "http/engine.h"
#include "base/clock.h"
#include "base/forks.h"
#include "http/sigpipe.h"
#include "base/text.h"
#include "http/easy.h"
#include "http/exchange.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* Seconds; stalls are checked for at least four times in this, however long stall_timeout is. */
#define LONGEST_LOOK 3600.0

/* Seconds that one step may spend on streaming bodies. Going several rounds with small buffers
 * keeps them in the CPU's cache; the limit keeps a host that steps every millisecond responsive,
 * however many bodies stream. */
#define SLICE 0.0004

/* Seconds after which a host should step again if there is no descriptor to poll. */
#define BLIND_LOOK 0.005

static struct exchange *member_at(struct list *at) {
  return LIST_MEMBER(at, struct exchange, member);
}

struct engine *engine_new(void) {
  struct engine *engine = calloc(1, sizeof *engine);
  if (engine == NULL) return NULL;
  list_begin(&engine->members);
  lanes_begin(&engine->lanes);
  activity_begin(&engine->activity);
  return engine;
}

double engine_next_ready(struct engine *engine) {
  struct list *first = list_take(&engine->activity.ready);
  return first == NULL ? 0 : LIST_MEMBER(first, struct exchange, ready)->id;
}

static void unlink_exchange(struct engine *engine, struct exchange *x) {
  if (x->download.sink != NULL) sink_end(x->download.sink);
  list_remove(&x->member);
  list_remove(&x->resumed);
  list_add(&engine->activity.ready, &x->ready);
  engine->activity.moved = true;
  engine->active--;
  x->lane = NULL;
  x->activity = NULL;
  x->easy = NULL;
  url_free(&x->url);
}

/* Stops listening to the disk thread, which goes on with its queue. */
static void leave_disk(struct engine *engine) {
  struct disk *disk = engine->disk;
  engine->disk = NULL;
  if (disk == NULL) return;
  disk_deafen(disk);
  if (!disk_is_ours(disk)) return;
  while (sink_next_told(disk) != NULL) {
  }
  disk_drop(disk);
}

/* Drops everything inherited through a fork. The child shares its parent's sockets and must not let
 * libcurl use or shut them down, so the handles are leaked. */
static void abandon(struct engine *engine) {
  lanes_abandon(&engine->lanes);
  engine->idles = 0;
  engine->next_look = 0;
  leave_disk(engine);
  pollset_close(&engine->set);
  while (!list_is_empty(&engine->members)) {
    struct exchange *x = member_at(engine->members.next);
    fault_set(&x->fault, "transport", "FORKED", "the process was forked during the exchange");
    x->done = true;
    unlink_exchange(engine, x);
  }
}

/* Call this before touching libcurl's handles: abandons them in a forked child. */
static void leave_parent(struct engine *engine) {
  bool inherited = engine->owner != forks_count();
  if (inherited && engine->set.open) abandon(engine);
  engine->owner = forks_count();
}

/* Gives the exchange a lane; makes the poll set when the first needs it. */
static bool open_lane(struct engine *engine, struct exchange *x) {
  leave_parent(engine);
  if (engine->closed) return false;
  easy_global_init();
  if (!pollset_open(&engine->set)) return false;
  x->lane = lanes_pick(&engine->lanes, &engine->set);
  x->crowded = engine->active >= LANE_WIDTH;
  if (x->lane == NULL)
    fault_set(&x->fault, "transport", "OUT_OF_MEMORY", "there is not enough memory to send it");
  return x->lane != NULL;
}

/* Keeps handles of operations for reuse, not those of transfers. libcurl 7.88 allocates a 64 KiB
 * upload buffer for each PUT and frees it at its end; with a reused handle nothing else is
 * allocated around it, so that glibc returns its pages to the system each time, which eats the
 * gain. */
static void put_away(struct engine *engine, const struct exchange *x) {
  if (easy_leave(x) && engine->idles < ENGINE_IDLE) {
    engine->idle[engine->idles++] = x->easy;
  } else {
    curl_easy_cleanup(x->easy);
  }
}

static CURL *take_easy(struct engine *engine, const struct exchange *x) {
  bool kept = !x->is_transfer && engine->idles > 0;
  return kept ? engine->idle[--engine->idles] : easy_new(&engine->set, engine->lanes.share);
}

/* The parsed URL. A transfer's was parsed when it was validated; an operation's is cached, unless
 * it is a GET, whose path contains a parameter. */
static const struct url *find_url(struct engine *engine, struct exchange *x) {
  const struct url *known = NULL;
  if (x->url.handle != NULL) return &x->url;
  if (strcmp(x->request.method, "POST") == 0) known = urls_find(&engine->urls, x->request.url);
  if (known != NULL) return known;
  const char *problem = url_parse(&x->url, x->request.url, strlen(x->request.url));
  if (problem != NULL)
    fault_set(&x->fault, "configuration", "InvalidConfiguration", "the URL cannot be used: %s",
              problem);
  return problem == NULL ? &x->url : NULL;
}

/* Subscribes the exchange to its sink's reports, if it has one. */
static bool join_disk(struct engine *engine, struct exchange *x) {
  struct disk *disk = engine->disk;
  if (x->download.sink == NULL) return true;
  if (disk == NULL) {
    disk = disk_new(NULL);
    int fd = disk == NULL ? -1 : disk_descriptor(disk);
    if (fd < 0 || !pollset_listen(&engine->set, fd)) {
      if (disk != NULL) disk_drop(disk);
      return false;
    }
    engine->disk = disk;
  }
  return sink_begin(x->download.sink, disk, x, &x->fault);
}

static bool begin(struct engine *engine, struct exchange *x) {
  bool open = open_lane(engine, x) && join_disk(engine, x);
  const struct url *url = open ? find_url(engine, x) : NULL;
  x->easy = url == NULL ? NULL : take_easy(engine, x);
  if (x->easy == NULL) return false;
  return easy_apply(x, url) && curl_multi_add_handle(x->lane->multi, x->easy) == CURLM_OK;
}

bool engine_add(struct engine *engine, struct exchange *x) {
  if (!begin(engine, x)) {
    curl_easy_cleanup(x->easy);
    x->easy = NULL;
    url_free(&x->url);
    if (x->download.sink != NULL) sink_end(x->download.sink);
    x->done = true;
    fault_set(&x->fault, "transport", "FAILED_INIT",
              "libcurl cannot take the exchange: memory or file descriptors have run out");
    return false;
  }
  x->activity = &engine->activity;
  x->id = ++engine->last_id;
  x->moved = clock_now();
  list_add(&engine->members, &x->member);
  engine->active++;
  x->lane->active++;
  lanes_follow(&engine->lanes, engine->active, x->moved);
  engine->activity.moved = true; /* makes engine_wait return at once, for the first step */
  double stall = x->transport.stall_timeout;
  double look = x->moved + (stall < LONGEST_LOOK ? stall : LONGEST_LOOK) / 4;
  if (engine->next_look == 0 || look < engine->next_look) engine->next_look = look;
  return true;
}

/* libcurl leaves failures in OpenSSL's per-thread error queue, where nginx would find them and log
 * them as its own. */
static void clear_tls_errors(void) {
  void (*clear)(void);
  void *symbol = dlsym(RTLD_DEFAULT, "ERR_clear_error");
  memcpy(&clear, &symbol, sizeof clear);
  if (symbol != NULL) clear();
}

/* Says that there was no memory where libcurl says something else. Its URL was parsed before: that
 * libcurl 8.23 finds none is for want of memory. */
static CURLcode find_no_memory(struct engine *engine, struct exchange *x, CURLcode code) {
  bool starved = engine->set.starved && code == CURLE_COULDNT_CONNECT;
  if (starved) engine->set.starved = false;
  if (starved || code == CURLE_URL_MALFORMAT) code = CURLE_OUT_OF_MEMORY;
  if (code == CURLE_OUT_OF_MEMORY)
    x->error[0] = '\0'; /* libcurl may only say what it was about to do */
  return code;
}

static void end(struct engine *engine, struct exchange *x, CURLcode code) {
  struct sigpipe guard;
  code = find_no_memory(engine, x, code);
  sigpipe_block(&guard);
  if (code == CURLE_OK) pollset_keep(&engine->set, x);
  curl_multi_remove_handle(x->lane->multi, x->easy);
  x->lane->active--;
  exchange_finish(x, code);
  if (code != CURLE_OK) clear_tls_errors();
  put_away(engine, x);
  sigpipe_restore(&guard);
  unlink_exchange(engine, x);
}

static void destroy(struct engine *engine) {
  engine_close(engine);
  while (list_take(&engine->activity.ready) != NULL) {
  }
  free(engine);
}

void engine_remove(struct engine *engine, struct exchange *x) {
  leave_parent(engine);
  if (x->activity != NULL) end(engine, x, CURLE_ABORTED_BY_CALLBACK);
  if (engine->orphan && engine->active == 0) destroy(engine);
}

void engine_free(struct engine *engine) {
  leave_parent(engine);
  engine->orphan = true;
  if (engine->active == 0) destroy(engine);
}

/* Ends all exchanges in the lane; NULL: in any. */
static void end_all(struct engine *engine, const struct lane *lane, const char *kind,
                    const char *code, const char *message) {
  struct list *next = NULL;
  for (struct list *at = engine->members.next; at != &engine->members; at = next) {
    struct exchange *x = member_at(at);
    next = at->next;
    if (lane != NULL && x->lane != lane) continue;
    fault_set(&x->fault, kind, code, "%s", message);
    end(engine, x, CURLE_ABORTED_BY_CALLBACK);
  }
}

/* Ends stalled exchanges. Time during which nobody stepped the engine does not count for a paused
 * transfer: another transfer's callback may have kept its caller from feeding it. */
static void look_for_stalls(struct engine *engine, double now) {
  double soonest = LONGEST_LOOK, late = now - engine->next_look;
  struct list *next = NULL;
  for (struct list *at = engine->members.next; at != &engine->members; at = next) {
    struct exchange *x = member_at(at);
    double limit = x->transport.stall_timeout;
    bool paused = x->upload.paused || x->download.paused;
    next = at->next;
    if (paused) x->moved += late;
    if (!exchange_note_progress(x, now)) {
      char shown[TEXT_SECONDS];
      fault_set(&x->fault, "timeout", "OPERATION_TIMEDOUT", "%s for %s s (stall_timeout)",
                !paused                    ? "nothing moved"
                : x->download.sink != NULL ? "its sink took nothing"
                                           : "its caller neither fed nor drained it",
                text_seconds(shown, limit));
      x->fault.retryable = true;
      end(engine, x, CURLE_OPERATION_TIMEDOUT);
    } else if (limit < soonest) {
      soonest = limit;
    }
  }
  engine->next_look = now + soonest / 4;
}

static void hear_disk(struct engine *engine) {
  struct exchange *x;
  if (!engine->set.heard) return;
  engine->set.heard = false;
  while ((x = sink_next_told(engine->disk)) != NULL) exchange_hear_sink(x);
}

/* Unpauses exchanges while the step has time. */
static void go_on(struct engine *engine) {
  struct list *first;
  while ((first = list_take(&engine->activity.resumed)) != NULL) {
    struct exchange *x = LIST_MEMBER(first, struct exchange, resumed);
    CURLcode code = exchange_go_on(x);
    if (code != CURLE_OK) end(engine, x, code);
    if (activity_is_over(&engine->activity)) break;
  }
}

static void read_messages(struct engine *engine, struct lane *lane) {
  int left;
  CURLMsg *message;
  while ((message = curl_multi_info_read(lane->multi, &left)) != NULL) {
    struct exchange *x = NULL;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&x);
    if (message->msg == CURLMSG_DONE && x != NULL) end(engine, x, message->data.result);
  }
}

/* A CURLM that has failed would fail in every further step; the next exchange makes a new one. */
static void end_lane(struct engine *engine, struct lane *lane) {
  const char *code = lane->code == CURLM_OUT_OF_MEMORY ? "OUT_OF_MEMORY" : "INTERNAL_ERROR";
  end_all(engine, lane, "transport", code, curl_multi_strerror(lane->code));
  lanes_close(lane);
}

static void perform(struct engine *engine, bool first) {
  struct sigpipe guard;
  struct list *next = NULL;
  engine->activity.streams = false;
  sigpipe_block(&guard);
  if (first) go_on(engine);
  pollset_step(&engine->set, &engine->lanes, &engine->members, &engine->activity);
  sigpipe_restore(&guard);
  hear_disk(engine);
  for (struct list *at = engine->lanes.all.next; at != &engine->lanes.all; at = next) {
    next = at->next;
    read_messages(engine, lane_at(at));
    if (lane_at(at)->code != CURLM_OK) end_lane(engine, lane_at(at));
  }
}

int engine_step(struct engine *engine, bool *moved) {
  struct activity *activity = &engine->activity;
  leave_parent(engine);
  /* Also when no exchange is in progress: an idle connection that was closed would keep the
   * descriptor readable. */
  if (engine->set.open) {
    activity->until = clock_now() + SLICE;
    perform(engine, true);
    while (activity->streams && !activity_is_over(activity)) perform(engine, false);
    double now = clock_now();
    if (engine->active > 0 && now >= engine->next_look) look_for_stalls(engine, now);
  }
  if (moved != NULL) *moved = activity->moved;
  activity->moved = false;
  return engine->active;
}

static bool is_pending(const struct engine *engine) {
  return activity_is_pending(&engine->activity) || pollset_is_pending(&engine->set);
}

void engine_wait(struct engine *engine, double seconds) {
  leave_parent(engine);
  if (engine->active == 0 || is_pending(engine)) return;
  double now = clock_now(), due = lanes_due(&engine->lanes);
  if (engine->next_look - now < seconds) seconds = engine->next_look - now;
  if (due > 0 && due - now < seconds) seconds = due - now;
  if (seconds > 0) pollset_wait(&engine->set, seconds);
}

int engine_run(struct engine *engine, double seconds, bool *moved) {
  double until = clock_now() + seconds;
  int active = engine_step(engine, moved);
  while (active > 0 && seconds > 0 && !engine_has_ready(engine)) {
    bool has_moved = false;
    engine_wait(engine, seconds);
    active = engine_step(engine, &has_moved);
    *moved = *moved || has_moved;
    seconds = until - clock_now();
  }
  return active;
}

bool engine_pollfd(struct engine *engine, int *fd) {
  leave_parent(engine);
  if (engine->closed || !pollset_open(&engine->set)) return false;
  *fd = pollset_descriptor(&engine->set);
  return true;
}

double engine_timeout(struct engine *engine) {
  leave_parent(engine);
  if (engine->active == 0) return -1;
  if (is_pending(engine)) return 0;
  double moment = engine->next_look, due = lanes_due(&engine->lanes);
  if (due > 0 && due < moment) moment = due;
  double seconds = moment - clock_now();
  if (seconds > BLIND_LOOK && engine->set.open && pollset_descriptor(&engine->set) < 0)
    seconds = BLIND_LOOK;
  return seconds > 0 ? seconds : 0;
}

void engine_close(struct engine *engine) {
  leave_parent(engine);
  engine->closed = true;
  end_all(engine, NULL, "cancelled", "Cancelled", "the client was closed");
  while (engine->idles > 0) curl_easy_cleanup(engine->idle[--engine->idles]);
  lanes_end(&engine->lanes);
  leave_disk(engine);
  pollset_close(&engine->set);
  urls_free(&engine->urls);
}
