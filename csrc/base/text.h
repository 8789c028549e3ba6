/* Rules for text: UTF-8, header fields, percent-encoding, edit distance. */
#ifndef CONNECTPARTICIPANT_TEXT_H
#define CONNECTPARTICIPANT_TEXT_H

#include "base/buffer.h"
#include "base/hidden.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

HIDDEN_BEGIN

/* Decodes one character by RFC 3629 (no surrogates, no over-long forms) and returns its length in
 * bytes; 0 if it is invalid. */
size_t text_decode(const unsigned char *text, size_t size, uint32_t *character);

/* Writes one character as UTF-8 and returns its length in bytes; 0 for NUL and invalid code
 * points. */
size_t text_encode(uint32_t character, char out[4]);

/* C0, DEL or C1. */
bool text_is_control(uint32_t character);

/* Whether it is all printable ASCII: a fast path, as then one byte is one character and there are
 * no control characters. */
bool text_is_plain(const char *text, size_t size);

/* The number of Unicode characters, or -1 if the bytes are not UTF-8. */
long text_length(const char *text, size_t size);

enum text_kind { TEXT_ONE_LINE, TEXT_LINES };

/* Whether it contains a control character (C0, DEL, C1); TEXT_LINES permits tab, LF and CR. */
bool text_has_control(const char *text, size_t size, enum text_kind kind);

/* Whether it is a valid header name: a token of RFC 9110. */
bool text_is_header_name(const char *text, size_t size);

/* Whether it can be sent verbatim as a header's value: tab is the only control character
 * allowed. */
bool text_is_header_value(const char *text, size_t size);

/* Whether it is a label of a host name: letters, digits and inner hyphens, at most 63 of them. */
bool text_is_host_label(const char *text, size_t size);

/* Appends the text percent-encoded: everything but RFC 3986's unreserved characters becomes %XX. */
bool text_add_percent(struct buffer *out, const char *text, size_t size);

/* Appends the text, its bytes above ASCII percent-encoded. */
bool text_add_ascii(struct buffer *out, const char *text, size_t size);

enum { TEXT_SECONDS = 24 };

/* Writes seconds with at most three decimals, whatever the locale; returns `room`. */
const char *text_seconds(char room[TEXT_SECONDS], double seconds);

/* The edit distance of two names, ignoring case, `_` and `-`. */
size_t text_distance(const char *a, const char *b);

/* Whether that distance is small enough to ask "did you mean". */
bool text_is_near(const char *name, size_t distance);

HIDDEN_END

#endif
