/* Writes requests from arbitrary values, without Lua: whatever they are, a request is built whole,
 * or refused with a reason. Built and run by request_values_spec.lua, with the sanitizers. */
#include "aws/model.h"
#include "aws/request.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS = 20000, LONGEST = 1100 };

static uint64_t state = 88172645463325252;
static int status;

static unsigned any(unsigned below) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (unsigned)(state % below);
}

static double any_number(void) {
  static const double edges[] = {0, -1, 1, 5, 300.5, 1e300, 9007199254740993.0, -0.0, 100};
  unsigned which = any(12);
  return which < 9 ? edges[which] : which == 9 ? NAN : which == 10 ? INFINITY : -INFINITY;
}

static size_t any_text(char text[LONGEST]) {
  static const char *const known[] = {"ASCENDING", "WEBSOCKET", "é漢😀", "a\"b\\c", "x"};
  size_t size = any(8) == 0 ? any(LONGEST) : any(40);
  bool plain = any(4) != 0;
  if (any(3) == 0) return (size_t)snprintf(text, LONGEST, "%s", known[any(5)]);
  for (size_t i = 0; i < size; i++) text[i] = (char)(plain ? 'a' + any(26) : any(256));
  text[size < LONGEST ? size : LONGEST - 1] = '\0';
  return size;
}

static void write_members(struct request_writer *w, const struct member *members);

static void write_value(struct request_writer *w, const struct member *m, bool fitting) {
  static const unsigned kinds[] = {
      [STRING] = 0, [TEXT] = 0, [BOOLEAN] = 3, [WHOLE] = 1, [LIST] = 4, [MAP] = 6, [STRUCT] = 5};
  char text[LONGEST];
  size_t size;
  unsigned count;
  switch (fitting ? kinds[m->type] : any(8)) {
  case 0:
    size = any_text(text);
    request_string(w, m, text, size);
    break;
  case 1:
    if (any(2) == 0)
      request_integer(w, m, (long long)any(400));
    else
      request_integer(w, m, (long long)state);
    break;
  case 2:
    request_number(w, m, any_number());
    break;
  case 3:
    request_boolean(w, m, any(2));
    break;
  case 4:
    count = any(4);
    if (!request_open_list(w, m, count, any(8) != 0)) break;
    for (unsigned i = 0; i < count && !request_is_full(w); i++) {
      request_entry(w);
      write_value(w, m->of, any(8) != 0);
    }
    request_close(w);
    break;
  case 5:
    if (!request_open_struct(w, m)) break;
    write_members(w, m->of);
    request_close(w);
    break;
  case 6:
    request_other(w, m, "function");
    break;
  default:
    request_absent(w, m);
  }
}

static void write_members(struct request_writer *w, const struct member *members) {
  char name[LONGEST];
  size_t size = any_text(name);
  if (any(16) == 0) request_unknown(w, members, name, size);
  if (any(16) == 0) request_wrong_key(w, "number");
  for (const struct member *m = members; m->name != NULL; m++) {
    if (m->need != REQUIRED && any(2) == 0)
      request_absent(w, m);
    else
      write_value(w, m, any(16) != 0);
  }
}

static void expect(bool good, const char *what, const struct request *r) {
  if (good) return;
  printf("%s: %s %s\n", what, r->operation->name, buffer_text(&r->body));
  status = 1;
}

/* Quotes and brackets of JSON are balanced, and no control character is in it. */
static bool is_balanced(const char *text) {
  int depth = 0;
  bool quoted = false;
  for (; *text != '\0'; text++) {
    if ((unsigned char)*text < 0x20) return false;
    if (quoted && *text == '\\')
      text++;
    else if (*text == '"')
      quoted = !quoted;
    else if (!quoted)
      depth += (*text == '{' || *text == '[') - (*text == '}' || *text == ']');
    if (depth == 0 && text[1] != '\0') return false;
  }
  return depth == 0 && !quoted;
}

static void check(const struct request *r, enum request_result result) {
  bool is_get = strcmp(r->operation->verb, "GET") == 0;
  expect(result != REQUEST_NO_MEMORY, "no memory", r);
  expect((r->problems.size > 0) == (result == REQUEST_REFUSED), "a reason", r);
  expect(r->problems.size < 20000, "bounded", r);
  if (result != REQUEST_BUILT) return;
  expect(is_get ? r->body.size == 0 : is_balanced(buffer_text(&r->body)), "JSON", r);
  expect(strlen(buffer_text(&r->url)) == r->url.size, "URL", r);
  expect(r->token.size > 0 && strchr(buffer_text(&r->token), '\n') == NULL, "token", r);
}

int main(void) {
  struct request r = {0};
  int built = 0, operations = 0;
  while (model_operations[operations].name != NULL) operations++;
  for (int i = 0; i < ROUNDS; i++) {
    struct request_writer w;
    const struct operation *operation = &model_operations[any((unsigned)operations)];
    request_begin(&w, &r, operation, "https://example.com", "agent");
    write_members(&w, operation->input);
    enum request_result result = request_end(&w);
    check(&r, result);
    built += result == REQUEST_BUILT;
    if (result == REQUEST_BUILT && !request_set_attempt(&r, i, ROUNDS)) status = 1;
    request_clear(&r);
  }
  request_free(&r);
  if (built < ROUNDS / 20 || built > ROUNDS - ROUNDS / 20) status = 1;
  printf("%s: %d requests built, the others refused\n", status == 0 ? "good" : "bad", built);
  return status;
}
