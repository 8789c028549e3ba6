/* A growing run of bytes, always followed by a NUL. Knows nothing of what the bytes mean, but
 * whether they are secret. Allocation failures are remembered: check `failed` once, at the end. */
#ifndef CONNECTPARTICIPANT_BUFFER_H
#define CONNECTPARTICIPANT_BUFFER_H

#include "base/hidden.h"

#include <stdbool.h>
#include <stddef.h>

HIDDEN_BEGIN

struct buffer {
  char *data; /* NULL until the first byte arrives; see buffer_text */
  size_t size;
  size_t capacity;
  bool failed;
  bool secret; /* set before the first byte: no copy of its bytes is left behind in memory */
};

/* Empty again, and as secret as before. */
void buffer_free(struct buffer *b);
/* Forgets the bytes, keeps the memory. */
void buffer_clear(struct buffer *b);
/* The same for a buffer that will wait for another use: much memory does not wait. */
void buffer_recycle(struct buffer *b);
bool buffer_reserve(struct buffer *b, size_t more);
bool buffer_add(struct buffer *b, const char *data, size_t size);
bool buffer_add_text(struct buffer *b, const char *text);
bool buffer_add_char(struct buffer *b, char c);
/* Appends a whole number from 0 on in decimal. */
bool buffer_add_whole(struct buffer *b, unsigned long long number);
bool buffer_format(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The bytes as a C string, never NULL. */
const char *buffer_text(const struct buffer *b);

HIDDEN_END

#endif
