/* A thread that waits with epoll; see watcher.h. */
#include "base/watcher.h"
#include "base/system.h"

#include <errno.h>
#include <stddef.h>

#if SYSTEM_LINUX

#include "base/files.h"
#include "base/forks.h"
#include "base/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct watcher {
  unsigned owner;   /* forks_count() of the process whose thread it is */
  char path[64];    /* the socket's, "" without one */
  size_t directory; /* how much of it is the directory's */
  int listener;     /* -1: closed */
  int own;          /* our end of the connection; -1: there is none */
  int epoll;
  bool served; /* the thread was started */
  pthread_t thread;
};

/* Where directories can usually be made; the first that works is taken. */
static const char *const places[] = {"/tmp", "/var/tmp", "/dev/shm"};

static bool make_directory(struct watcher *watcher) {
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    snprintf(watcher->path, sizeof watcher->path, "%s/connectparticipant-XXXXXX", places[i]);
    if (mkdtemp(watcher->path) != NULL) {
      watcher->directory = strlen(watcher->path);
      return true;
    }
  }
  watcher->path[0] = '\0';
  return false;
}

static bool listen_there(struct watcher *watcher) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  int kind = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
  size_t at = watcher->directory;
  snprintf(watcher->path + at, sizeof watcher->path - at, "/wake");
  memcpy(name.sun_path, watcher->path, strlen(watcher->path) + 1);
  watcher->listener = files_raise(socket(AF_UNIX, kind, 0));
  return watcher->listener >= 0 &&
         bind(watcher->listener, (struct sockaddr *)&name, sizeof name) == 0 &&
         listen(watcher->listener, 1) == 0;
}

/* Ends listening and removes the socket: no one else can connect. */
static void hide(struct watcher *watcher) {
  if (watcher->listener >= 0) close(watcher->listener);
  watcher->listener = -1;
  if (watcher->path[0] == '\0' || watcher->owner != forks_count()) return;
  unlink(watcher->path);
  watcher->path[watcher->directory] = '\0';
  rmdir(watcher->path);
  watcher->path[0] = '\0';
}

struct watcher *watcher_new(void) {
  struct watcher *watcher = calloc(1, sizeof *watcher);
  if (watcher == NULL) return NULL;
  watcher->owner = forks_count();
  watcher->listener = watcher->own = -1;
  watcher->epoll = files_raise(epoll_create1(EPOLL_CLOEXEC));
  if (watcher->epoll >= 0 && make_directory(watcher) && listen_there(watcher)) return watcher;
  int number = errno;
  watcher_free(watcher);
  errno = number;
  return NULL;
}

const char *watcher_path(const struct watcher *watcher) {
  return watcher->path;
}

static bool is_of_this_process(int fd) {
  struct ucred peer = {0};
  socklen_t size = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == getpid();
}

/* The thread's function: ends when either side has closed the connection. */
static void *serve(void *argument) {
  const struct watcher *watcher = argument;
  struct epoll_event events[16];
  for (;;) {
    int count = epoll_wait(watcher->epoll, events, sizeof events / sizeof *events, -1);
    if (count < 0 && errno != EINTR) return NULL;
    for (int i = 0; i < count; i++)
      if (events[i].data.fd == watcher->own) return NULL;
    if (count > 0) watcher_ring(watcher);
  }
}

bool watcher_start(struct watcher *watcher) {
  int kind = SOCK_CLOEXEC | SOCK_NONBLOCK;
  if (watcher->owner != forks_count() || watcher->served) {
    errno = EINVAL;
    return false;
  }
  watcher->own = files_raise(accept4(watcher->listener, NULL, NULL, kind));
  int number = errno;
  hide(watcher);
  struct epoll_event event = {.events = EPOLLRDHUP, .data.fd = watcher->own};
  if (watcher->own >= 0) {
    if (!is_of_this_process(watcher->own)) {
      number = EPERM;
    } else if (epoll_ctl(watcher->epoll, EPOLL_CTL_ADD, watcher->own, &event) != 0) {
      number = errno;
    } else {
      number = thread_start(&watcher->thread, serve, watcher);
      watcher->served = number == 0;
    }
  }
  errno = number;
  return watcher->served;
}

/* One event each time, because nothing is read here: it would stay readable, and the thread would
 * not rest. */
bool watcher_arm(struct watcher *watcher, int fd) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = fd};
  if (watcher->owner != forks_count()) return false;
  if (epoll_ctl(watcher->epoll, EPOLL_CTL_MOD, fd, &event) == 0) return true;
  return errno == ENOENT && epoll_ctl(watcher->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* If there is no room for a byte, earlier ones have not been read yet, and wake the reader. */
void watcher_ring(const struct watcher *watcher) {
  while (send(watcher->own, "", 1, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

void watcher_free(struct watcher *watcher) {
  if (watcher == NULL) return;
  hide(watcher);
  /* A forked child has no thread, and its parent's connection must go on. */
  if (watcher->served && watcher->owner == forks_count()) {
    shutdown(watcher->own, SHUT_RDWR);
    pthread_join(watcher->thread, NULL);
  }
  if (watcher->own >= 0) close(watcher->own);
  if (watcher->epoll >= 0) close(watcher->epoll);
  free(watcher);
}

#else

struct watcher *watcher_new(void) {
  errno = ENOSYS;
  return NULL;
}

const char *watcher_path(const struct watcher *watcher) {
  (void)watcher;
  return "";
}

bool watcher_start(struct watcher *watcher) {
  (void)watcher;
  errno = ENOSYS;
  return false;
}

bool watcher_arm(struct watcher *watcher, int fd) {
  (void)watcher;
  (void)fd;
  return false;
}

void watcher_ring(const struct watcher *watcher) {
  (void)watcher;
}

void watcher_free(struct watcher *watcher) {
  (void)watcher;
}

#endif
