/* What libcurl waits for; see pollset.h. */
#include "http/pollset.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/system.h"
#include "http/exchange.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Flags per descriptor: the events it is registered for, IDLE (a connection without a transfer),
 * WANTED (libcurl waits for the events), OURS (opened by pollset_socket). */
enum { INTEREST = POLLER_IN | POLLER_OUT, IDLE = 0x20, WANTED = 0x40, OURS = 0x80 };

/* A descriptor's flags; NULL: out of memory. */
static unsigned char *state_of(struct pollset *set, int fd) {
  size_t needed = (size_t)fd + 1;
  if (needed > set->known) {
    size_t room = needed < 64 ? 64 : 2 * needed;
    unsigned char *states = realloc(set->states, room);
    if (states == NULL) return NULL;
    memset(states + set->known, 0, room - set->known);
    set->states = states;
    set->known = room;
  }
  return &set->states[fd];
}

/* Removes the descriptor from the set. */
static void drop(struct pollset *set, int fd, unsigned char *state) {
  poller_set(&set->poller, fd, *state & INTEREST, 0);
  *state &= OURS;
}

static int watch(struct pollset *set, int fd, unsigned char *state, unsigned events) {
  unsigned before = *state & INTEREST;
  *state = (unsigned char)((*state & OURS) | events | WANTED);
  if (before == events) return 0;
  return poller_set(&set->poller, fd, before, events);
}

/* No other program inherits it. */
static int open_socket(int family, int type, int protocol) {
#if SYSTEM_LINUX
  return files_raise(socket(family, type | SOCK_CLOEXEC, protocol));
#else
  int fd = files_raise(socket(family, type, protocol));
  if (fd >= 0) fcntl(fd, F_SETFD, FD_CLOEXEC);
  return fd;
#endif
}

/* CURLOPT_OPENSOCKETFUNCTION. Opens it close-on-exec, which libcurl 7.88 does not. Resets the
 * flags, because an earlier socket with this number may have been closed without notice. Allocates
 * their memory here, where a failure costs one connection; in `on_socket` it would cost the CURLM.
 */
curl_socket_t pollset_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address) {
  struct pollset *set = user;
  int fd = open_socket(address->family, address->socktype, address->protocol);
  bool room = fd >= 0 && poller_reserve(&set->poller, fd);
  unsigned char *state = room ? state_of(set, fd) : NULL;
  (void)purpose;
  if (fd >= 0 && state == NULL) {
    close(fd);
    return CURL_SOCKET_BAD;
  }
  if (state != NULL) *state = OURS;
  return fd;
}

/* CURLOPT_CLOSESOCKETFUNCTION. Removes the descriptor explicitly: closing does not remove it from
 * the epoll set while a forked child holds a copy of the socket. */
int pollset_unsocket(void *user, curl_socket_t fd) {
  unsigned char *state = state_of(user, fd);
  if (state != NULL && *state & INTEREST) drop(user, fd, state);
  if (state != NULL) *state = 0;
  return close(fd);
}

/* Called when libcurl stops waiting for a socket. A connection that has delivered an answer stays
 * in the set: it will usually be waited for again in the same way, which saves two system calls per
 * exchange (5 % of a small one), and if its peer closes it while idle we must notice. A connection
 * that was never established, which libcurl watches for writing, is dropped, because libcurl may
 * close it without notice. */
static void unwatch(struct pollset *set, CURL *easy, int fd, unsigned char *state) {
  const struct exchange *x = NULL;
  bool connected = *state & POLLER_IN && *state & OURS;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&x);
  if (connected && x != NULL && x->heard > 0) {
    watch(set, fd, state, POLLER_IN);
    *state &= (unsigned char)~WANTED;
    if (!exchange_is_paused(x)) *state |= IDLE;
  } else {
    drop(set, fd, state);
    if (!connected) *state = 0;
  }
}

/* CURLMOPT_SOCKETFUNCTION. Returning an error would end all exchanges, so if there is no memory for
 * the flags of a descriptor that libcurl opened itself, it is registered anew each time. */
