/* Rules for text that know no protocol state: UTF-8, headers, percent-encoding, and
 * the nearest of some names. */
#ifndef CONNECTPARTICIPANT_TEXT_H
#define CONNECTPARTICIPANT_TEXT_H

#include "base/buffer.h"
#include "base/hidden.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

HIDDEN_BEGIN

/* Decodes one character as RFC 3629 has it (no surrogates, nothing over-long); 0 if it is broken.
 */
size_t text_decode(const unsigned char *text, size_t size, uint32_t *character);

/* Writes one character in UTF-8, and returns how many bytes; 0 for NUL and what is no character. */
size_t text_encode(uint32_t character, char out[4]);

/* C0, DEL or C1. */
bool text_is_control(uint32_t character);

/* Whether it is printable ASCII, as most text is: then it is its own length, without controls. */
bool text_is_plain(const char *text, size_t size);

/* How many Unicode characters, or -1 where the bytes are not UTF-8. */
long text_length(const char *text, size_t size);

enum text_kind { TEXT_ONE_LINE, TEXT_LINES };

/* Whether a control character (C0, DEL, C1) is in it; TEXT_LINES lets tab, LF and CR pass. */
bool text_has_control(const char *text, size_t size, enum text_kind kind);

/* RFC 9110's token, which is what a header may be called. */
bool text_is_header_name(const char *text, size_t size);

/* Whether it can be sent as a header's value as it is: tab is its only control character. */
bool text_is_header_value(const char *text, size_t size);

/* A label of a host name: letters, digits and inner hyphens, at most 63. */
bool text_is_host_label(const char *text, size_t size);

/* Everything but RFC 3986's unreserved characters becomes %XX. */
bool text_add_percent(struct buffer *out, const char *text, size_t size);

enum { TEXT_SECONDS = 24 };

/* Writes a number of seconds for people, with at most three places; returns `room`. */
const char *text_seconds(char room[TEXT_SECONDS], double seconds);

/* How far two names are apart when case, `_` and `-` do not count. */
size_t text_distance(const char *a, const char *b);

/* Whether that is near enough to ask "did you mean". */
bool text_is_near(const char *name, size_t distance);

HIDDEN_END

#endif
