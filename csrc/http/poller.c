/* Waits with poll(2), which every system has; see poller.h. */
#include "http/poller.h"

#if !SYSTEM_LINUX

#include <limits.h>
#include <stdlib.h>
#include <string.h>

bool poller_open(struct poller *poller) {
  *poller = (struct poller){0};
  return true;
}

void poller_close(struct poller *poller) {
  free(poller->list);
  free(poller->places);
  *poller = (struct poller){0};
}

bool poller_reserve(struct poller *poller, int fd) {
  size_t needed = (size_t)fd + 1, room = needed < 64 ? 64 : 2 * needed;
  if (needed <= poller->room) return true;
  struct pollfd *list = realloc(poller->list, room * sizeof *list);
  if (list == NULL) return false;
  poller->list = list;
  int *places = realloc(poller->places, room * sizeof *places);
  if (places == NULL) return false;
  memset(places + poller->room, 0, (room - poller->room) * sizeof *places);
  poller->places = places;
  poller->room = room;
  return true;
}

/* The last of the list takes its place. */
static void leave(struct poller *poller, int fd) {
  bool known = (size_t)fd < poller->room && poller->places[fd] != 0;
  if (!known) return;
  size_t place = (size_t)poller->places[fd] - 1;
  struct pollfd last = poller->list[--poller->count];
  poller->list[place] = last;
  poller->places[last.fd] = (int)place + 1;
  poller->places[fd] = 0;
}

int poller_set(struct poller *poller, int fd, unsigned before, unsigned events) {
  (void)before;
  if (events == 0) {
    leave(poller, fd);
    return 0;
  }
  if (!poller_reserve(poller, fd)) return -1;
  if (poller->places[fd] == 0) poller->places[fd] = (int)++poller->count;
  short wanted = 0;
  if (events & POLLER_IN) wanted |= POLLIN;
  if (events & POLLER_OUT) wanted |= POLLOUT;
  poller->list[poller->places[fd] - 1] = (struct pollfd){.fd = fd, .events = wanted};
  return 0;
}

static unsigned meant(short events) {
  unsigned what = 0;
  if (events & POLLIN) what |= POLLER_IN;
  if (events & POLLOUT) what |= POLLER_OUT;
  if (events & (POLLERR | POLLHUP | POLLNVAL)) what |= POLLER_ERROR;
  return what;
}

int poller_wait(struct poller *poller, struct poller_event *events, double seconds) {
  int longest = seconds < INT_MAX / 1000 ? (int)(seconds * 1000) : INT_MAX - 1;
  int ready = poll(poller->list, (nfds_t)poller->count, seconds > 0 ? longest + 1 : 0);
  int count = 0;
  if (ready <= 0) return 0;
  /* Of more than fit, those behind the last one come first the next time. */
  for (size_t i = 0; i < poller->count && count < POLLER_EVENTS && count < ready; i++) {
    if (poller->next >= poller->count) poller->next = 0;
    const struct pollfd *found = &poller->list[poller->next++];
    if (found->revents == 0) continue;
    events[count++] = (struct poller_event){found->fd, meant(found->revents)};
  }
  return count;
}

int poller_descriptor(const struct poller *poller) {
  (void)poller;
  return -1;
}

#else

typedef int poller_is_elsewhere; /* a file of C declares something */

#endif
