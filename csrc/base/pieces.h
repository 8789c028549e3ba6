/* Finds a secret in a text, and what is left of it where one of them was cut, wrapped or shortened.
 * Compares bytes; see escapes.h for how else they may be written. */
#ifndef CONNECTPARTICIPANT_PIECES_H
#define CONNECTPARTICIPANT_PIECES_H

#include "base/escapes.h"
#include "base/hidden.h"

#include <stddef.h>

HIDDEN_BEGIN

struct haystack {
  const char *text;
  size_t size;
  const struct span *spans; /* where its bytes are in the text that people see; NULL: it is that */
  char *hidden;             /* a mark for each byte of the text that people see */
};

void pieces_hide_span(const struct haystack *haystack, size_t from, size_t to);

/* Marks the secret wherever it is whole, and its pieces. */
void pieces_hide(const struct haystack *haystack, const char *secret, size_t size);

/* The same for what is not secret in its parts, as a query's names and dates: only of long ones. */
void pieces_hide_long(const struct haystack *haystack, const char *secret, size_t size);

HIDDEN_END

#endif
