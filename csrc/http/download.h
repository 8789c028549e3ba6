/* Where the body of an answer goes: an object into a file, into memory or to a caller who drains
 * it; anything else is the answer's own words. Which it is, and whether it is the object that was
 * asked for, is judged by the headers, before the first byte goes anywhere. */
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

/* DOWNLOAD_ANSWER: no object is expected, as from a service or after a PUT. */
enum download_kind { DOWNLOAD_ANSWER, DOWNLOAD_MEMORY, DOWNLOAD_FILE, DOWNLOAD_DRAINED };

enum { SIZE_UNKNOWN = -1 };

struct download {
  enum download_kind kind;
  struct sink *sink; /* DOWNLOAD_FILE; held */
  off_t size;        /* of the whole object, as it was promised; or SIZE_UNKNOWN */
  off_t offset;      /* the first byte asked for */
  const char *etag;  /* of the bytes before the offset; borrowed, NULL where there are none */
  size_t success_limit, error_limit; /* of what is kept of an answer in memory */

  bool judged; /* the headers are known, and all is well so far */
  bool wanted; /* the body is the object */
  bool enough; /* the answer went over its limit, and the rest of it is not needed */
  bool paused; /* libcurl hands over nothing until it is told to go on */
  off_t from;  /* the object's first byte that came */
  off_t most;  /* how many bytes may come of it; or SIZE_UNKNOWN */
  off_t received;
  struct buffer drained; /* DOWNLOAD_DRAINED: bytes that the caller has not yet taken */
};

/* Forgets what it was, keeps the memory. */
void download_clear(struct download *d);
void download_free(struct download *d);

/* Whether only the bytes from the offset on are asked for. A part is worth nothing without proof
 * that it is one of the same object, which is a strong ETag. */
bool download_wants_part(const struct download *d);

/* The fault of an answer that begins anew where the bytes before it cannot be taken back. */
void download_refuse_whole(struct fault *fault);

/* Judges an answer by its status and its headers. False: the fault says why nothing of it is
 * wanted. */
bool download_judge(struct download *d, struct answer *answer, struct fault *fault);

/* Takes bytes of the body, as libcurl's write function has to. */
size_t download_write(struct download *d, struct answer *answer, const char *data, size_t size,
                      struct fault *fault);

/* Whether all that was promised has come; to be asked at the end of a good answer. */
bool download_finish(const struct download *d, struct fault *fault);

HIDDEN_END

#endif
