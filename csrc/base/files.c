/* Opening files; see files.h. */
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { FIRST_OF_OURS = 3 };

const char *files_kind(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a FIFO or pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

int files_duplicate(int fd) {
  return fcntl(fd, F_DUPFD_CLOEXEC, FIRST_OF_OURS);
}

int files_raise(int fd) {
  if (fd < 0 || fd >= FIRST_OF_OURS) return fd;
  int raised = files_duplicate(fd);
  int number = errno;
  close(fd);
  errno = number;
  return raised;
}

int files_open(const char *path, int flags, mode_t mode) {
  return files_raise(open(path, flags | O_CLOEXEC | O_NOCTTY, mode));
}

static ssize_t read_all(int fd, char *out, size_t room) {
  size_t size = 0;
  while (size < room) {
    ssize_t got = read(fd, out + size, room - size);
    if (got < 0 && errno != EINTR) return -1;
    if (got == 0) break;
    if (got > 0) size += (size_t)got;
  }
  return (ssize_t)size;
}

ssize_t files_read(const char *path, char *out, size_t room) {
  struct stat status;
  /* Without O_NONBLOCK, opening a FIFO would block until it has a writer. */
  int fd = files_open(path, O_RDONLY | O_NONBLOCK, 0);
  if (fd < 0) return -1;
  ssize_t got = fstat(fd, &status);
  if (got == 0 && !S_ISREG(status.st_mode)) {
    errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    got = -1;
  }
  if (got == 0) got = read_all(fd, out, room);
  int number = errno;
  close(fd);
  errno = number;
  return got;
}
