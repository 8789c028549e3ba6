/* What must never show: the bearer token and the query of a presigned URL, in any text that people
 * get to read. */
#ifndef CONNECTPARTICIPANT_SECRETS_H
#define CONNECTPARTICIPANT_SECRETS_H

#include "base/buffer.h"
#include "base/hidden.h"

#include <stdbool.h>
#include <stddef.h>

HIDDEN_BEGIN

/* NULL where there is none. */
struct secrets {
  const char *token; /* the bearer token of the request */
  const char *url;   /* a presigned URL: everything after its `?` is secret */
};

/* Appends text fit for people: one line of valid UTF-8 without the secrets, at most `limit` bytes.
 */
bool secrets_add_clean(struct buffer *out, const char *text, size_t size,
                       const struct secrets *secrets, size_t limit);

HIDDEN_END

#endif
