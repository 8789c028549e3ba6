/* Where a download's bytes go; see sink.h. */
#include "base/sink.h"
#include "base/files.h"
#include "base/forks.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The path that a rename has to hit: of a symbolic link, what it points to. */
static char *real_target(const char *path) {
  struct stat status;
  bool is_link = lstat(path, &status) == 0 && S_ISLNK(status.st_mode);
  char *real = is_link ? realpath(path, NULL) : NULL;
  return real != NULL ? real : strdup(path);
}

/* A name in the target's directory, so that the rename stays on one file system. */
static char *aside_of(const char *target) {
  char uuid[UUID_SIZE];
  const char *slash = strrchr(target, '/');
  size_t directory = slash == NULL ? 0 : (size_t)(slash + 1 - target);
  size_t size = directory + sizeof ".connectparticipant-.part" + UUID_SIZE;
  char *aside = malloc(size);
  if (aside == NULL) return NULL;
  random_uuid(uuid);
  snprintf(aside, size, "%.*s.connectparticipant-%s.part", (int)directory, target, uuid);
  return aside;
}

bool sink_open(struct sink *sink, const char *path, struct fault *fault) {
  *sink = (struct sink){.fd = -1, .owner = forks_count(), .seekable = true};
  struct stat status;
  sink->target = real_target(path);
  bool exists = sink->target != NULL && stat(sink->target, &status) == 0;
  if (exists && !S_ISREG(status.st_mode)) {
    fault_set(fault, "sink", S_ISDIR(status.st_mode) ? "EISDIR" : "NotAFile", "%s is %s", path,
              files_kind(status.st_mode));
    sink_discard(sink);
    return false;
  }
  sink->aside = sink->target == NULL ? NULL : aside_of(sink->target);
  if (sink->aside == NULL) {
    fault_set_errno(fault, "sink", "cannot write", path, ENOMEM);
    sink_discard(sink);
    return false;
  }
  /* What replaces a private file must not be readable by others even for a moment. */
  mode_t mode = exists ? status.st_mode & 0777 : 0666;
  sink->fd = open(sink->aside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (sink->fd < 0) {
    int number = errno;
    free(sink->aside); /* it is not ours to remove */
    sink->aside = NULL;
    fault_set_errno(fault, "sink", "cannot write", path, number);
    sink_discard(sink);
    return false;
  }
  if (exists && fchmod(sink->fd, mode) != 0) {
    fault_set_errno(fault, "sink", "cannot keep the mode of", path, errno);
    sink_discard(sink);
    return false;
  }
  return true;
}

bool sink_open_handle(struct sink *sink, FILE *handle, struct fault *fault) {
  *sink = (struct sink){.fd = -1, .owner = forks_count()};
  if (fflush(handle) != 0) {
    fault_set_errno(fault, "sink", "cannot write to the file handle", NULL, errno);
    return false;
  }
  sink->fd = fcntl(fileno(handle), F_DUPFD_CLOEXEC, 3);
  int flags = sink->fd < 0 ? -1 : fcntl(sink->fd, F_GETFL);
  if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) {
    fault_set_errno(fault, "sink", "cannot write to the file handle", NULL,
                    flags < 0 ? errno : EBADF);
    sink_discard(sink);
    return false;
  }
  struct stat status;
  sink->base = lseek(sink->fd, 0, SEEK_CUR);
  sink->seekable = sink->base >= 0 && fstat(sink->fd, &status) == 0 && S_ISREG(status.st_mode);
  return true;
}

bool sink_write(struct sink *sink, const char *data, size_t size, struct fault *fault) {
  while (size > 0) {
    ssize_t wrote = write(sink->fd, data, size);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) {
      fault_set_errno(fault, "sink", "cannot write the file", NULL, errno);
      return false;
    }
    data += wrote;
    size -= (size_t)wrote;
    sink->size += wrote;
  }
  return true;
}

bool sink_restart(struct sink *sink, struct fault *fault) {
  if (sink->size == 0) return true;
  if (!sink->seekable) {
    fault_set(fault, "sink", "ESPIPE", "what has been written cannot be taken back");
    return false;
  }
  if (ftruncate(sink->fd, sink->base) != 0 || lseek(sink->fd, sink->base, SEEK_SET) < 0) {
    fault_set_errno(fault, "sink", "cannot begin the file again", NULL, errno);
    return false;
  }
  sink->size = 0;
  return true;
}

/* A rename lasts only once its directory is on disk. */
static bool sync_directory(const char *path) {
  char *copy = strdup(path);
  int fd = copy == NULL ? -1 : open(dirname(copy), O_RDONLY | O_CLOEXEC | O_DIRECTORY);
  free(copy);
  if (fd < 0) return false;
  /* Some file systems cannot sync a directory, and say EINVAL. */
  bool good = fsync(fd) == 0 || errno == EINVAL;
  close(fd);
  return good;
}

bool sink_commit(struct sink *sink, struct fault *fault) {
  if (sink->aside == NULL) {
    sink_discard(sink);
    return true;
  }
  if (fsync(sink->fd) != 0) {
    fault_set_errno(fault, "sink", "cannot bring to disk", sink->target, errno);
  } else if (rename(sink->aside, sink->target) != 0) {
    fault_set_errno(fault, "sink", "cannot rename to", sink->target, errno);
  } else {
    free(sink->aside);
    sink->aside = NULL;
    if (!sync_directory(sink->target))
      fault_set_errno(fault, "sink", "cannot bring to disk", sink->target, errno);
  }
  bool good = fault->kind == NULL;
  sink_discard(sink);
  return good;
}

void sink_discard(struct sink *sink) {
  if (sink->fd >= 0) close(sink->fd);
  if (sink->aside != NULL && sink->owner == forks_count()) unlink(sink->aside);
  free(sink->aside);
  free(sink->target);
  sink->fd = -1;
  sink->aside = sink->target = NULL;
}
