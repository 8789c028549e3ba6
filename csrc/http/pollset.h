/* What an engine waits for: libcurl's sockets, in one set whose descriptor, where it has one, a
 * host's event loop can poll, and libcurl's timer. */
#ifndef CONNECTPARTICIPANT_POLLSET_H
#define CONNECTPARTICIPANT_POLLSET_H

#include "base/hidden.h"
#include "http/activity.h"
#include "http/list.h"
#include "http/poller.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

HIDDEN_BEGIN

struct exchange;
struct lane;
struct lanes;

/* A descriptor. */
struct watched {
  struct lane *lane; /* whose it is, while libcurl waits for it */
  unsigned flags;    /* see pollset.c */
};

struct pollset {
  bool open;
  struct poller poller;
  struct watched *states;                    /* by descriptor */
  size_t known;                              /* how many `states` has */
  struct poller_event events[POLLER_EVENTS]; /* from `at` on: not yet handled */
  int at, count;
  bool listens; /* also to `heard_from`, which is not libcurl's */
  int heard_from;
  bool heard;   /* that descriptor was readable */
  bool starved; /* there was no memory for a connection, which libcurl says has failed */
};

bool pollset_open(struct pollset *set);
void pollset_close(struct pollset *set);

/* Installs the callbacks by which the lane's CURLM says what it waits for. */
void pollset_attach(struct lane *lane);

/* Adds a descriptor that is not libcurl's; `heard` is set when it is readable. */
bool pollset_listen(struct pollset *set, int fd);

/* Call this when an exchange has ended well: adds its connection, which is idle now, if its answer
 * was there so soon that libcurl has never waited for it. */
void pollset_keep(struct pollset *set, const struct exchange *x);

/* Lets libcurl do all work that needs no waiting; `members` are the exchanges in progress. */
void pollset_step(struct pollset *set, struct lanes *lanes, const struct list *members,
                  const struct activity *activity);

/* Whether there are events that no step has handled yet. */
static inline bool pollset_is_pending(const struct pollset *set) {
  return set->at < set->count;
}

/* Waits at most `seconds` for an event, which the next step handles. */
void pollset_wait(struct pollset *set, double seconds);

/* A descriptor that is readable while a socket is ready; -1: there is none. */
static inline int pollset_descriptor(const struct pollset *set) {
  return poller_descriptor(&set->poller);
}

/* libcurl's callbacks for opening and closing sockets, with the set as user data. */
curl_socket_t pollset_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address);
int pollset_unsocket(void *user, curl_socket_t fd);

HIDDEN_END

#endif
