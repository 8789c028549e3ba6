/* libFuzzer: the input is a status in two bytes, headers up to an empty line, and a body; read as
 * the answer of the object store, and as one of the service. */
#include "aws/model.h"
#include "aws/storage.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct response_error *error) {
  const struct failure *f = &error->failure;
  if (f->code == NULL || *f->code == '\0' || f->message == NULL || *f->message == '\0') abort();
  if (f->has_retry_after && !(f->retry_after >= 0 && f->retry_after <= 2147483648.0)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) return 0;
  struct answer answer = {.status = 300 + (data[0] * 256 + data[1]) % 300};
  const char *text = (const char *)data + 2, *end = (const char *)data + size;
  while (text < end && *text != '\n') {
    const char *line = memchr(text, '\n', (size_t)(end - text));
    if (line == NULL) line = end;
    if (memchr(text, '\0', (size_t)(line - text)) == NULL) {
      buffer_add(&answer.headers, text, (size_t)(line - text));
      buffer_add(&answer.headers, "", 1);
    }
    text = line < end ? line + 1 : end;
  }
  buffer_add(&answer.body, text, (size_t)(end - text));
  const char *body = buffer_text(&answer.body);
  struct secrets secrets = {.token = "0123456789abcdef",
                            .url = "https://s/k?X-Amz-Signature=fedcba98"};
  const struct response_fields fields = {.is_object = data[0] & 1,
                                         .code = data[0] & 2 ? body : NULL,
                                         .type = data[0] & 4 ? body : NULL,
                                         .message = data[0] & 8 ? body : NULL};
  struct response_error error;
  storage_read_error(&error, &answer, &secrets, 1700000000);
  check(&error);
  response_read_error(&error, &model_operations[0], &answer, &fields, 1700000000);
  check(&error);
  buffer_free(&answer.headers);
  buffer_free(&answer.body);
  return 0;
}
