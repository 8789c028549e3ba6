/* An eventfd on Linux, elsewhere a pipe; see bell.h. */
#include "base/bell.h"
#include "base/files.h"
#include "base/system.h"

#include <unistd.h>

#if SYSTEM_LINUX

#include <sys/eventfd.h>

bool bell_open(struct bell *bell) {
  bell->heard = bell->struck = files_raise(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  return bell->heard >= 0;
}

void bell_ring(const struct bell *bell) {
  if (bell->struck >= 0) eventfd_write(bell->struck, 1);
}

void bell_hush(const struct bell *bell) {
  eventfd_t count;
  if (bell->heard >= 0) eventfd_read(bell->heard, &count);
}

void bell_close(struct bell *bell) {
  if (bell->heard >= 0) close(bell->heard);
  *bell = (struct bell)BELL_NONE;
}

#else

#include <errno.h>
#include <fcntl.h>

/* Makes the descriptor close-on-exec and non-blocking. */
static int prepared(int fd) {
  fd = files_raise(fd);
  if (fd >= 0) fcntl(fd, F_SETFD, FD_CLOEXEC);
  if (fd >= 0) fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

bool bell_open(struct bell *bell) {
  int ends[2];
  *bell = (struct bell)BELL_NONE;
  if (pipe(ends) != 0) return false;
  bell->heard = prepared(ends[0]);
  bell->struck = prepared(ends[1]);
  if (bell->heard >= 0 && bell->struck >= 0) return true;
  int number = errno;
  bell_close(bell);
  errno = number;
  return false;
}

/* A full pipe rings already. */
void bell_ring(const struct bell *bell) {
  if (bell->struck < 0) return;
  while (write(bell->struck, "", 1) < 0 && errno == EINTR) {
  }
}

void bell_hush(const struct bell *bell) {
  char rest[64];
  ssize_t got = 1;
  while (bell->heard >= 0 && (got > 0 || (got < 0 && errno == EINTR)))
    got = read(bell->heard, rest, sizeof rest);
}

void bell_close(struct bell *bell) {
  if (bell->heard >= 0) close(bell->heard);
  if (bell->struck >= 0) close(bell->struck);
  *bell = (struct bell)BELL_NONE;
}

#endif
