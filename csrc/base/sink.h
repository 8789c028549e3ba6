/* Where a download's bytes go, when it is a customer's file. Knows nothing of HTTP. Nothing here
 * calls Lua, so libcurl's callbacks may use it. */
#ifndef CONNECTPARTICIPANT_SINK_H
#define CONNECTPARTICIPANT_SINK_H

#include "base/failure.h"
#include "base/hidden.h"
#include "base/output.h"

HIDDEN_BEGIN

struct sink {
  int fd;         /* -1: closed */
  off_t size;     /* bytes written */
  unsigned owner; /* a forked child must not remove its parent's file */
  struct output output;
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

HIDDEN_END

#endif
