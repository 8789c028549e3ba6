/* One descriptor that stands for all sockets of an engine, for hosts with an event loop of their
 * own. An epoll set, because libcurl says which sockets it waits for, and they come and go. */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

/* Seconds between steps where sockets are out of sight. */
#define UNSEEN 0.01

struct engine_poll {
  int epoll;
  pid_t owner; /* a forked child shares the set with its parent, and must leave it alone */
  unsigned char watched[FD_SETSIZE]; /* the events of each descriptor in the set */
};

static struct engine_poll *open_poll(void) {
  struct engine_poll *poll = calloc(1, sizeof *poll);
  if (poll == NULL) return NULL;
  poll->epoll = epoll_create1(EPOLL_CLOEXEC);
  poll->owner = getpid();
  if (poll->epoll >= 0) return poll;
  free(poll);
  return NULL;
}

/* A descriptor that was closed has left the set by itself, and its number may be another's now. */
static void watch(struct engine_poll *poll, int fd, unsigned char events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  if (events == 0) {
    epoll_ctl(poll->epoll, EPOLL_CTL_DEL, fd, &event);
  } else if (epoll_ctl(poll->epoll, EPOLL_CTL_MOD, fd, &event) != 0 && errno == ENOENT) {
    epoll_ctl(poll->epoll, EPOLL_CTL_ADD, fd, &event);
  }
  poll->watched[fd] = events;
}

int engine_pollfd(struct engine *engine) {
  fd_set reads, writes, errors;
  int highest = -1;
  bool ours = engine_is_ours(engine);
  if (engine->closed) return -1;
  if (engine->poll != NULL && engine->poll->owner != getpid()) engine_poll_close(engine);
  if (engine->poll == NULL) engine->poll = open_poll();
  if (engine->poll == NULL) return -1;
  FD_ZERO(&reads);
  FD_ZERO(&writes);
  FD_ZERO(&errors);
  if (ours) curl_multi_fdset(engine->multi, &reads, &writes, &errors, &highest);
  for (int fd = 0; fd < FD_SETSIZE; fd++) {
    unsigned char events = 0;
    if (fd <= highest && FD_ISSET(fd, &reads)) events |= EPOLLIN;
    if (fd <= highest && FD_ISSET(fd, &writes)) events |= EPOLLOUT;
    if (events != 0 || engine->poll->watched[fd] != 0) watch(engine->poll, fd, events);
  }
  return engine->poll->epoll;
}

double engine_timeout(struct engine *engine) {
  long milliseconds = -1;
  if (!engine_is_ours(engine) || engine->active == 0) return -1;
  if (engine->moved) return 0;
  curl_multi_timeout(engine->multi, &milliseconds);
  double look = engine->next_look - exchange_now();
  double seconds = milliseconds < 0 ? look : (double)milliseconds / 1000;
  if (seconds > look) seconds = look;
  if (engine->has_high && seconds > UNSEEN) seconds = UNSEEN;
  return seconds > 0 ? seconds : 0;
}

void engine_poll_close(struct engine *engine) {
  if (engine->poll == NULL) return;
  close(engine->poll->epoll);
  free(engine->poll);
  engine->poll = NULL;
}
