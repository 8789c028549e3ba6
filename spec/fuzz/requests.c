/* libFuzzer: the input's bytes choose an operation, and a value for each of its members. A request
 * is built whole, as headers and JSON that can be sent, or refused with a reason. */
#include "aws/model.h"
#include "aws/request.h"
#include "base/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *at, *end;

static unsigned next(void) {
  return at < end ? *at++ : 0;
}

/* A copy of exactly this size, with the NUL that follows strings from Lua. */
static char *next_text(size_t *size) {
  size_t wanted = next() * (next() % 8 + 1U), left = (size_t)(end - at);
  *size = wanted < left ? wanted : left;
  char *text = malloc(*size + 1);
  memcpy(text, at, *size);
  text[*size] = '\0';
  at += *size;
  return text;
}

static void next_bytes(void *out, size_t size) {
  size_t left = (size_t)(end - at);
  if (left < size) size = left;
  memcpy(out, at, size);
  at += size;
}

static double next_number(void) {
  double number = 0;
  next_bytes(&number, sizeof number);
  return number;
}

static long long next_integer(void) {
  long long number = 0;
  next_bytes(&number, sizeof number);
  return number;
}

static void write_members(struct request_writer *w, const struct member *members);

static void write_list(struct request_writer *w, const struct member *m);

static void write_value(struct request_writer *w, const struct member *m) {
  size_t size;
  char *text;
  switch (next() % 8) {
  case 0:
  case 1:
    text = next_text(&size);
    request_string(w, m, text, size);
    free(text);
    break;
  case 2:
    request_integer(w, m, next_integer());
    break;
  case 3:
    request_number(w, m, next_number());
    break;
  case 4:
    request_boolean(w, m, next() & 1);
    break;
  case 5:
    write_list(w, m);
    break;
  case 6:
    if (!request_open_struct(w, m)) break;
    write_members(w, m->of);
    request_close(w);
    break;
  default:
    request_absent(w, m);
  }
}

static void write_list(struct request_writer *w, const struct member *m) {
  size_t count = next() % 5;
  if (!request_open_list(w, m, count, next() % 8 != 0)) return;
  for (size_t i = 0; i < count && !request_is_full(w); i++) {
    request_entry(w);
    write_value(w, m->of);
  }
  request_close(w);
}

static void write_members(struct request_writer *w, const struct member *members) {
  for (const struct member *m = members; m->name != NULL; m++) {
    size_t size;
    char *text = next_text(&size);
    if (size > 0 && *text == '?') request_unknown(w, members, text, size);
    /* Mostly valid values, or no request would ever be built. */
    if (next() % 4 != 0 && (m->type == STRING || m->type == TEXT))
      request_string(w, m, text, size);
    else if (next() % 4 != 0 && m->type == WHOLE)
      request_integer(w, m, 5 + (long long)next());
    else
      write_value(w, m);
    free(text);
  }
}

/* Lines without control characters, each "Name: value", up to an empty one at the end. */
static void check_headers(const struct buffer *headers) {
  const char *line = buffer_text(headers), *stop = line + headers->size;
  for (; line < stop && *line != '\0'; line += strlen(line) + 1) {
    if (strchr(line, ':') == NULL || text_has_control(line, strlen(line), TEXT_ONE_LINE)) abort();
  }
  if (line >= stop) abort();
}

static void check(const struct request *r) {
  const char *url = buffer_text(&r->url), *body = buffer_text(&r->body);
  if (strlen(url) != r->url.size || strpbrk(url, " \r\n\t#\"<>\\") != NULL) abort();
  if (strncmp(url, "https://example.com/participant/", 32) != 0) abort();
  if (text_length(body, r->body.size) < 0 || strlen(body) != r->body.size) abort();
  bool quoted = false;
  int depth = 0;
  for (; *body != '\0'; body++) {
    if ((unsigned char)*body < 0x20) abort();
    if (quoted && *body == '\\')
      body++;
    else if (*body == '"')
      quoted = !quoted;
    else if (!quoted)
      depth += (*body == '{' || *body == '[') - (*body == '}' || *body == ']');
    if (depth == 0 && body[1] != '\0') abort();
  }
  if (quoted || depth != 0) abort();
  check_headers(&r->headers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct request r = {0};
  struct request_writer w;
  unsigned operations = 0;
  at = data, end = data + size;
  while (model_operations[operations].name != NULL) operations++;
  const struct operation *operation = &model_operations[next() % operations];
  request_begin(&w, &r, operation, "https://example.com", "agent");
  write_members(&w, operation->input);
  enum request_result result = request_end(&w);
  if (result == REQUEST_NO_MEMORY || (r.problems.size > 0) != (result == REQUEST_REFUSED)) abort();
  if (r.problems.size > 20000) abort();
  if (result == REQUEST_BUILT) {
    if (!request_set_attempt(&r, 1, 3)) abort();
    check(&r);
  }
  request_free(&r);
  return 0;
}
