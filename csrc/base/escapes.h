/* Undoes the escapes in which servers echo their input: %2B, &#43;, &plus;, \u002b, \x2b and \/.
 * Each pass undoes one layer; JSON in JSON and URLs in URLs have two. */
#ifndef CONNECTPARTICIPANT_ESCAPES_H
#define CONNECTPARTICIPANT_ESCAPES_H

#include "base/hidden.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

HIDDEN_BEGIN

enum { ESCAPE_BYTES = 4 }; /* the most that one character takes in UTF-8 */

/* Reads an XML reference (one of the five entities, or a number) at the start of the text. Writes
 * its character to `out` and returns the reference's length; returns 0 and writes nothing if there
 * is none or its number is not a Unicode character. */
size_t escapes_read_xml(const char *text, size_t size, char out[ESCAPE_BYTES], size_t *made);

struct span {
  uint32_t from, to;
};

/* A text with its escapes undone; `spans` maps each byte to the original text. */
struct reading {
  char *bytes;
  struct span *spans;
  size_t size, room;
};

/* Undoes the escapes layer by layer, and drops line breaks with the indentation after them, because
 * servers wrap long words. False: out of memory. */
bool escapes_undo(struct reading *reading, const char *text, size_t size);

/* Also wipes the bytes, which may be a secret. */
void reading_free(struct reading *reading);

HIDDEN_END

#endif
