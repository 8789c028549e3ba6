/* The escapes in which servers echo what they were sent: %2B, &#43;, &plus;, \u002b, \x2b and \/.
 * One step undoes one layer; JSON in JSON and URLs in URLs have two. */
#ifndef CONNECTPARTICIPANT_ESCAPES_H
#define CONNECTPARTICIPANT_ESCAPES_H

#include "base/hidden.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

HIDDEN_BEGIN

enum { ESCAPE_BYTES = 4 }; /* of one character in UTF-8 */

/* Reads the XML reference that the text begins with, one of the five names or a number, and returns
 * how long it is; its character goes to `out`. 0 where there is none, or it names no Unicode
 * character: then nothing is written. */
size_t escapes_read_xml(const char *text, size_t size, char out[ESCAPE_BYTES], size_t *made);

struct span {
  uint32_t from, to;
};

/* A text with its escapes undone, and where each byte of it came from. */
struct reading {
  char *bytes;
  struct span *spans;
  size_t size, room;
};

/* Undoes the escapes, layer after layer, and leaves line breaks and the blanks behind them out, for
 * long words get wrapped. False: out of memory. */
bool escapes_undo(struct reading *reading, const char *text, size_t size);

/* Wipes the bytes, too: they may be a secret's. */
void reading_free(struct reading *reading);

HIDDEN_END

#endif
