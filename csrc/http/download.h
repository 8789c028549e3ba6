/* Where a response's body goes. An object goes to a file, to memory or to a caller who drains it;
 * any other body, such as an error, is kept in the answer. Status and headers decide which, and
 * whether it is the object that was requested, before the first byte is passed on. */
#ifndef CONNECTPARTICIPANT_DOWNLOAD_H
#define CONNECTPARTICIPANT_DOWNLOAD_H

#include "base/buffer.h"
#include "base/failure.h"
#include "base/hidden.h"
#include "base/sink.h"
#include "http/answer.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

HIDDEN_BEGIN

/* DOWNLOAD_ANSWER: no object is expected, as from the service or after a PUT. */
enum download_kind { DOWNLOAD_ANSWER, DOWNLOAD_MEMORY, DOWNLOAD_FILE, DOWNLOAD_DRAINED };

enum { SIZE_UNKNOWN = -1 };

struct download {
  enum download_kind kind;
  struct sink *sink;                 /* DOWNLOAD_FILE; a reference */
  off_t size;                        /* promised size of the whole object, or SIZE_UNKNOWN */
  off_t first, stop;                 /* of the part wanted; SIZE_UNKNOWN: up to the end */
  off_t offset;                      /* the first byte to request */
  const char *etag;                  /* of the object meant, or NULL; borrowed */
  size_t success_limit, error_limit; /* caps on bodies kept in memory */

  bool judged; /* the headers were checked */
  bool wanted; /* the body is the requested object */
  bool enough; /* the body exceeded its limit; the rest is not needed */
  bool paused; /* libcurl delivers nothing until unpaused */
  off_t from;  /* offset of the first byte received */
  off_t most;  /* how many bytes to expect, or SIZE_UNKNOWN */
  off_t received;
  struct buffer drained; /* DOWNLOAD_DRAINED: bytes that the caller has not taken yet */
};

/* Empties it for reuse; keeps small buffers' memory. */
void download_clear(struct download *d);
void download_free(struct download *d);

/* Whether the ETag can be a condition: a strong one proves that bytes belong to the same object. */
bool download_has_condition(const struct download *d);

/* Whether to request a range: the part that is wanted, or the bytes from the offset on, if there is
 * a condition. */
bool download_wants_part(const struct download *d);

/* Sets the fault for an answer that starts over although earlier bytes cannot be taken back. */
void download_refuse_whole(struct fault *fault);

/* Checks status and headers. False, with a fault, if the body must not be used. */
bool download_judge(struct download *d, struct answer *answer, struct fault *fault);

/* Takes bytes of the body; returns what libcurl's write callback must return. */
size_t download_write(struct download *d, struct answer *answer, const char *data, size_t size,
                      struct fault *fault);

/* Whether all promised bytes arrived; call it after a successful transfer. */
bool download_finish(const struct download *d, struct fault *fault);

HIDDEN_END

#endif
