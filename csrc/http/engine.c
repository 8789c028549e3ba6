/* One CURLM; see engine.h. */
#include "http/engine.h"
#include "base/clock.h"
#include "base/forks.h"
#include "base/sigpipe.h"
#include "base/text.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

/* Seconds; an exchange that may be silent for longer is looked at all the same. */
#define LONGEST_LOOK 3600.0

/* Seconds that a step may go on with bodies that stream. Small buffers stay in the processor's
 * cache, and a host that steps once a millisecond is still not held up, however many stream. */
#define SLICE 0.0005

/* What libcurl hands over at once of a body that arrives; of one that leaves, it takes more. */
enum { WHOLE_ROUND = 16 * 1024 };

static const curl_version_info_data *about_curl;

static void initialise(void) {
  static int here; /* an address of this library */
  Dl_info self;
  curl_global_init(CURL_GLOBAL_ALL);
  about_curl = curl_version_info(CURLVERSION_NOW);
  if (dladdr(&here, &self) != 0 && self.dli_fname != NULL)
    dlopen(self.dli_fname, RTLD_NOW | RTLD_NODELETE | RTLD_NOLOAD);
}

void engine_global_init(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, initialise);
}

const curl_version_info_data *engine_curl(void) {
  engine_global_init();
  return about_curl;
}

void engine_moved(struct engine *engine) {
  if (engine != NULL) engine->moved = true;
}

void engine_moved_body(struct engine *engine, size_t size) {
  engine_moved(engine);
  if (engine != NULL && size >= WHOLE_ROUND) engine->streams = true;
}

void engine_note_ready(struct engine *engine, const struct exchange *x) {
  if (engine != NULL) buffer_add(&engine->ready, (const char *)&x->id, sizeof x->id);
}

double engine_next_ready(struct engine *engine) {
  double id = 0;
  if (engine->ready_at + sizeof id > engine->ready.size) {
    buffer_clear(&engine->ready);
    engine->ready_at = 0;
    return 0;
  }
  memcpy(&id, engine->ready.data + engine->ready_at, sizeof id);
  engine->ready_at += sizeof id;
  return id;
}

static void unlink_exchange(struct engine *engine, struct exchange *x) {
  engine_note_ready(engine, x);
  *x->where = x->next;
  if (x->next != NULL) x->next->where = x->where;
  x->engine = NULL;
  x->next = NULL;
  x->where = NULL;
  engine->active--;
  engine->moved = true;
}

static void forget_easy(struct exchange *x) {
  curl_url_cleanup(x->url);
  x->url = NULL;
  x->easy = NULL;
}

/* A forked child shares its parent's sockets: it must neither use nor close what libcurl holds. */
static void abandon(struct engine *engine) {
  engine->multi = NULL;
  engine->idles = 0;
  engine_poll_close(engine);
  while (engine->first != NULL) {
    struct exchange *x = engine->first;
    fault_set(&x->fault, "transport", "FORKED", "the process was forked during the exchange");
    forget_easy(x);
    x->done = true;
    unlink_exchange(engine, x);
  }
}

bool engine_is_ours(struct engine *engine) {
  if (engine->multi == NULL) return false;
  if (engine->owner == forks_count()) return true;
  abandon(engine);
  return false;
}

