/* What an engine waits for: libcurl's sockets in one epoll set, and its next moment. Hosts with an
 * event loop of their own poll that set, too. */
#include "http/engine.h"
#include "base/clock.h"
#include "base/forks.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 64 };

/* What is known of a descriptor: the events that it is in the set for, whether libcurl waits for
 * them, and whether it is a connection's. */
enum { INTEREST = EPOLLIN | EPOLLOUT, WANTED = 0x40, OURS = 0x80 };

static unsigned char *state_of(struct engine *engine, int fd) {
  size_t needed = (size_t)fd + 1, known = engine->states.size;
  if (needed > known) {
    if (!buffer_reserve(&engine->states, needed - known)) return NULL;
    memset(engine->states.data + known, 0, needed - known);
    engine->states.size = needed;
  }
  return (unsigned char *)&engine->states.data[fd];
}

/* Takes it out of the set. */
static void forget(struct engine *engine, int fd, unsigned char *state) {
  struct epoll_event event = {0};
  epoll_ctl(engine->epoll, EPOLL_CTL_DEL, fd, &event);
  *state &= OURS;
}

/* libcurl's CURLOPT_OPENSOCKETFUNCTION; 7.88 leaves its sockets open over exec. Another socket of
 * this number may have been closed without a word. */
curl_socket_t engine_poll_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address) {
  int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  unsigned char *state = fd < 0 ? NULL : state_of(user, fd);
  (void)purpose;
  if (state != NULL) *state = OURS;
  return fd;
}

/* libcurl's CURLOPT_CLOSESOCKETFUNCTION. To be closed is not enough to leave the set: a forked
 * child may have the socket, too. */
int engine_poll_unsocket(void *user, curl_socket_t fd) {
  unsigned char *state = state_of(user, fd);
  if (state != NULL && *state & INTEREST) forget(user, fd, state);
  if (state != NULL) *state = 0;
  return close(fd);
}

/* libcurl waits for the socket no more. A connection that has brought an answer will mostly be
 * waited for again, in the same way: it stays in the set until it has something to say that nobody
 * wants to hear. Of one that never came about, for which libcurl waits to be writable, it does not
 * even tell when it closes it. */
static void unwatch(struct engine *engine, CURL *easy, int fd, unsigned char *state) {
  struct exchange *x = NULL;
  bool connected = (*state & (INTEREST | OURS)) == (EPOLLIN | OURS);
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&x);
  if (connected && x != NULL && x->heard > 0) {
    *state &= (unsigned char)~WANTED;
  } else {
    forget(engine, fd, state);
    if (!connected) *state = 0;
  }
}

static int watch(struct engine *engine, int fd, unsigned char *state, uint32_t events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  unsigned before = *state & INTEREST;
  *state = (unsigned char)((*state & OURS) | events | WANTED);
  if (before == events) return 0;
  return epoll_ctl(engine->epoll, before == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
}

/* libcurl's CURLMOPT_SOCKETFUNCTION */
// cppcheck-suppress constParameter ; libcurl sets the type
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *known) {
  uint32_t events = 0;
  unsigned char *state = state_of(user, fd);
  (void)known;
  if (state == NULL) return -1;
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) events |= EPOLLIN;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) events |= EPOLLOUT;
  if (what != CURL_POLL_REMOVE) return watch(user, fd, state, events);
  unwatch(user, easy, fd, state);
  return 0;
}

/* libcurl's CURLMOPT_TIMERFUNCTION */
static int on_timer(CURLM *multi, long milliseconds, void *user) {
  struct engine *engine = user;
  (void)multi;
  engine->due = milliseconds < 0 ? 0 : clock_now() + (double)milliseconds / 1000;
  return 0;
}

bool engine_poll_open(struct engine *engine) {
  /* A forked child would share the set with its parent. */
  if (engine->owner != forks_count()) engine_poll_close(engine);
  engine->owner = forks_count();
  if (!engine->has_epoll) engine->epoll = epoll_create1(EPOLL_CLOEXEC);
  engine->has_epoll = engine->epoll >= 0;
  return engine->has_epoll;
}

void engine_poll_attach(struct engine *engine) {
  curl_multi_setopt(engine->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(engine->multi, CURLMOPT_SOCKETDATA, engine);
  curl_multi_setopt(engine->multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(engine->multi, CURLMOPT_TIMERDATA, engine);
}

/* What is due comes first: it is how libcurl begins what was added. */
CURLMcode engine_poll_step(struct engine *engine) {
  struct epoll_event events[EVENTS];
  CURLMcode code = CURLM_OK;
  int running;
  if (engine->due > 0 && clock_now() >= engine->due) {
    engine->due = 0;
    code = curl_multi_socket_action(engine->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  }
  int count = epoll_wait(engine->epoll, events, EVENTS, 0);
  for (int i = 0; i < count && code == CURLM_OK; i++) {
    int what = 0, fd = events[i].data.fd;
    unsigned char *state = state_of(engine, fd);
    if (state != NULL && !(*state & WANTED)) {
      forget(engine, fd, state);
      continue;
    }
    if (events[i].events & EPOLLIN) what |= CURL_CSELECT_IN;
    if (events[i].events & EPOLLOUT) what |= CURL_CSELECT_OUT;
    if (events[i].events & (EPOLLERR | EPOLLHUP)) what |= CURL_CSELECT_ERR;
    code = curl_multi_socket_action(engine->multi, fd, what, &running);
  }
  return code;
}

void engine_poll_wait(struct engine *engine, double seconds) {
  struct epoll_event event;
  double due = engine->due > 0 ? engine->due - clock_now() : seconds;
  if (due < seconds) seconds = due;
  if (seconds > 0) epoll_wait(engine->epoll, &event, 1, (int)(seconds * 1000) + 1);
}

int engine_pollfd(struct engine *engine) {
  if (engine->closed) return -1;
  engine_is_ours(engine); /* after a fork it begins anew */
  return engine_poll_open(engine) ? engine->epoll : -1;
}

double engine_timeout(struct engine *engine) {
  if (!engine_is_ours(engine) || engine->active == 0) return -1;
  if (engine->moved) return 0;
  double moment = engine->next_look;
  if (engine->due > 0 && engine->due < moment) moment = engine->due;
  double seconds = moment - clock_now();
  return seconds > 0 ? seconds : 0;
}

void engine_poll_close(struct engine *engine) {
  if (engine->has_epoll) close(engine->epoll);
  engine->has_epoll = false;
  buffer_free(&engine->states);
  engine->due = 0;
}
