/* Where a request's body comes from: memory, a file, or a caller who feeds it in chunks. */
#ifndef CONNECTPARTICIPANT_UPLOAD_H
#define CONNECTPARTICIPANT_UPLOAD_H

#include "base/buffer.h"
#include "base/failure.h"
#include "base/hidden.h"
#include "base/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

HIDDEN_BEGIN

enum upload_kind { UPLOAD_NONE, UPLOAD_MEMORY, UPLOAD_FILE, UPLOAD_FED };

struct upload {
  enum upload_kind kind;
  off_t size, at;        /* total bytes, and bytes that libcurl has taken */
  const char *bytes;     /* UPLOAD_MEMORY; borrowed */
  struct source *source; /* UPLOAD_FILE; borrowed */
  struct buffer fed;     /* UPLOAD_FED: bytes fed by the caller */
  size_t fed_at;         /* how many of them libcurl has taken */
  off_t fed_total;
  bool fed_end;
  bool paused; /* libcurl sends nothing until unpaused */
};

/* Empties it for reuse; keeps a small buffer's memory. */
void upload_clear(struct upload *u);
void upload_free(struct upload *u);

/* Provides the next bytes; returns what libcurl's read callback must return. Pauses if there are
 * none yet; aborts, with a fault, if the source fails. */
size_t upload_read(struct upload *u, char *out, size_t room, struct fault *fault);

/* Seeks to an offset; false if the bytes are gone. */
bool upload_seek(struct upload *u, off_t offset);

/* Adds the caller's bytes. False, with a fault or, if there is none, out of memory. */
bool upload_feed(struct upload *u, const char *data, size_t size, struct fault *fault);

/* Marks the end of the caller's bytes. */
void upload_feed_end(struct upload *u, struct fault *fault);

/* Whether it is paused but has bytes to send. */
bool upload_can_go_on(const struct upload *u);

/* Whether it is paused until the caller feeds it. */
bool upload_needs_data(const struct upload *u);

HIDDEN_END

#endif
