/* What came back over HTTP; see answer.h. */
#include "http/answer.h"
#include "base/ascii.h"

#include <string.h>

void answer_free(struct answer *answer) {
  buffer_free(&answer->headers);
  buffer_free(&answer->body);
}

const char *answer_header(const struct answer *r, const char *name) {
  size_t length = strlen(name);
  const char *line = buffer_text(&r->headers), *end = line + r->headers.size;
  for (; line < end; line += strlen(line) + 1) {
    if (!ascii_starts_nocase(line, name) || line[length] != ':') continue;
    const char *value = line + length + 1;
    while (*value == ' ' || *value == '\t') value++;
    return value;
  }
  return NULL;
}

static const char *first_header(const struct answer *r, const char *const *names) {
  const char *value = NULL;
  for (; *names != NULL && value == NULL; names++) value = answer_header(r, *names);
  return value;
}

const char *answer_request_id(const struct answer *r) {
  static const char *const names[] = {"x-amzn-requestid", "x-amzn-request-id", "x-amz-request-id",
                                      "x-amz-requestid", NULL};
  return first_header(r, names);
}
