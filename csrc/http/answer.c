/* Storing a response; see answer.h. */
#include "http/answer.h"
#include "base/ascii.h"

#include <string.h>

void answer_clear(struct answer *answer) {
  buffer_recycle(&answer->headers);
  buffer_recycle(&answer->body);
  *answer = (struct answer){.headers = answer->headers, .body = answer->body};
}

void answer_free(struct answer *answer) {
  buffer_free(&answer->headers);
  buffer_free(&answer->body);
}

bool answer_add_line(struct answer *answer, const char *line, size_t size) {
  while (size > 0 && strchr("\r\n \t", line[size - 1]) != NULL) size--;
  /* Drop a line that contains a NUL: in the buffer it would look like two lines. */
  if (size == 0 || memchr(line, '\0', size) != NULL) return true;
  return buffer_add(&answer->headers, line, size) && buffer_add(&answer->headers, "", 1);
}

void answer_restart(struct answer *answer) {
  buffer_clear(&answer->headers);
}

/* The value of the first header of that name from `line` on, or NULL. */
static const char *find(const struct answer *answer, const char *line, const char *name) {
  const char *end = buffer_text(&answer->headers) + answer->headers.size;
  size_t length = strlen(name);
  for (; line < end; line += strlen(line) + 1) {
    if (!ascii_starts_nocase(line, name) || line[length] != ':') continue;
    const char *value = line + length + 1;
    while (*value == ' ' || *value == '\t') value++;
    return value;
  }
  return NULL;
}

const char *answer_header(const struct answer *answer, const char *name) {
  return find(answer, buffer_text(&answer->headers), name);
}

bool answer_repeats(const struct answer *answer, const char *name) {
  const char *first = answer_header(answer, name);
  return first != NULL && find(answer, first + strlen(first) + 1, name) != NULL;
}