static bool is_ready(struct engine *engine) {
  if (engine->closed) return false;
  if (engine_is_ours(engine)) return true;
  engine_global_init();
  if (!engine_poll_open(engine)) return false;
  engine->multi = curl_multi_init();
  if (engine->multi == NULL) return false;
  engine_poll_attach(engine);
  /* Only a ceiling: libcurl's own would close the connections of a wide map at its end. */
  curl_multi_setopt(engine->multi, CURLMOPT_MAXCONNECTS, 1024L);
  curl_multi_setopt(engine->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
  return true;
}

static CURL *take_easy(struct engine *engine, const struct exchange *x) {
  if (!x->is_transfer && engine->idles > 0) return engine->idle[--engine->idles];
  CURL *easy = curl_easy_init();
  if (easy != NULL && !exchange_prepare_easy(easy, engine)) {
    curl_easy_cleanup(easy);
    easy = NULL;
  }
  return easy;
}

/* Only operations' handles are kept. Those of transfers gain nothing: as long as nothing else comes
 * and goes around its upload buffer, malloc gives that back to the system each time. */
static void give_easy(struct engine *engine, struct exchange *x) {
  if (exchange_leave_easy(x) && engine->idles < ENGINE_IDLE) {
    engine->idle[engine->idles++] = x->easy;
  } else {
    curl_easy_cleanup(x->easy);
  }
  forget_easy(x);
}

bool engine_add(struct engine *engine, struct exchange *x) {
  bool ready = is_ready(engine);
  x->easy = ready ? take_easy(engine, x) : NULL;
  bool added = x->easy != NULL && exchange_apply(x, engine_url(engine, x)) &&
               curl_multi_add_handle(engine->multi, x->easy) == CURLM_OK;
  if (!added) {
    curl_easy_cleanup(x->easy);
    forget_easy(x);
    x->done = true;
    fault_set(&x->fault, "transport", "FAILED_INIT", "libcurl cannot take the exchange");
    return false;
  }
  x->engine = engine;
  x->id = ++engine->last_id;
  x->begun = x->moved = clock_now();
  x->next = engine->first;
  x->where = &engine->first;
  if (x->next != NULL) x->next->where = &x->next;
  engine->first = x;
  engine->active++;
  engine->moved = true; /* nobody may wait before the first step */
  double stall = x->transport.stall_timeout;
  double look = x->begun + (stall < LONGEST_LOOK ? stall : LONGEST_LOOK) / 4;
  if (engine->next_look == 0 || look < engine->next_look) engine->next_look = look;
  return true;
}

/* What libcurl leaves in OpenSSL's queue, nginx would find there and log as its own alert. */
static void clear_tls_errors(void) {
  void (*clear)(void);
  void *symbol = dlsym(RTLD_DEFAULT, "ERR_clear_error");
  memcpy(&clear, &symbol, sizeof clear);
  if (symbol != NULL) clear();
}

static void end(struct engine *engine, struct exchange *x, CURLcode code) {
  struct sigpipe guard;
  sigpipe_block(&guard);
  curl_multi_remove_handle(engine->multi, x->easy);
  exchange_finish(x, code);
  if (code != CURLE_OK) clear_tls_errors();
  give_easy(engine, x);
  sigpipe_restore(&guard);
  unlink_exchange(engine, x);
}

void engine_remove(struct engine *engine, struct exchange *x) {
  if (engine_is_ours(engine) && x->easy != NULL) end(engine, x, CURLE_ABORTED_BY_CALLBACK);
}

static void end_all(struct engine *engine, const char *kind, const char *code,
                    const char *message) {
  while (engine->first != NULL) {
    fault_set(&engine->first->fault, kind, code, "%s", message);
    end(engine, engine->first, CURLE_ABORTED_BY_CALLBACK);
  }
}

/* Ends what is stalled, or has a fault that libcurl does not know of. */
static void look_after(struct engine *engine, double now) {
  double soonest = LONGEST_LOOK;
  struct exchange *next = NULL;
  for (struct exchange *x = engine->first; x != NULL; x = next) {
    next = x->next;
    double limit = x->transport.stall_timeout;
    if (exchange_is_stalled(x, now)) {
      char shown[TEXT_SECONDS];
      fault_set(&x->fault, "timeout", "OPERATION_TIMEDOUT",
                "nothing moved for %s s (stall_timeout)", text_seconds(shown, limit));
      x->fault.retryable = true;
      end(engine, x, CURLE_OPERATION_TIMEDOUT);
    } else if (limit < soonest) {
      soonest = limit;
    }
  }
  engine->next_look = now + soonest / 4;
}

static void perform(struct engine *engine) {
  int left;
  struct sigpipe guard;
  engine->streams = false;
  sigpipe_block(&guard);
  CURLMcode code = engine_poll_step(engine);
  sigpipe_restore(&guard);
  /* It cannot go on, and would say so for ever. */
  if (code != CURLM_OK)
    end_all(engine, "transport", code == CURLM_OUT_OF_MEMORY ? "OUT_OF_MEMORY" : "INTERNAL_ERROR",
            curl_multi_strerror(code));
  CURLMsg *message;
  while ((message = curl_multi_info_read(engine->multi, &left)) != NULL) {
    struct exchange *x = NULL;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&x);
    if (message->msg == CURLMSG_DONE && x != NULL) end(engine, x, message->data.result);
  }
}

int engine_step(struct engine *engine, bool *moved) {
  /* Also with nothing under way: a kept connection that has ended must not be heard for ever. */
  if (engine_is_ours(engine)) {
    perform(engine);
    double now = clock_now(), until = now + SLICE;
    while (engine->streams && now < until) {
      perform(engine);
      now = clock_now();
    }
    if (now >= engine->next_look) look_after(engine, now);
  }
  if (moved != NULL) *moved = engine->moved;
  engine->moved = false;
  return engine->active;
}

void engine_wait(struct engine *engine, double seconds) {
  if (!engine_is_ours(engine) || engine->active == 0 || engine->moved) return;
  double look = engine->next_look - clock_now();
  if (look < seconds) seconds = look;
  if (!(seconds > 0)) return;
  engine_poll_wait(engine, seconds);
}

void engine_close(struct engine *engine) {
  engine->closed = true;
  if (engine_is_ours(engine)) {
    struct sigpipe guard;
    end_all(engine, "cancelled", "Cancelled", "the client was closed");
    sigpipe_block(&guard);
    while (engine->idles > 0) curl_easy_cleanup(engine->idle[--engine->idles]);
    curl_multi_cleanup(engine->multi);
    sigpipe_restore(&guard);
  }
  engine->multi = NULL;
  engine_poll_close(engine);
  engine_urls_free(engine);
  buffer_free(&engine->ready);
  engine->ready_at = 0;
}
