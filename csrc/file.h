/* A customer's files: where the bytes of a transfer come from and where they go. Knows nothing of
 * HTTP. Nothing here calls Lua, so libcurl's callbacks may use it. */
#ifndef CONNECTPARTICIPANT_FILE_H
#define CONNECTPARTICIPANT_FILE_H

#include "fault.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>

struct source {
  int fd; /* -1: closed */
  off_t base;
  off_t size;
  struct timespec changed; /* mtime when it was opened */
};

/* Regular files only: a FIFO or device has no size, and could block for ever. */
bool source_open(struct source *source, const char *path, struct fault *fault);
/* From the handle's position on; the handle stays the caller's. */
bool source_open_handle(struct source *source, FILE *handle, struct fault *fault);
/* Reads at `at`. Fewer bytes than the file had, or another mtime, is a fault, and so is a file that
 * grew: it is looked at before its last byte is handed out. Returns -1 with a fault. */
ssize_t source_read(const struct source *source, char *out, size_t room, off_t at,
                    struct fault *fault);
void source_close(struct source *source);

struct sink {
  int fd; /* -1: closed */
  off_t base;
  off_t size;     /* bytes written */
  char *aside;    /* the file being written, NULL for a handle's */
  char *target;   /* what it becomes */
  unsigned owner; /* a forked child must not remove its parent's file */
  bool seekable;  /* whether it can begin again */
};

/* Opens a new file beside `path`. */
bool sink_open(struct sink *sink, const char *path, struct fault *fault);
bool sink_open_handle(struct sink *sink, FILE *handle, struct fault *fault);
bool sink_write(struct sink *sink, const char *data, size_t size, struct fault *fault);
/* Drops what has been written. */
bool sink_restart(struct sink *sink, struct fault *fault);
/* Brings the bytes to disk, and the file to its name. */
bool sink_commit(struct sink *sink, struct fault *fault);
/* Closes; what was not committed is gone. */
void sink_discard(struct sink *sink);

#endif
