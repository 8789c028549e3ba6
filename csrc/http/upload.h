/* Where the body of a request comes from: memory, a file, or a caller who feeds it piece by piece.
 * Knows nothing of the exchange that sends it. */
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
  off_t size, at;        /* how many bytes it has, and how many libcurl has taken */
  const char *bytes;     /* UPLOAD_MEMORY; borrowed */
  struct source *source; /* UPLOAD_FILE; borrowed */
  struct buffer fed;     /* UPLOAD_FED: bytes that libcurl has not yet taken */
  size_t fed_at;         /* where they begin in the buffer */
  off_t fed_total;
  bool fed_end;
  bool paused; /* libcurl sends nothing until it is told to go on */
};

/* Forgets what it was, keeps the memory. */
void upload_clear(struct upload *u);
void upload_free(struct upload *u);

/* Hands out the next bytes, as libcurl's read function has to; without any, it is paused. A source
 * that fails is a fault. */
size_t upload_read(struct upload *u, char *out, size_t room, struct fault *fault);

/* Goes to where libcurl wants to begin again; false where the bytes are gone. */
bool upload_seek(struct upload *u, off_t offset);

/* Takes bytes of the caller's. False: the fault says why, or memory ran out. */
bool upload_feed(struct upload *u, const char *data, size_t size, struct fault *fault);

/* No more will come. */
void upload_feed_end(struct upload *u, struct fault *fault);

/* Whether a paused one has bytes to go on with. */
bool upload_can_go_on(const struct upload *u);

/* Whether nothing is sent before its caller feeds it. */
bool upload_needs_data(const struct upload *u);

HIDDEN_END

#endif
