/* A growable byte buffer, always NUL-terminated. Allocation failures stick: write as much as you
 * like and check `failed` once at the end. */
#ifndef CONNECTPARTICIPANT_BUFFER_H
#define CONNECTPARTICIPANT_BUFFER_H

#include "base/hidden.h"

#include <stdbool.h>
#include <stddef.h>

HIDDEN_BEGIN

struct buffer {
  char *data; /* NULL until the first byte is added; see buffer_text */
  size_t size;
  size_t capacity;
  bool failed;
  bool secret; /* set before the first byte: memory is wiped before it is freed or reused */
};

/* Frees the memory; the buffer is empty and usable again. Keeps the `secret` flag. */
void buffer_free(struct buffer *b);
/* Empties the buffer but keeps its memory. */
void buffer_clear(struct buffer *b);
/* Like buffer_clear, for a buffer that is kept for reuse: frees the memory if it exceeds 4 KiB. */
void buffer_recycle(struct buffer *b);
bool buffer_reserve(struct buffer *b, size_t more);
bool buffer_add(struct buffer *b, const char *data, size_t size);
bool buffer_add_text(struct buffer *b, const char *text);
bool buffer_add_char(struct buffer *b, char c);
/* Appends an unsigned number in decimal. */
bool buffer_add_whole(struct buffer *b, unsigned long long number);
bool buffer_format(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The bytes as a C string, never NULL. */
const char *buffer_text(const struct buffer *b);

HIDDEN_END

#endif
