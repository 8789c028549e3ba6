/* libFuzzer: the input is a header's name, a NUL, and its value. Exactly the names and values that
 * RFC 9110 allows, by rules written down here once more, are accepted; a line built of both is a
 * single line; a Retry-After is a delay or nothing; an answer with the line returns its value. */
#include "aws/retry_after.h"
#include "base/text.h"
#include "http/answer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_token(const uint8_t *text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (text[i] <= 0x20 || text[i] >= 0x7f) return false;
    if (memchr("\"(),/:;<=>?@[\\]{}", text[i], 17) != NULL) return false;
  }
  return size > 0;
}

static bool is_value(const uint8_t *text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (text[i] == 0x7f || (text[i] < 0x20 && text[i] != 0x09)) return false;
  }
  return true;
}

static void check_line(const char *name, const char *value) {
  struct answer answer = {0};
  struct buffer line = {0};
  buffer_format(&line, "%s: %s\r\n", name, value);
  if (!answer_add_line(&answer, buffer_text(&line), line.size)) abort();
  if (memchr(answer.headers.data, '\n', answer.headers.size) != NULL) abort();
  const char *found = answer_header(&answer, name);
  while (*value == ' ' || *value == '\t') value++;
  size_t size = strlen(value);
  while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t')) size--;
  if (found == NULL || strlen(found) != size || memcmp(found, value, size) != 0) abort();
  if (answer_repeats(&answer, name)) abort();
  double seconds = 0;
  if (retry_after_read(&answer, 1700000000, &seconds) && !(seconds >= 0 && seconds <= 2147483648.0))
    abort();
  buffer_free(&line);
  answer_free(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const uint8_t *end = memchr(data, '\0', size);
  if (end == NULL) return 0;
  size_t length = (size_t)(end - data), left = size - length - 1;
  char *name = malloc(length + 1), *value = malloc(left + 1);
  memcpy(name, data, length + 1);
  memcpy(value, end + 1, left);
  value[left] = '\0';
  bool good_name = text_is_header_name(name, length), good = text_is_header_value(value, left);
  if (good_name != is_token(data, length) || good != is_value(end + 1, left)) abort();
  if (good_name && good) check_line(name, value);
  free(name);
  free(value);
  return 0;
}
