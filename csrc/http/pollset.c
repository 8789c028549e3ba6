/* The epoll set of an engine; see pollset.h. */
#include "http/pollset.h"
#include "base/clock.h"
#include "base/files.h"
#include "http/exchange.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What is known of a descriptor: the events that it is in the set for, whether libcurl waits for
 * them, whether it is a connection's, and whether that is idle: no transfer has it. */
enum { INTEREST = EPOLLIN | EPOLLOUT, IDLE = 0x20, WANTED = 0x40, OURS = 0x80 };

/* NULL when memory runs out. */
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

/* Takes it out of the set. */
static void drop(struct pollset *set, int fd, unsigned char *state) {
  struct epoll_event event = {0};
  epoll_ctl(set->epoll, EPOLL_CTL_DEL, fd, &event);
  *state &= OURS;
}

static int watch(struct pollset *set, int fd, unsigned char *state, uint32_t events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  unsigned before = *state & INTEREST;
  *state = (unsigned char)((*state & OURS) | events | WANTED);
  if (before == events) return 0;
  return epoll_ctl(set->epoll, before == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
}

/* libcurl's CURLOPT_OPENSOCKETFUNCTION; 7.88 leaves its sockets open over exec. Another socket of
 * this number may have been closed without a word. Room for its state is made here, where lack of
 * memory fails one connection, and not in `on_socket`, where libcurl would give up the CURLM. */
curl_socket_t pollset_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address) {
  int fd =
      files_raise(socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol));
  unsigned char *state = fd < 0 ? NULL : state_of(user, fd);
  (void)purpose;
  if (fd >= 0 && state == NULL) {
    close(fd);
    return CURL_SOCKET_BAD;
  }
  if (state != NULL) *state = OURS;
  return fd;
}

/* libcurl's CURLOPT_CLOSESOCKETFUNCTION. To be closed is not enough to leave the set: a forked
 * child may have the socket, too. */
int pollset_unsocket(void *user, curl_socket_t fd) {
  unsigned char *state = state_of(user, fd);
  if (state != NULL && *state & INTEREST) drop(user, fd, state);
  if (state != NULL) *state = 0;
  return close(fd);
}

/* libcurl waits for the socket no more. A connection that has brought an answer will mostly be
 * waited for again, in the same way, so it stays in the set (two system calls less for an exchange,
 * which are 5 % of a small one); and what it says while it is idle must be heard. Of one that never
 * came about, for which libcurl waits to be writable, it does not even tell when it closes it. */
static void unwatch(struct pollset *set, CURL *easy, int fd, unsigned char *state) {
  const struct exchange *x = NULL;
  bool connected = *state & EPOLLIN && *state & OURS;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&x);
  if (connected && x != NULL && x->heard > 0) {
    watch(set, fd, state, EPOLLIN);
    *state &= (unsigned char)~WANTED;
    if (!exchange_is_paused(x)) *state |= IDLE;
  } else {
    drop(set, fd, state);
    if (!connected) *state = 0;
  }
}

/* libcurl's CURLMOPT_SOCKETFUNCTION. A failure would end all exchanges; without room for the state
 * of a descriptor that is not ours, the set is told without looking what it knows. */
// cppcheck-suppress constParameter ; libcurl sets the type
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *known) {
  struct pollset *set = user;
  uint32_t events = 0;
  unsigned char unknown = 0, *state = state_of(set, fd);
  (void)known;
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) events |= EPOLLIN;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) events |= EPOLLOUT;
  if (state == NULL) {
    drop(set, fd, &unknown);
    state = &unknown;
    if (what == CURL_POLL_REMOVE) return 0;
  }
  if (what != CURL_POLL_REMOVE) return watch(set, fd, state, events);
  unwatch(set, easy, fd, state);
  return 0;
}

/* libcurl's CURLMOPT_TIMERFUNCTION */
static int on_timer(CURLM *multi, long milliseconds, void *user) {
  struct pollset *set = user;
  (void)multi;
  set->due = milliseconds < 0 ? 0 : clock_now() + (double)milliseconds / 1000;
  return 0;
}

bool pollset_open(struct pollset *set) {
  if (!set->open) set->epoll = files_raise(epoll_create1(EPOLL_CLOEXEC));
  set->open = set->epoll >= 0;
  return set->open;
}

void pollset_close(struct pollset *set) {
  if (set->open) close(set->epoll);
  free(set->states);
  *set = (struct pollset){0};
}

void pollset_attach(struct pollset *set, CURLM *multi) {
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, set);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, set);
}

/* An idle connection was closed by its peer, or says what nobody has asked for. libcurl before 8.1
 * would take that for the answer to the next request; of a socket that is shut down, with nothing
 * left to read, every version sees that it is dead. */
static void end_idle(struct pollset *set, int fd, unsigned char *state) {
  char rest[4096];
  shutdown(fd, SHUT_RDWR);
  while (recv(fd, rest, sizeof rest, MSG_DONTWAIT) > 0) {
  }
  drop(set, fd, state);
}

/* Has to come before libcurl begins what was added, and takes an idle connection for it. */
static void end_idles(struct pollset *set) {
  for (int i = set->at; i < set->count; i++) {
    int fd = set->events[i].data.fd;
    unsigned char *state = state_of(set, fd);
    if (state == NULL || !(*state & IDLE)) continue;
    end_idle(set, fd, state);
    set->events[i].data.fd = -1; /* the next connection may get its number */
  }
}

bool pollset_listen(struct pollset *set, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  set->listens = epoll_ctl(set->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
  set->heard_from = fd;
  return set->listens;
}

/* One socket's turn. */
static CURLMcode act(struct pollset *set, CURLM *multi, const struct epoll_event *event) {
  int what = 0, running, fd = event->data.fd;
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
  if (event->events & EPOLLIN) what |= CURL_CSELECT_IN;
  if (event->events & EPOLLOUT) what |= CURL_CSELECT_OUT;
  if (event->events & (EPOLLERR | EPOLLHUP)) what |= CURL_CSELECT_ERR;
  return curl_multi_socket_action(multi, fd, what, &running);
}

/* What is due is how libcurl begins what was added. Sockets that had no turn in the last step have
 * theirs before any other, so that none waits for ever. */
CURLMcode pollset_step(struct pollset *set, CURLM *multi, const struct activity *activity) {
  CURLMcode code = CURLM_OK;
  int running;
  if (set->at == set->count) {
    set->at = 0;
    set->count = epoll_wait(set->epoll, set->events, POLLSET_EVENTS, 0);
    if (set->count < 0) set->count = 0;
    end_idles(set);
  }
  if (set->due > 0 && clock_now() >= set->due) {
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
  struct epoll_event event;
  double due = set->due > 0 ? set->due - clock_now() : seconds;
  if (due < seconds) seconds = due;
  if (set->at < set->count || !(seconds > 0)) return;
  epoll_wait(set->epoll, &event, 1, (int)(seconds * 1000) + 1);
}
