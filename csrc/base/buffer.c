/* Growing byte buffers; see buffer.h. */
#include "base/buffer.h"
#include "base/wipe.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST = 64, MUCH = 4096 };

void buffer_free(struct buffer *b) {
  if (b->secret) wipe(b->data, b->capacity);
  free(b->data);
  *b = (struct buffer){.secret = b->secret};
}

void buffer_clear(struct buffer *b) {
  if (b->secret) wipe(b->data, b->capacity);
  b->size = 0;
  b->failed = false;
  if (b->data != NULL) b->data[0] = '\0';
}

void buffer_recycle(struct buffer *b) {
  if (b->capacity > MUCH) buffer_free(b);
  buffer_clear(b);
}

/* realloc may move the bytes and free the old block without wiping it. */
static char *grow(struct buffer *b, size_t capacity) {
  if (!b->secret) return realloc(b->data, capacity);
  char *data = malloc(capacity);
  if (data == NULL || b->data == NULL) return data;
  memcpy(data, b->data, b->size);
  wipe(b->data, b->capacity);
  free(b->data);
  return data;
}

static bool has_room(const struct buffer *b, size_t more) {
  return b->capacity - b->size > more && !b->failed;
}

bool buffer_reserve(struct buffer *b, size_t more) {
  if (has_room(b, more)) return true;
  if (b->failed) return false;
  if (more >= SIZE_MAX / 2 - b->size) return !(b->failed = true);
  /* The first block is no larger than it need be: most texts are added at once. */
  size_t capacity = b->capacity > 0 ? b->capacity : more < LEAST ? LEAST : more + 1;
  while (capacity - b->size <= more) capacity *= 2;
  char *data = grow(b, capacity);
  if (data == NULL) return !(b->failed = true);
  b->data = data;
  b->data[b->size] = '\0';
  b->capacity = capacity;
  return true;
}

bool buffer_add(struct buffer *b, const char *data, size_t size) {
  if (!has_room(b, size) && !buffer_reserve(b, size)) return false;
  if (size > 0) memcpy(b->data + b->size, data, size);
  b->size += size;
  b->data[b->size] = '\0';
  return true;
}

bool buffer_add_text(struct buffer *b, const char *text) {
  return buffer_add(b, text, strlen(text));
}

bool buffer_add_char(struct buffer *b, char c) {
  return buffer_add(b, &c, 1);
}

bool buffer_add_whole(struct buffer *b, unsigned long long number) {
  char digits[20]; /* digits in 2^64 - 1 */
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  return buffer_add(b, digits + at, sizeof digits - at);
}

bool buffer_format(struct buffer *b, const char *format, ...) {
  va_list arguments;
  if (!buffer_reserve(b, 64)) return false;
  size_t room = b->capacity - b->size;
  va_start(arguments, format);
  int size = vsnprintf(b->data + b->size, room, format, arguments);
  va_end(arguments);
  if (size < 0 || !buffer_reserve(b, (size_t)size)) return !(b->failed = true);
  if ((size_t)size >= room) {
    va_start(arguments, format);
    vsnprintf(b->data + b->size, (size_t)size + 1, format, arguments);
    va_end(arguments);
  }
  b->size += (size_t)size;
  return true;
}

const char *buffer_text(const struct buffer *b) {
  return b->data != NULL ? b->data : "";
}
