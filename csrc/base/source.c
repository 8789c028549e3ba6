/* Reading an upload's file; see source.h. */
#include "base/source.h"
#include "base/system.h"
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static bool examine(struct source *source, const char *name, struct fault *fault) {
  struct stat status;
  if (fstat(source->fd, &status) != 0) {
    fault_set_errno(fault, "source", "cannot look at", name, errno);
  } else if (!S_ISREG(status.st_mode)) {
    fault_set(fault, "source", S_ISDIR(status.st_mode) ? "EISDIR" : "NotAFile",
              "%s is %s, and only a file has a size", name, files_kind(status.st_mode));
  } else if (status.st_size <= source->base) {
    fault_set(fault, "validation", "ParamValidationError",
              "%s has no bytes%s: an attachment has at least 1", name,
              source->base > 0 ? " left" : "");
  } else {
    source->size = status.st_size - source->base;
    source->opened = status;
    return true;
  }
  source_close(source);
  return false;
}

bool source_open(struct source *source, const char *path, struct fault *fault) {
  *source = (struct source){.fd = -1};
  /* Without O_NONBLOCK, opening a FIFO would block until it has a writer. */
  source->fd = files_open(path, O_RDONLY | O_NONBLOCK, 0);
  if (source->fd < 0) {
    fault_set_errno(fault, "source", "cannot open", path, errno);
    return false;
  }
  return examine(source, path, fault);
}

bool source_open_handle(struct source *source, FILE *handle, struct fault *fault) {
  *source = (struct source){.fd = -1};
  off_t position = ftello(handle);
  source->fd = files_duplicate(fileno(handle));
  if (source->fd < 0) {
    fault_set_errno(fault, "source", "cannot read the file handle", NULL, errno);
    return false;
  }
  source->base = position < 0 ? 0 : position;
  return examine(source, "the file handle", fault);
}

static bool is_same(const struct timespec *one, const struct timespec *other) {
  return one->tv_sec == other->tv_sec && one->tv_nsec == other->tv_nsec;
}

/* A program can set the mtime back after writing, but not the ctime. Linking or unlinking the file
 * changes the ctime as well, harmlessly, so a new ctime counts only if the link count is still the
 * same. */
static bool is_unchanged(const struct source *source, struct fault *fault) {
  struct stat now;
  const struct stat *then = &source->opened;
  if (fstat(source->fd, &now) != 0) {
    fault_set_errno(fault, "source", "cannot look at the file", NULL, errno);
    return false;
  }
  bool renamed = now.st_nlink != then->st_nlink;
  bool same = now.st_size == then->st_size && now.st_ino == then->st_ino &&
              now.st_dev == then->st_dev && is_same(&now.st_mtim, &then->st_mtim) &&
              (renamed || is_same(&now.st_ctim, &then->st_ctim));
  if (!same) fault_set(fault, "source", "SourceChanged", "the file changed while it was read");
  return same;
}

ssize_t source_read(const struct source *source, char *out, size_t room, off_t at,
                    struct fault *fault) {
  off_t left = source->size - at;
  size_t wanted = (off_t)room < left ? room : (size_t)left;
  ssize_t got;
  do {
    got = pread(source->fd, out, wanted, source->base + at);
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    fault_set_errno(fault, "source", "cannot read the file", NULL, errno);
    return -1;
  }
  if (got == 0 && wanted > 0) {
    fault_set(fault, "source", "SourceChanged", "the file became shorter while it was read");
    return -1;
  }
  if (at + got == source->size && !is_unchanged(source, fault)) return -1;
  return got;
}

void source_close(struct source *source) {
  if (source->fd >= 0) close(source->fd);
  source->fd = -1;
}
