/* Where the bytes of an upload from a file come from. Nothing here calls Lua, so libcurl's
 * callbacks may use it. */
#ifndef CONNECTPARTICIPANT_SOURCE_H
#define CONNECTPARTICIPANT_SOURCE_H

#include "base/failure.h"
#include "base/hidden.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>

HIDDEN_BEGIN

struct source {
  int fd; /* -1: closed */
  off_t base;
  off_t size;
  struct stat opened; /* fstat at opening */
};

/* Accepts regular files only: a FIFO or device has no size and could block for ever. */
bool source_open(struct source *source, const char *path, struct fault *fault);
/* Reads from the handle's position on, through a duplicate descriptor; the caller keeps the
 * handle. */
bool source_open_handle(struct source *source, FILE *handle, struct fault *fault);
/* Reads at offset `at`. Returns how many bytes, or -1 with a fault. Before the last byte is handed
 * out, the file is checked: having grown, shrunk or been written to since opening is a fault. */
ssize_t source_read(const struct source *source, char *out, size_t room, off_t at,
                    struct fault *fault);
void source_close(struct source *source);

HIDDEN_END

#endif
