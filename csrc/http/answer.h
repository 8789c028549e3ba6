/* What came back over HTTP, as bytes. */
#ifndef CONNECTPARTICIPANT_ANSWER_H
#define CONNECTPARTICIPANT_ANSWER_H

#include "base/buffer.h"
#include "base/hidden.h"

#include <stdbool.h>
#include <stddef.h>

HIDDEN_BEGIN

struct answer {
  long status;
  struct buffer headers; /* the lines of the final response, "Name: value", each ended by a NUL */
  struct buffer body;
  bool body_truncated; /* the body went over its cap, and what is here is only its beginning */
};

/* Forgets what it was, keeps the memory. */
void answer_clear(struct answer *answer);
void answer_free(struct answer *answer);

/* Keeps a header line without the blanks at its end. False: out of memory. */
bool answer_add_line(struct answer *answer, const char *line, size_t size);

/* Forgets the lines: those of another response follow. */
void answer_restart(struct answer *answer);

/* The value of a header, or NULL; names are compared without case. */
const char *answer_header(const struct answer *answer, const char *name);
/* Whether it is there more than once, so that there is no telling which is meant. */
bool answer_repeats(const struct answer *answer, const char *name);

HIDDEN_END

#endif
