/* What a download is written to: a file or, for a string of the caller's, memory. Every call may
 * block; queue and thread are sink.h's.
 *
 * What is guaranteed for a caller's file handle, whatever its mode:
 * - A regular file is overwritten from the handle's position on, as file:write would. Bytes before
 *   that position and after the download's last byte do not change.
 * - With O_APPEND, bytes go to the file's end.
 * - A restart goes back to our first byte and truncates what our bytes added to the file. Another
 *   program's bytes are never truncated or overwritten: if somebody else grew or shrank the file or
 *   moved the handle's position, the restart or the next write fails. (There is no lock: a write
 *   between our check and our own write is noticed only afterwards.)
 * - Anything else (pipe, socket, terminal) cannot be restarted.
 * - After success the handle's position is just past the last byte. */
#ifndef CONNECTPARTICIPANT_OUTPUT_H
#define CONNECTPARTICIPANT_OUTPUT_H

#include "base/buffer.h"
#include "base/failure.h"
#include "base/hidden.h"
#include "base/newfile.h"

#include <stdio.h>
#include <sys/types.h>

HIDDEN_BEGIN

enum output_kind {
  OUTPUT_PLACED,
  OUTPUT_POSITIONED,
  OUTPUT_APPENDED,
  OUTPUT_STREAM,
  OUTPUT_MEMORY
};

struct output {
  enum output_kind kind;
  int fd;        /* -1: closed, or memory */
  bool begun;    /* `base` and `end` are known */
  off_t base;    /* offset of our first byte */
  off_t end;     /* the file's size before we wrote */
  off_t written; /* bytes that we wrote */
  struct newfile file;
  struct buffer memory;
};

bool output_open(struct output *output, const char *path, struct fault *fault);
void output_open_memory(struct output *output);
/* The handle stays the caller's. */
bool output_open_handle(struct output *output, FILE *handle, struct fault *fault);
/* Returns how many bytes were written, or -1 with a fault. 0: the stream is not ready for more. */
ssize_t output_write(struct output *output, const char *data, size_t size, struct fault *fault);
/* Waits at most `wait` milliseconds for a stream's reader; anything else is always ready. */
bool output_is_ready(const struct output *output, int wait);
/* False, with a fault, for a stream. */
bool output_can_restart(const struct output *output, struct fault *fault);
bool output_restart(struct output *output, struct fault *fault);
/* Call after the last write. Syncs a file that has a path to disk; sets a handle's position. */
bool output_sync(struct output *output, struct fault *fault);
/* Call after output_sync. Moves the file to its path and syncs the directory. */
bool output_finish(struct output *output, struct fault *fault);
/* The bytes of an OUTPUT_MEMORY, which is empty then; the caller frees them. */
struct buffer output_take(struct output *output);
/* Removes the temporary file; the path stays as it was. */
void output_unname(struct output *output);
/* Closes. Without output_finish, the path stays as it was. */
void output_close(struct output *output);
/* For a forked child: closes its copy of the descriptor without touching the parent's file. */
void output_abandon(struct output *output);

HIDDEN_END

#endif
