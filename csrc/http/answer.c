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

bool answer_is_known(const char *version, size_t size) {
  static const char *const known[] = {"1.0 ", "1.1 ", "2 ", "3 "};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    size_t length = strlen(known[i]);
    if (size >= length && memcmp(version, known[i], length) == 0) return true;
  }
  return false;
}

bool answer_is_header(const char *line, size_t size) {
  if (size == 0 || memchr(line, '\0', size) != NULL) return false;
  return line[0] == ' ' || line[0] == '\t' || memchr(line, ':', size) != NULL;
}

void answer_restart(struct answer *answer) {
  buffer_clear(&answer->headers);
}

/* The value of a line, if it has this name. */
static const char *value_of(const char *line, const char *name) {
  if (!ascii_starts_nocase(line, name)) return NULL;
  const char *value = line + strlen(name);
  if (*value++ != ':') return NULL;
  while (*value == ' ' || *value == '\t') value++;
  return value;
}

/* The value of the first header of that name from `line` on, or NULL. */
static const char *find(const struct answer *answer, const char *line, const char *name) {
  const char *end = buffer_text(&answer->headers) + answer->headers.size, *value = NULL;
  for (; line < end && value == NULL; line += strlen(line) + 1) value = value_of(line, name);
  return value;
}

const char *answer_header(const struct answer *answer, const char *name) {
  return find(answer, buffer_text(&answer->headers), name);
}

bool answer_repeats(const struct answer *answer, const char *name) {
  const char *first = answer_header(answer, name);
  return first != NULL && find(answer, first + strlen(first) + 1, name) != NULL;
}

static bool is_length(const char *text) {
  uint64_t length = 0;
  return ascii_read_whole(&text, &length) && *text == '\0' && length <= INT64_MAX;
}

/* libcurl 7.88 takes the last of several lengths, none for one that is too large, and unpacks a
 * Transfer-Encoding that it has not asked for. */
const char *answer_framing_problem(const struct answer *answer) {
  const char *end = buffer_text(&answer->headers) + answer->headers.size, *length = NULL;
  for (const char *line = buffer_text(&answer->headers); line < end; line += strlen(line) + 1) {
    const char *value = value_of(line, "transfer-encoding");
    if (value != NULL && !ascii_equal_nocase(value, "chunked") &&
        !ascii_equal_nocase(value, "identity"))
      return "the answer has a Transfer-Encoding that was not asked for";
    value = value_of(line, "content-length");
    if (value == NULL) continue;
    if (!is_length(value)) return "the answer's Content-Length is not a length";
    if (length != NULL && strcmp(length, value) != 0)
      return "the answer has two different lengths (Content-Length)";
    length = value;
  }
  return NULL;
}
