/* What an engine waits for: libcurl's sockets in one epoll set, and libcurl's next moment. Hosts
 * with an event loop of their own poll that set, too. All that is Linux's own about waiting is
 * here. */
#ifndef CONNECTPARTICIPANT_POLLSET_H
#define CONNECTPARTICIPANT_POLLSET_H

#include "base/hidden.h"
#include "http/activity.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/epoll.h>

HIDDEN_BEGIN

enum { POLLSET_EVENTS = 64 };

struct pollset {
  bool open;
  int epoll;
  unsigned char *states; /* what is known of each descriptor; see pollset.c */
  size_t known;          /* of so many */
  double due;            /* when libcurl wants to be called whatever they do; 0: never */
  struct epoll_event events[POLLSET_EVENTS]; /* those that a step had no time for are left */
  int at, count;
  bool listens; /* to a descriptor that is not libcurl's */
  int heard_from;
  bool heard; /* it was readable */
};

bool pollset_open(struct pollset *set);
void pollset_close(struct pollset *set);

/* Has libcurl say what it waits for. */
void pollset_attach(struct pollset *set, CURLM *multi);

/* Adds a descriptor that is not libcurl's: `heard` is set where it is readable. */
bool pollset_listen(struct pollset *set, int fd);

/* Lets libcurl do what it can without waiting. */
CURLMcode pollset_step(struct pollset *set, CURLM *multi, const struct activity *activity);

/* Whether sockets are left that had no turn in the last step. */
static inline bool pollset_is_pending(const struct pollset *set) {
  return set->at < set->count;
}

/* Waits until libcurl can do something, at most `seconds`. */
void pollset_wait(struct pollset *set, double seconds);

/* How libcurl opens and closes sockets; the set is their user data. */
curl_socket_t pollset_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address);
int pollset_unsocket(void *user, curl_socket_t fd);

HIDDEN_END

#endif
