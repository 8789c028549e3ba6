/* Waits with Linux's epoll; see poller.h. */
#include "http/poller.h"

#if SYSTEM_LINUX

#include "base/files.h"

#include <limits.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <unistd.h>

bool poller_open(struct poller *poller) {
  poller->epoll = files_raise(epoll_create1(EPOLL_CLOEXEC));
  return poller->epoll >= 0;
}

void poller_close(struct poller *poller) {
  close(poller->epoll);
}

bool poller_reserve(struct poller *poller, int fd) {
  (void)poller;
  (void)fd;
  return true;
}

int poller_set(struct poller *poller, int fd, unsigned before, unsigned events) {
  int what = events == 0 ? EPOLL_CTL_DEL : before == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  struct epoll_event event = {.data.fd = fd};
  if (events & POLLER_IN) event.events |= EPOLLIN;
  if (events & POLLER_OUT) event.events |= EPOLLOUT;
  return epoll_ctl(poller->epoll, what, fd, &event);
}

static unsigned meant(uint32_t events) {
  unsigned what = 0;
  if (events & EPOLLIN) what |= POLLER_IN;
  if (events & EPOLLOUT) what |= POLLER_OUT;
  if (events & (EPOLLERR | EPOLLHUP)) what |= POLLER_ERROR;
  return what;
}

int poller_wait(struct poller *poller, struct poller_event *events, double seconds) {
  struct epoll_event found[POLLER_EVENTS];
  int longest = seconds < INT_MAX / 1000 ? (int)(seconds * 1000) : INT_MAX - 1;
  int count = epoll_wait(poller->epoll, found, POLLER_EVENTS, seconds > 0 ? longest + 1 : 0);
  for (int i = 0; i < count; i++)
    events[i] = (struct poller_event){found[i].data.fd, meant(found[i].events)};
  return count < 0 ? 0 : count;
}

int poller_descriptor(const struct poller *poller) {
  return poller->epoll;
}

#else

typedef int poller_is_elsewhere; /* a file of C declares something */

#endif
