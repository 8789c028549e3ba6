/* One CURLM, and the exchanges under way in it. Never blocks, except in engine_wait. */
#ifndef CONNECTPARTICIPANT_ENGINE_H
#define CONNECTPARTICIPANT_ENGINE_H

#include "base/hidden.h"
#include "http/exchange.h"

HIDDEN_BEGIN

enum { ENGINE_IDLE = 64, ENGINE_URLS = 16 };

/* A URL that many exchanges have. */
struct known_url {
  char *text;
  CURLU *parsed;
};

struct engine {
  CURLM *multi;   /* NULL until the first exchange, and again after a fork */
  unsigned owner; /* as forks_count said */
  bool closed;
  struct exchange *first;
  int active;
  bool moved;
  bool streams;        /* the last round moved as much of a body as one round can */
  double next_look;    /* when to look for stalls */
  struct buffer ready; /* ids of exchanges that became done, or wait for the caller */
  size_t ready_at;
  double last_id;
  bool has_epoll;
  int epoll;               /* the sockets that libcurl waits for */
  struct buffer states;    /* what is known of each descriptor, a byte each; see engine_poll.c */
  double due;              /* when libcurl wants to be called whatever they do; 0: never */
  CURL *idle[ENGINE_IDLE]; /* easy handles of operations, ready for the next */
  int idles;
  struct known_url urls[ENGINE_URLS];
  int urls_known;
};

/* Prepares libcurl for this process, once, and keeps this library loaded: libcurl's resolver
 * threads may outlive the Lua state that loaded it. */
void engine_global_init(void);

/* What libcurl tells of itself; asked for once, for it costs more than all else of a request. */
const curl_version_info_data *engine_curl(void);

/* Takes the exchange in; nothing is sent before the next step. False: its fault says why. */
bool engine_add(struct engine *engine, struct exchange *x);

/* Lets go of an exchange that is not done: it fails with the fault it has. */
void engine_remove(struct engine *engine, struct exchange *x);

/* Moves everything that can move; returns how many exchanges are not done. `moved` tells whether
 * anything did since the last step. */
int engine_step(struct engine *engine, bool *moved);

/* Waits until something can move, at most `seconds`. */
void engine_wait(struct engine *engine, double seconds);

/* Ends what is under way as cancelled, and frees everything; nothing can be added any more. */
void engine_close(struct engine *engine);

/* Whether libcurl's handles may be touched. They may not after a fork: then they are abandoned, and
 * whatever was under way has failed. */
bool engine_is_ours(struct engine *engine);

void engine_moved(struct engine *engine);

/* The same for so many bytes of a body. */
void engine_moved_body(struct engine *engine, size_t size);

/* Notes that the exchange needs its caller; engine_next_ready takes it off the list again, and
 * gives 0 when there is none. */
void engine_note_ready(struct engine *engine, const struct exchange *x);
double engine_next_ready(struct engine *engine);

/* A descriptor that becomes readable when a step would move something; -1 where there is none. */
int engine_pollfd(struct engine *engine);

/* Seconds after which a step is due whatever the descriptor says; negative: never. */
double engine_timeout(struct engine *engine);

/* The epoll set: made, told to libcurl, and used. */
bool engine_poll_open(struct engine *engine);
void engine_poll_attach(struct engine *engine);
CURLMcode engine_poll_step(struct engine *engine);
void engine_poll_wait(struct engine *engine, double seconds);
void engine_poll_close(struct engine *engine);

/* The exchange's URL, parsed; NULL when libcurl would not. It lives until the exchange lets go of
 * `url`, or else as long as the engine. */
CURLU *engine_url(struct engine *engine, struct exchange *x);
void engine_urls_free(struct engine *engine);

/* How libcurl opens and closes sockets; the engine is their user data. */
curl_socket_t engine_poll_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address);
int engine_poll_unsocket(void *user, curl_socket_t fd);

HIDDEN_END

#endif