// cppcheck-suppress constParameter ; libcurl sets the type
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *known) {
  struct pollset *set = user;
  unsigned events = 0;
  unsigned char unknown = 0, *state = state_of(set, fd);
  (void)known;
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) events |= POLLER_IN;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) events |= POLLER_OUT;
  if (state == NULL) {
    drop(set, fd, &unknown);
    state = &unknown;
    if (what == CURL_POLL_REMOVE) return 0;
  }
  if (what != CURL_POLL_REMOVE) return watch(set, fd, state, events);
  unwatch(set, easy, fd, state);
  return 0;
}

/* CURLMOPT_TIMERFUNCTION */
static int on_timer(CURLM *multi, long milliseconds, void *user) {
  struct pollset *set = user;
  (void)multi;
  set->due = milliseconds < 0 ? 0 : clock_now() + (double)milliseconds / 1000;
  return 0;
}

bool pollset_open(struct pollset *set) {
  if (!set->open) set->open = poller_open(&set->poller);
  return set->open;
}

void pollset_close(struct pollset *set) {
  if (set->open) poller_close(&set->poller);
  free(set->states);
  *set = (struct pollset){0};
}

void pollset_attach(struct pollset *set, CURLM *multi) {
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, set);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, set);
}

/* Shuts down an idle connection that its peer closed or sent unrequested bytes on. libcurl before
 * 8.1 would take such bytes for the answer to the next request; after shutdown, with nothing left
 * to read, every version sees that the connection is dead. */
static void end_idle(struct pollset *set, int fd, unsigned char *state) {
  char rest[4096];
  shutdown(fd, SHUT_RDWR);
  while (recv(fd, rest, sizeof rest, MSG_DONTWAIT) > 0) {
  }
  drop(set, fd, state);
}

/* Must run before libcurl starts new exchanges, which might pick one of these connections. */
static void end_idles(struct pollset *set) {
  for (int i = set->at; i < set->count; i++) {
    int fd = set->events[i].fd;
    unsigned char *state = state_of(set, fd);
    if (state == NULL || !(*state & IDLE)) continue;
    end_idle(set, fd, state);
    set->events[i].fd = -1; /* the number may be reused within this step */
  }
}

bool pollset_listen(struct pollset *set, int fd) {
  set->listens = poller_set(&set->poller, fd, 0, POLLER_IN) == 0;
  set->heard_from = fd;
  return set->listens;
}

/* Handles one event. */
static CURLMcode act(struct pollset *set, CURLM *multi, const struct poller_event *event) {
  int what = 0, running, fd = event->fd;
  if (fd < 0) return CURLM_OK;
  if (set->listens && fd == set->heard_from) {
    set->heard = true;
    return CURLM_OK;
  }
  unsigned char *state = state_of(set, fd);
  if (state != NULL && !(*state & WANTED)) {
    drop(set, fd, state);
    return CURLM_OK;
  }
  if (event->what & POLLER_IN) what |= CURL_CSELECT_IN;
  if (event->what & POLLER_OUT) what |= CURL_CSELECT_OUT;
  if (event->what & POLLER_ERROR) what |= CURL_CSELECT_ERR;
  return curl_multi_socket_action(multi, fd, what, &running);
}

static void fetch(struct pollset *set, double seconds) {
  set->at = 0;
  set->count = poller_wait(&set->poller, set->events, seconds);
}

/* libcurl starts new exchanges through its timer, `due`. Events left over from the last step are
 * handled before new ones are fetched, so that no socket starves; so are those that a wait has
 * fetched, unless an exchange may start now, before which idle connections must be looked at. */
CURLMcode pollset_step(struct pollset *set, CURLM *multi, const struct activity *activity) {
  CURLMcode code = CURLM_OK;
  int running;
  bool due = set->due > 0 && clock_now() >= set->due;
  if (set->at == set->count || (due && set->at == 0)) fetch(set, 0);
  if (set->at == 0) end_idles(set);
  if (due) {
    set->due = 0;
    code = curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
  }
  while (set->at < set->count && code == CURLM_OK) {
    code = act(set, multi, &set->events[set->at++]);
    if (activity->streams && activity_is_over(activity)) break;
  }
  return code;
}

void pollset_wait(struct pollset *set, double seconds) {
  double due = set->due > 0 ? set->due - clock_now() : seconds;
  if (due < seconds) seconds = due;
  if (set->at < set->count || !(seconds > 0)) return;
  fetch(set, seconds);
}
