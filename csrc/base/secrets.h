/* What must never show: the bearer token, the query of a presigned URL, and a proxy's password, in
 * any text that people get to read. Every such text goes through secrets_add_clean. */
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
  const char *url;   /* a presigned URL: everything after its `?` is secret, but its path is not */
  const char *proxy; /* a proxy's URL: its user and password are */
};

/* Appends text fit for people: one line of valid UTF-8 without the secrets, at most `limit` bytes.
 * Hand in the text as it came, and let this cut it: a secret that is cut is harder to find. They
 * are found verbatim, escaped in the ways of escapes.h, and in pieces as pieces.h has them; not in
 * base64 or other codes, in which no server tells what it refuses. What cannot be searched, for
 * want of memory, is withheld. False: there is no memory for the text itself. */
bool secrets_add_clean(struct buffer *out, const char *text, size_t size,
                       const struct secrets *secrets, size_t limit);

HIDDEN_END

#endif
