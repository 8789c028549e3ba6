/* Stands for a busy machine and a fast peer. Loaded before the C library: each look at a clock
 * takes half a millisecond, send(2) returns only when there is an answer to read, and poll(2) waits
 * a little for more of it although the caller would not wait at all. */
#include <dlfcn.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { ANSWER = 5000, MORE = 200 }; /* milliseconds */
enum { LOOK = 500000, SECOND = 1000000000 };

static void *next(const char *name) {
  return dlsym(RTLD_NEXT, name);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  static long long looks;
  int (*real)(clockid_t, struct timespec *);
  void *symbol = next("clock_gettime");
  memcpy(&real, &symbol, sizeof real);
  int result = real(clock, now);
  if (clock != CLOCK_MONOTONIC) return result;
  long long nanoseconds = now->tv_nsec + LOOK * __atomic_add_fetch(&looks, 1, __ATOMIC_RELAXED);
  now->tv_sec += nanoseconds / SECOND;
  now->tv_nsec = nanoseconds % SECOND;
  return result;
}

int poll(struct pollfd *entries, nfds_t count, int timeout) {
  int (*real)(struct pollfd *, nfds_t, int);
  void *symbol = next("poll");
  memcpy(&real, &symbol, sizeof real);
  return real(entries, count, timeout == 0 ? MORE : timeout);
}

/* What poll becomes with _FORTIFY_SOURCE. */
int __poll_chk(struct pollfd *entries, nfds_t count, int timeout, size_t size);

int __poll_chk(struct pollfd *entries, nfds_t count, int timeout, size_t size) {
  (void)size;
  return poll(entries, count, timeout);
}

ssize_t send(int fd, const void *data, size_t size, int flags) {
  ssize_t (*real)(int, const void *, size_t, int);
  void *symbol = next("send");
  struct pollfd entry = {.fd = fd, .events = POLLIN};
  memcpy(&real, &symbol, sizeof real);
  ssize_t sent = real(fd, data, size, flags);
  if (sent > 0) poll(&entry, 1, ANSWER);
  return sent;
}
