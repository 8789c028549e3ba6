/* One HTTP exchange on one easy handle: what its upload and its download share, time, and how it
 * ended. Knows nothing of AWS, of Lua, or of the engine that moves it: what the engine has to know
 * it writes into the activity that it is handed. Its callbacks touch buffers and files only. */
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
  bool https; /* the endpoint is https, and so must every URL be that it hands out */
};

/* What to send. Everything is borrowed until the exchange is done. */
struct http_request {
  const char *method; /* "POST", "PUT" or "GET" */
  const char *url;
  const char *headers; /* "Name: value" lines, each ended by a NUL; an empty one ends the list */
  const char *body;    /* in memory, of a POST or PUT */
  size_t body_size;
  size_t success_limit, error_limit; /* of what is kept of the answer's body */
  struct secrets secrets;
};

enum exchange_state { EXCHANGE_RUN, EXCHANGE_NEED_DATA, EXCHANGE_HAVE_DATA, EXCHANGE_DONE };

struct exchange {
  struct activity *activity;          /* of the engine that it is in; NULL: in none */
  struct list member, ready, resumed; /* in the engine's list, and in the activity's */
  double id;                          /* its number in the engine, from 1 on */
  CURL *easy;                         /* NULL: done, or abandoned after a fork */
  struct url url;                     /* parsed for it alone; no handle: the engine knows it */
  bool done;
  CURLcode code;
  struct fault fault; /* ours; it wins over the code, which then only follows from it */
  char error[CURL_ERROR_SIZE];

  struct http_request request;
  struct transport transport;
  bool https;
  bool is_transfer; /* to or from a store, and not an operation of the service */
  struct curl_slist *lines;
  size_t room;    /* for so many lines */
  double timeout; /* seconds; 0: none */

  struct upload upload;
  struct download download;
  struct answer answer;
  size_t heard; /* bytes of all headers, those of interim answers too */

  double moved; /* when a byte last came or went, here or to its sink, or the caller last acted */
  off_t seen;   /* all bytes at the last look for a stall */
  double seconds, connect_seconds;
  off_t sent;
  bool reused; /* it went over a connection that had been kept */
};

/* Forgets what it did, keeps the memory; it must be done. */
void exchange_clear(struct exchange *x);

/* Makes a clear exchange ready to be sent. A request with a body in memory uploads that; for
 * anything else the caller has set what to upload and download. False: out of memory. */
bool exchange_begin(struct exchange *x, const struct http_request *request,
                    const struct transport *transport, double timeout);

/* libcurl's callbacks; the exchange is their user data. */
size_t exchange_on_read(char *out, size_t one, size_t count, void *user);
int exchange_on_seek(void *user, curl_off_t offset, int origin);
size_t exchange_on_header(char *data, size_t one, size_t count, void *user);
size_t exchange_on_write(char *data, size_t one, size_t count, void *user);

/* Lets libcurl go on with one that was resumed. */
CURLcode exchange_go_on(struct exchange *x);

/* Whether libcurl reads nothing of its answer for now. */
bool exchange_is_paused(const struct exchange *x);

/* Libcurl is through with it; reads what it says about the transfer. */
void exchange_finish(struct exchange *x, CURLcode code);

enum exchange_state exchange_state(const struct exchange *x);
/* What is fed to an exchange that is done is dropped: its result tells why nobody wants it. False:
 * its fault says why, or memory ran out. */
bool exchange_feed(struct exchange *x, const char *data, size_t size);
void exchange_feed_end(struct exchange *x);
/* The bytes that arrived; the caller takes all of them and calls `exchange_drained`. */
const struct buffer *exchange_drain(const struct exchange *x);
void exchange_drained(struct exchange *x);

off_t exchange_sent(const struct exchange *x);

/* The sink has room again, or a fault. */
void exchange_hear_sink(struct exchange *x);

/* Whether nothing has moved for too long, on the peer's side or on ours. */
bool exchange_is_stalled(struct exchange *x, double now);

/* Whatever it came to, its caller wants no more of it: it has failed as cancelled, unless it is
 * done and its bytes have been taken. */
void exchange_give_up(struct exchange *x);

/* What went wrong, or false when an HTTP answer is there to be read. */
bool exchange_failure(const struct exchange *x, struct failure *failure);

/* Frees what it holds; the engine must have let it go. */
void exchange_free(struct exchange *x);

HIDDEN_END

#endif
