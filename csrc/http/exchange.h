/* One HTTP exchange on one easy handle: what is sent, what comes back, and what goes wrong on the
 * way. Knows nothing of AWS, and nothing of Lua: its callbacks touch buffers and files only. */
#ifndef CONNECTPARTICIPANT_EXCHANGE_H
#define CONNECTPARTICIPANT_EXCHANGE_H

#include "base/buffer.h"
#include "base/failure.h"
#include "base/hidden.h"
#include "base/secrets.h"
#include "base/sink.h"
#include "base/source.h"
#include "http/answer.h"

#include <curl/curl.h>

HIDDEN_BEGIN

struct engine;

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

enum upload { UPLOAD_NONE, UPLOAD_MEMORY, UPLOAD_FILE, UPLOAD_FED };
enum download { DOWNLOAD_MEMORY, DOWNLOAD_FILE, DOWNLOAD_DRAINED };

struct exchange {
  struct engine *engine;          /* NULL: in none */
  double id;                      /* its number in the engine, from 1 on */
  struct exchange *next, **where; /* the engine's list */
  CURL *easy;                     /* NULL: done, or abandoned after a fork */
  CURLU *url;                     /* as parsed for it alone; NULL: the engine knows it */
  bool done;
  CURLcode code;
  struct fault fault; /* ours; it wins over the code, which then only follows from it */
  char error[CURL_ERROR_SIZE];

  struct http_request request;
  struct transport transport;
  bool is_transfer; /* to or from a store, and not an operation of the service */
  struct curl_slist *lines;
  size_t room;    /* for so many lines */
  double timeout; /* seconds; 0: none */

  enum upload upload;
  struct source *source;
  off_t size, at;    /* of the upload: its bytes, and how many libcurl has taken */
  struct buffer fed; /* bytes that libcurl has not yet taken */
  size_t fed_at;     /* where they begin in the buffer */
  off_t fed_total;
  bool fed_end;
  bool send_paused;

  enum download download;
  struct sink *sink;
  off_t offset; /* the first byte asked for */
  off_t from;   /* the first byte that the answer began with */
  bool body_begun, body_wanted, enough, receive_paused;
  size_t heard; /* bytes of all headers, those of interim answers too */
  struct buffer drained;
  off_t received;
  struct answer response;

  double begun, moved, seconds, connect_seconds;
  off_t sent, seen; /* `seen`: all bytes at the last look for a stall */
  bool reused;
};

/* Forgets what it did, keeps the memory; it must be done. */
void exchange_clear(struct exchange *x);

/* Makes a clear exchange ready to be sent. A request with a body in memory uploads that; for
 * anything else the caller has set what to upload and download. False: out of memory. */
bool exchange_begin(struct exchange *x, const struct http_request *request,
                    const struct transport *transport, double timeout);

/* Sets the options that never change on a new easy handle, and those of this exchange on its own.
 * False when libcurl refuses one that safety rests on. */
bool exchange_prepare_easy(CURL *easy, struct engine *engine);
bool exchange_apply(struct exchange *x, CURLU *url);
/* Whether its easy handle, of which it takes leave, can serve another operation. */
bool exchange_leave_easy(const struct exchange *x);

/* libcurl's callbacks; the exchange is their user data. */
size_t exchange_on_read(char *out, size_t one, size_t count, void *user);
int exchange_on_seek(void *user, curl_off_t offset, int origin);
size_t exchange_on_header(char *data, size_t one, size_t count, void *user);
size_t exchange_on_write(char *data, size_t one, size_t count, void *user);

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

/* Fails the exchange when its peer has moved nothing for too long. */
bool exchange_is_stalled(struct exchange *x, double now);

/* Ends it, unless it is done and all its bytes have been taken. */
void exchange_cancel(struct exchange *x);

/* What went wrong, or false when an HTTP answer is there to be read. */
bool exchange_failure(const struct exchange *x, struct failure *failure);

/* Frees what it holds; the engine must have let it go. */
void exchange_free(struct exchange *x);

HIDDEN_END

#endif
