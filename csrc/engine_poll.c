/* What an engine waits for: libcurl's sockets in one epoll set, and its next moment. Hosts with an
 * event loop of their own poll that set, too. */
#include "engine.h"

#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS = 64 };

/* libcurl's CURLMOPT_SOCKETFUNCTION; `known` is not NULL for a socket that is in the set. */
// cppcheck-suppress constParameter ; libcurl sets the type
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *known) {
  struct engine *engine = user;
  struct epoll_event event = {.data.fd = fd};
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) event.events |= EPOLLIN;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) event.events |= EPOLLOUT;
  (void)easy;
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(engine->epoll, EPOLL_CTL_DEL, fd, &event);
    return 0;
  }
  curl_multi_assign(engine->multi, fd, engine);
  return epoll_ctl(engine->epoll, known == NULL ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
}

/* libcurl's CURLMOPT_TIMERFUNCTION */
static int on_timer(CURLM *multi, long milliseconds, void *user) {
  struct engine *engine = user;
  (void)multi;
  engine->due = milliseconds < 0 ? 0 : exchange_now() + (double)milliseconds / 1000;
  return 0;
}

bool engine_poll_open(struct engine *engine) {
  /* A forked child would share the set with its parent. */
  if (engine->owner != getpid()) engine_poll_close(engine);
  engine->owner = getpid();
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
  if (engine->due > 0 && exchange_now() >= engine->due) {
    engine->due = 0;
    code = curl_multi_socket_action(engine->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  }
  int count = epoll_wait(engine->epoll, events, EVENTS, 0);
  for (int i = 0; i < count && code == CURLM_OK; i++) {
    int what = 0;
    if (events[i].events & EPOLLIN) what |= CURL_CSELECT_IN;
    if (events[i].events & EPOLLOUT) what |= CURL_CSELECT_OUT;
    if (events[i].events & (EPOLLERR | EPOLLHUP)) what |= CURL_CSELECT_ERR;
    code = curl_multi_socket_action(engine->multi, events[i].data.fd, what, &running);
  }
  return code;
}

void engine_poll_wait(struct engine *engine, double seconds) {
  struct epoll_event event;
  double due = engine->due > 0 ? engine->due - exchange_now() : seconds;
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
  double seconds = moment - exchange_now();
  return seconds > 0 ? seconds : 0;
}

void engine_poll_close(struct engine *engine) {
  if (engine->has_epoll) close(engine->epoll);
  engine->has_epoll = false;
  engine->due = 0;
}
