/* What libcurl waits for; see pollset.h. */
#include "http/pollset.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/system.h"
#include "http/easy.h"
#include "http/exchange.h"
#include "http/lanes.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Flags per descriptor: the events it is registered for, IDLE (a connection without a transfer),
 * WANTED (libcurl waits for the events), OURS (opened by pollset_socket). */
enum { INTEREST = POLLER_IN | POLLER_OUT, IDLE = 0x20, WANTED = 0x40, OURS = 0x80 };

/* A descriptor's flags; NULL: out of memory. */
static struct watched *state_of(struct pollset *set, int fd) {
  size_t needed = (size_t)fd + 1;
  if (needed > set->known) {
    size_t room = needed < 64 ? 64 : 2 * needed;
    struct watched *states = realloc(set->states, room * sizeof *states);
    if (states == NULL) return NULL;
    memset(states + set->known, 0, (room - set->known) * sizeof *states);
    set->states = states;
    set->known = room;
  }
  return &set->states[fd];
}

/* Removes the descriptor from the set, with the events that were fetched of it: it may be closed
 * next, and its number be a descriptor of another thread before they are handled. */
static void drop(struct pollset *set, int fd, struct watched *state) {
  poller_set(&set->poller, fd, state->flags & INTEREST, 0);
  state->flags &= OURS;
  for (int i = set->at; i < set->count; i++) {
    if (set->events[i].fd == fd) set->events[i].fd = -1;
  }
}

static int watch(struct pollset *set, int fd, struct watched *state, unsigned events) {
  unsigned before = state->flags & INTEREST;
  state->flags = (state->flags & OURS) | events | WANTED;
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
  struct watched *state = room ? state_of(set, fd) : NULL;
  (void)purpose;
  if (fd >= 0 && state == NULL) {
    close(fd);
    set->starved = true;
    return CURL_SOCKET_BAD;
  }
  if (state != NULL) state->flags = OURS;
  return fd;
}

/* CURLOPT_CLOSESOCKETFUNCTION. Removes the descriptor explicitly: closing does not remove it from
 * the epoll set while a forked child holds a copy of the socket. */
int pollset_unsocket(void *user, curl_socket_t fd) {
  struct watched *state = state_of(user, fd);
  if (state != NULL && state->flags & INTEREST) drop(user, fd, state);
  if (state != NULL) state->flags = 0;
  return close(fd);
}

/* Called when libcurl stops waiting for a socket. A connection that has delivered an answer stays
 * in the set: it will usually be waited for again in the same way, which saves two system calls per
 * exchange (5 % of a small one), and if its peer closes it while idle we must notice. A connection
 * that was never established, which libcurl watches for writing, is dropped, because libcurl may
 * close it without notice. */
static void unwatch(struct pollset *set, const struct exchange *x, int fd, struct watched *state) {
  bool connected = state->flags & POLLER_IN && state->flags & OURS;
  /* The answer may have been there before libcurl waited to read. */
  if (state->flags & OURS && x != NULL && x->heard > 0) {
    watch(set, fd, state, POLLER_IN);
    state->flags &= ~(unsigned)WANTED;
    if (!exchange_is_paused(x)) state->flags |= IDLE;
  } else {
    drop(set, fd, state);
    if (!connected) state->flags = 0;
  }
}

/* CURLMOPT_SOCKETFUNCTION. Returning an error would end all exchanges, so if there is no memory for
 * the flags of a descriptor that libcurl opened itself, it is registered anew each time. */
// cppcheck-suppress constParameter ; libcurl sets the type
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *known) {
  struct lane *lane = user;
  struct pollset *set = lane->set;
  unsigned events = 0;
  struct watched unknown = {0}, *state = state_of(set, fd);
  struct exchange *x = NULL;
  (void)known;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&x);
  if (x != NULL) x->waited = true;
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) events |= POLLER_IN;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) events |= POLLER_OUT;
  if (state == NULL) {
    drop(set, fd, &unknown);
    state = &unknown;
    if (what == CURL_POLL_REMOVE) return 0;
  }
  state->lane = lane;
  if (what != CURL_POLL_REMOVE) return watch(set, fd, state, events);
  unwatch(set, x, fd, state);
  return 0;
}

