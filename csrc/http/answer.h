/* An HTTP response: status, headers and body as bytes. */
#ifndef CONNECTPARTICIPANT_ANSWER_H
#define CONNECTPARTICIPANT_ANSWER_H

#include "base/buffer.h"
#include "base/hidden.h"

#include <stdbool.h>
#include <stddef.h>

HIDDEN_BEGIN

struct answer {
  long status;
  struct buffer headers; /* the final response's "Name: value" lines, each NUL-terminated */
  struct buffer body;
  bool body_truncated; /* the body exceeded its limit and was cut */
};

/* Empties it for reuse; keeps small buffers' memory. */
void answer_clear(struct answer *answer);
void answer_free(struct answer *answer);

/* Adds a header line, without its trailing white space. False: out of memory. */
bool answer_add_line(struct answer *answer, const char *line, size_t size);

/* Whether an answer's first line, from behind "HTTP/", has a version that there is: libcurl 8.14
 * takes "HTTP/3.7" for HTTP/3. */
bool answer_is_known(const char *version, size_t size);

/* Whether a line is a header, or goes on with the one before it, as it begins with a space: libcurl
 * 7.74 takes any line for one. */
bool answer_is_header(const char *line, size_t size);

/* Drops the headers, because another response follows. */
void answer_restart(struct answer *answer);

/* The value of a header, or NULL. Names are case-insensitive. */
const char *answer_header(const struct answer *answer, const char *name);
/* Whether the header occurs more than once, so that its value is ambiguous. */
bool answer_repeats(const struct answer *answer, const char *name);
/* What is wrong with the headers that say where the body ends and how it is packed; NULL when
 * nothing is. */
const char *answer_framing_problem(const struct answer *answer);

HIDDEN_END

#endif
