/* Where an upload's bytes come from, when it is a customer's file. Knows nothing of HTTP. Nothing
 * here calls Lua, so libcurl's callbacks may use it. */
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
  struct stat opened; /* as it was then */
};

/* Regular files only: a FIFO or device has no size, and could block for ever. */
bool source_open(struct source *source, const char *path, struct fault *fault);
/* From the handle's position on; the handle stays the caller's. */
bool source_open_handle(struct source *source, FILE *handle, struct fault *fault);
/* Reads at `at`. A file that has become shorter or longer, or was written to, is a fault: it is
 * looked at before its last byte is handed out. Returns -1 with a fault. */
ssize_t source_read(const struct source *source, char *out, size_t room, off_t at,
                    struct fault *fault);
void source_close(struct source *source);

HIDDEN_END

#endif
