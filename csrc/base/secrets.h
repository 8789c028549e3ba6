/* Redaction of the bearer token, a presigned URL's query and a proxy's credentials. Every text that
 * people may read goes through secrets_add_clean. */
#ifndef CONNECTPARTICIPANT_SECRETS_H
#define CONNECTPARTICIPANT_SECRETS_H

#include "base/buffer.h"
#include "base/hidden.h"

#include <stdbool.h>
#include <stddef.h>

HIDDEN_BEGIN

/* NULL: none. */
struct secrets {
  const char *token; /* the bearer token of the request */
  const char *url;   /* a presigned URL: what follows its `?` is secret, its path is not */
  const char *proxy; /* a proxy's URL: user and password are secret */
};

/* Appends the text as one line of valid UTF-8 without the secrets, at most `limit` bytes. Pass the
 * whole text and let this function truncate it: a truncated secret is harder to find. Secrets are
 * found verbatim, with the escapes of escapes.h, and in fragments as pieces.h defines them; not in
 * base64 or other encodings, in which no server echoes its input. If there is no memory to search
 * the text, a placeholder is written instead. False: no memory for the text itself. */
bool secrets_add_clean(struct buffer *out, const char *text, size_t size,
                       const struct secrets *secrets, size_t limit);

HIDDEN_END

#endif