void pollset_keep(struct pollset *set, const struct exchange *x) {
  curl_socket_t fd = CURL_SOCKET_BAD;
  if (x->waited) return;
  if (curl_easy_getinfo(x->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK) return;
  struct watched *state = fd == CURL_SOCKET_BAD ? NULL : state_of(set, fd);
  if (state == NULL || !(state->flags & OURS) || state->flags & INTEREST) return;
  state->lane = x->lane;
  watch(set, fd, state, POLLER_IN);
  state->flags = OURS | POLLER_IN | IDLE;
}

/* CURLMOPT_TIMERFUNCTION */
static int on_timer(CURLM *multi, long milliseconds, void *user) {
  struct lane *lane = user;
  (void)multi;
  lane->due = milliseconds < 0 ? 0 : clock_now() + (double)milliseconds / 1000;
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

void pollset_attach(struct lane *lane) {
  curl_multi_setopt(lane->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(lane->multi, CURLMOPT_SOCKETDATA, lane);
  curl_multi_setopt(lane->multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(lane->multi, CURLMOPT_TIMERDATA, lane);
}

/* Shuts down an idle connection that its peer closed or sent unrequested bytes on. libcurl would
 * take such bytes for the answer to the next request: before 8.1 always, and newer versions (seen
 * with 8.23) within a second after they last looked. After shutdown, with nothing left to read,
 * every version sees that the connection is dead. */
static void end_idle(struct pollset *set, int fd, struct watched *state) {
  char rest[4096];
  shutdown(fd, SHUT_RDWR);
  while (recv(fd, rest, sizeof rest, MSG_DONTWAIT) > 0) {
  }
  drop(set, fd, state);
}

/* The socket's own port; 0: not known. */
static long port_of(int fd) {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } name = {.any = {.sa_family = AF_UNSPEC}};
  socklen_t size = sizeof name;
  if (getsockname(fd, &name.any, &size) != 0) return 0;
  if (name.any.sa_family == AF_INET) return ntohs(name.v4.sin_port);
  return name.any.sa_family == AF_INET6 ? ntohs(name.v6.sin6_port) : 0;
}

/* An exchange may take an idle connection unnoticed: libcurl calls on_socket only when it begins or
 * stops to wait, which it does not if the answer is there at once and the exchange is paused.
 * CURLINFO_ACTIVESOCKET does not tell before an exchange is over, but its local port does. */
static bool is_taken(const struct list *members, int fd) {
  long port = port_of(fd);
  for (struct list *at = members->next; at != members && port != 0; at = at->next) {
    const struct exchange *x = LIST_MEMBER(at, struct exchange, member);
    long own = 0;
    if (!exchange_is_paused(x)) continue;
    if (curl_easy_getinfo(x->easy, CURLINFO_LOCAL_PORT, &own) == CURLE_OK && own == port)
      return true;
  }
  return false;
}

/* Must run before libcurl starts new exchanges, which might pick one of these connections. */
static void end_idles(struct pollset *set, const struct list *members) {
  for (int i = set->at; i < set->count; i++) {
    int fd = set->events[i].fd;
    struct watched *state = state_of(set, fd);
    if (state == NULL || !(state->flags & IDLE)) continue;
    if (is_taken(members, fd)) {
      state->flags &= ~(unsigned)IDLE;
      continue;
    }
    end_idle(set, fd, state);
  }
}

bool pollset_listen(struct pollset *set, int fd) {
  set->listens = poller_set(&set->poller, fd, 0, POLLER_IN) == 0;
  set->heard_from = fd;
  return set->listens;
}

static void tell(struct lane *lane, int fd, int what) {
  int running;
  if (lane->code == CURLM_OK)
    lane->code = curl_multi_socket_action(lane->multi, fd, what, &running);
}

/* A CURLM passes over a descriptor that is not its own. */
static void tell_all(struct lanes *lanes, int fd, int what) {
  for (struct list *at = lanes->all.next; at != &lanes->all; at = at->next)
    tell(lane_at(at), fd, what);
}

/* Handles one event. */
static void act(struct pollset *set, struct lanes *lanes, const struct poller_event *event) {
  int what = 0, fd = event->fd;
  if (fd < 0) return;
  if (set->listens && fd == set->heard_from) {
    set->heard = true;
    return;
  }
  struct watched *state = state_of(set, fd);
  if (state != NULL && !(state->flags & WANTED)) {
    drop(set, fd, state);
    return;
  }
  if (event->what & POLLER_IN) what |= CURL_CSELECT_IN;
  if (event->what & POLLER_OUT) what |= CURL_CSELECT_OUT;
  if (event->what & POLLER_ERROR) what |= CURL_CSELECT_ERR;
  if (state != NULL) tell(state->lane, fd, what);
  if (state == NULL) tell_all(lanes, fd, what);
}

static void fetch(struct pollset *set, double seconds) {
  set->at = 0;
  set->count = poller_wait(&set->poller, set->events, seconds);
}

/* Has each CURLM do what its timer has become due for. */
static void run_timers(struct lanes *lanes, double now) {
  for (struct list *at = lanes->all.next; at != &lanes->all; at = at->next) {
    struct lane *lane = lane_at(at);
    if (lane->due <= 0 || now < lane->due) continue;
    lane->due = 0;
    tell(lane, CURL_SOCKET_TIMEOUT, 0);
  }
}

/* libcurl starts new exchanges through its timer, before which idle connections must be looked at:
 * so timers run only right after events were fetched. Events left over from the last step are
 * handled before new ones are fetched, so that no socket starves; so are those that a wait has
 * fetched, unless an exchange may start now. */
void pollset_step(struct pollset *set, struct lanes *lanes, const struct list *members,
                  const struct activity *activity) {
  double now = clock_now(), due = lanes_due(lanes);
  bool is_due = due > 0 && now >= due;
  if (set->at == set->count || (is_due && set->at == 0)) fetch(set, 0);
  if (set->at == 0) {
    end_idles(set, members);
    if (is_due) run_timers(lanes, now);
  }
  while (set->at < set->count) {
    act(set, lanes, &set->events[set->at++]);
    if (activity->streams && activity_is_over(activity)) break;
  }
}

void pollset_wait(struct pollset *set, double seconds) {
  if (set->at == set->count) fetch(set, seconds);
}
