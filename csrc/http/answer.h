/* What came back over HTTP, as bytes. */
#ifndef CONNECTPARTICIPANT_ANSWER_H
#define CONNECTPARTICIPANT_ANSWER_H

#include "base/buffer.h"
#include "base/hidden.h"

#include <stdbool.h>

HIDDEN_BEGIN

struct answer {
  long status;
  struct buffer headers; /* the lines of the final response, "Name: value", each ended by a NUL */
  struct buffer body;
  bool body_truncated; /* the body went over its cap, and what is here is only its beginning */
};

void answer_free(struct answer *answer);

/* The value of a header, or NULL; names are compared without case. */
const char *answer_header(const struct answer *answer, const char *name);

/* What the service or the store calls the request, or NULL. */
const char *answer_request_id(const struct answer *answer);

HIDDEN_END

#endif
