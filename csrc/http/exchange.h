/* One HTTP exchange on one easy handle: the request, its upload and download, timing and outcome.
 * It reports to its engine through `struct activity`. libcurl's callbacks touch only buffers and
 * files. */
#ifndef CONNECTPARTICIPANT_EXCHANGE_H
#define CONNECTPARTICIPANT_EXCHANGE_H

#include "base/failure.h"
#include "base/hidden.h"
#include "base/secrets.h"
#include "http/activity.h"
#include "http/answer.h"
#include "http/download.h"
#include "http/upload.h"
#include "http/url.h"

#include <curl/curl.h>

HIDDEN_BEGIN

struct transport {
  const char *ca_file;                   /* NULL: libcurl's default bundle */
  const char *proxy;                     /* NULL: the environment's; "": none */
  double connect_timeout, stall_timeout; /* seconds */
  bool allow_insecure;
  bool https; /* the endpoint is https, so every URL it hands out must be */
};

/* What to send. All pointers are borrowed until the exchange is done. */
struct http_request {
  const char *method; /* "POST", "PUT" or "GET" */
  const char *url;
  const char *headers; /* NUL-terminated "Name: value" lines, ended by an empty one */
  const char *body;    /* of a POST or PUT, in memory, or NULL */
  size_t body_size;
  size_t success_limit, error_limit; /* caps on the answer's body in memory */
  struct secrets secrets;
};

enum exchange_state { EXCHANGE_RUN, EXCHANGE_NEED_DATA, EXCHANGE_HAVE_DATA, EXCHANGE_DONE };

struct exchange {
  struct activity *activity;          /* its engine's; NULL: not in an engine */
  struct list member, ready, resumed; /* links in the engine's and the activity's lists */
  double id;                          /* unique in the engine, from 1 on */
  struct lane *lane;                  /* the engine's, that it is in */
  CURL *easy;                         /* NULL: done, or dropped after a fork */
  struct url url;                     /* its own; without a handle the engine's cache is used */
  bool done;
  CURLcode code;
  struct fault fault; /* our own error; overrides `code`, which is then a consequence */
  char error[CURL_ERROR_SIZE];

  struct http_request request;
  struct transport transport;
  bool https;
  bool crowded;     /* many more are in progress, and its buffers should be small */
  bool is_transfer; /* an upload or download, not an operation of the service */
  bool waited;      /* libcurl has waited for its socket */
  struct curl_slist *lines;
  size_t room;               /* how many `lines` has room for */
  struct curl_slist *expect; /* which of them is Expect, where one is */
  double timeout;            /* seconds; 0: none */

  struct upload upload;
  struct download download;
  struct answer answer;
  size_t heard; /* bytes of headers, including interim responses' */
  int headers;  /* how many lines that were */

  double moved; /* time of the last progress on the network, in the sink or by the caller */
  off_t seen;   /* total bytes at the last check for a stall */
  double seconds, connect_seconds;
  off_t sent;
  bool reused;  /* it used a kept connection */
  int sendings; /* libcurl repeats a request itself when a kept connection turns out to be dead */
};

/* Empties a finished exchange for reuse; keeps small buffers' memory. */
void exchange_clear(struct exchange *x);

/* Prepares an empty exchange. A request's body in memory becomes its upload; any other upload or
 * download was set up by the caller. False: out of memory. */
bool exchange_begin(struct exchange *x, const struct http_request *request,
                    const struct transport *transport, double timeout);

/* libcurl's callbacks, with the exchange as user data. */
size_t exchange_on_read(char *out, size_t one, size_t count, void *user);
int exchange_on_seek(void *user, curl_off_t offset, int origin);
size_t exchange_on_header(char *data, size_t one, size_t count, void *user);
size_t exchange_on_write(char *data, size_t one, size_t count, void *user);
int exchange_on_sending(void *user, char *there, char *here, int port, int own_port);
/* Takes its place where libcurl is older than 7.80. */
int exchange_on_trace(CURL *easy, curl_infotype type, char *data, size_t size, void *user);

/* Unpauses it in libcurl. */
CURLcode exchange_go_on(struct exchange *x);

/* Whether receiving is paused. */
bool exchange_is_paused(const struct exchange *x);

/* Called when libcurl has finished: records the outcome and timing. */
void exchange_finish(struct exchange *x, CURLcode code);

enum exchange_state exchange_state(const struct exchange *x);
/* Adds bytes to the upload. If the exchange is done they are dropped; its result says why. False:
 * x->fault says why, or memory ran out if it has none. */
bool exchange_feed(struct exchange *x, const char *data, size_t size);
void exchange_feed_end(struct exchange *x);
/* The bytes that arrived. The caller takes all of them, then calls exchange_drained. */
const struct buffer *exchange_drain(const struct exchange *x);
void exchange_drained(struct exchange *x);

off_t exchange_sent(const struct exchange *x);

/* Called when the sink has room again or has failed. */
void exchange_hear_sink(struct exchange *x);

/* Notes what has moved since the last call, in either direction. False: nothing has for
 * stall_timeout. */
bool exchange_note_progress(struct exchange *x, double now);

/* Fails it as cancelled, unless it is done and all its bytes were drained. */
void exchange_give_up(struct exchange *x);

/* Sets what went wrong; false if there is an HTTP answer to read. */
bool exchange_failure(const struct exchange *x, struct failure *failure);

/* Frees its resources; it must not be in an engine. */
void exchange_free(struct exchange *x);

HIDDEN_END

#endif
