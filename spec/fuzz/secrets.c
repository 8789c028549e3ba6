/* libFuzzer: the input is a token, a NUL, and a text. The token must not be whole in what is shown,
 * and what is shown must be within its limit. */
#include "base/secrets.h"
#include "base/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const uint8_t *end = memchr(data, '\0', size);
  if (end == NULL) return 0;
  const char *token = (const char *)data, *text = (const char *)end + 1;
  size_t length = strlen(token), left = size - length - 1;
  char *copy = malloc(left + 1); /* of exact size, so that reading beyond it is detected */
  memcpy(copy, text, left);
  char *exact = realloc(copy, left > 0 ? left : 1);
  struct secrets secrets = {.token = token, .url = token, .proxy = token};
  struct buffer out = {0};
  if (!secrets_add_clean(&out, exact, left, &secrets, 100)) abort();
  if (out.size > 103 || text_length(buffer_text(&out), out.size) < 0) abort();
  if (length >= 4 && memmem("[redacted]...", 13, token, length) == NULL &&
      strchr(token, '[') == NULL && strchr(token, ']') == NULL && strchr(token, '.') == NULL &&
      strchr(token, ' ') == NULL && strchr(token, '?') == NULL &&
      strstr(buffer_text(&out), token) != NULL) {
    abort();
  }
  buffer_free(&out);
  free(exact);
  return 0;
}
