/* Finds a secret in a text, and fragments of it if either was truncated or wrapped; whatever the
 * case of its letters, and in either alphabet of base64. See escapes.h for undoing escapes
 * first. */
#ifndef CONNECTPARTICIPANT_PIECES_H
#define CONNECTPARTICIPANT_PIECES_H

#include "base/escapes.h"
#include "base/hidden.h"

#include <stddef.h>

HIDDEN_BEGIN

struct haystack {
  const char *text;
  size_t size;
  const struct span *spans; /* maps bytes to the visible text; NULL: this is the visible text */
  char *hidden;             /* one flag for each byte of the visible text */
};

void pieces_hide_span(const struct haystack *haystack, size_t from, size_t to);

/* Marks every occurrence of the secret and of its fragments. */
void pieces_hide(const struct haystack *haystack, const char *secret, size_t size);

/* The same, but only fragments of 32 bytes or more: for text with harmless parts, such as the
 * parameter names and dates of a query. */
void pieces_hide_long(const struct haystack *haystack, const char *secret, size_t size);

HIDDEN_END

#endif
