/* The file that a download is written to, one call after the other; each may block. Knows nothing
 * of queues and threads.
 *
 * What a caller's file handle keeps, whatever its mode:
 * - A regular file is written from the handle's position on, over what stands behind that, as
 *   file:write would. Nothing before it, and nothing behind the download's last byte, changes.
 * - With O_APPEND it is written at the file's end.
 * - To begin again, we go back to where our first byte is, and cut off those of our bytes by which
 *   the file grew. What anybody else wrote is never cut off or written over: if the file grew
 *   or shrank by another hand, or the position of the handle was moved, that is an error, here and
 *   on the next write. (There is no lock: a stranger who writes in the microsecond between our look
 *   and our write is noticed only after it.)
 * - Anything else (pipe, socket, terminal) cannot begin again.
 * - After success the handle's position is behind the last byte. */
#ifndef CONNECTPARTICIPANT_OUTPUT_H
#define CONNECTPARTICIPANT_OUTPUT_H

#include "base/failure.h"
#include "base/hidden.h"
#include "base/newfile.h"

#include <stdio.h>
#include <sys/types.h>

HIDDEN_BEGIN

enum output_kind { OUTPUT_PLACED, OUTPUT_POSITIONED, OUTPUT_APPENDED, OUTPUT_STREAM };

struct output {
  enum output_kind kind;
  int fd;        /* -1: closed */
  bool begun;    /* `base` and `end` are known */
  off_t base;    /* where our first byte is */
  off_t end;     /* where the file ended before that was written */
  off_t written; /* our bytes */
  struct newfile file;
};

bool output_open(struct output *output, const char *path, struct fault *fault);
/* The handle stays the caller's. */
bool output_open_handle(struct output *output, FILE *handle, struct fault *fault);
/* Returns how many bytes were written, or -1 with a fault. 0: the stream takes none yet. */
ssize_t output_write(struct output *output, const char *data, size_t size, struct fault *fault);
bool output_restart(struct output *output, struct fault *fault);
/* Everything has been written: brings it to disk, where it has a path. */
bool output_sync(struct output *output, struct fault *fault);
/* Then the path gets its file. */
bool output_finish(struct output *output, struct fault *fault);
/* Forgets the path, which then stays as it was. */
void output_unname(struct output *output);
/* Closes; a path that did not get its file stays as it was. */
void output_close(struct output *output);
/* The same in a forked child, whose parent goes on with the file. */
void output_abandon(struct output *output);

HIDDEN_END

#endif
