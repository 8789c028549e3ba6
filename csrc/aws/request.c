/* Building requests; see request.h. */
#include "aws/request.h"
#include "aws/model.h"
#include "base/secrets.h"
#include "base/suggest.h"
#include "base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Violations beyond MOST_PROBLEMS are only counted, so that a table with a million unknown keys
 * does not fill memory. */
enum { MOST_PROBLEMS = 20, PATH_SIZE = 160, LONGEST_PROBLEM = 512, LONGEST_NAME = 64 };

/* 2^53: a double represents every whole number up to here. */
#define LARGEST_WHOLE 9007199254740992.0

/* Appends a name to a path: "Type[1]", "StartPosition.MostRecent". */
static void add_name(char path[PATH_SIZE], const char *name, size_t entry) {
  size_t size = strlen(path);
  bool dot = size > 0 && *name != '\0';
  int added = snprintf(path + size, PATH_SIZE - size, "%s%s", dot ? "." : "", name);
  if (added > 0 && size + (size_t)added < PATH_SIZE) size += (size_t)added;
  if (entry > 0) snprintf(path + size, PATH_SIZE - size, "[%zu]", entry);
}

/* Writes the path of a member of the innermost open structure or list. */
static void write_path(const struct request_writer *w, const char *name, char path[PATH_SIZE]) {
  path[0] = '\0';
  for (int i = 1; i <= w->depth; i++) add_name(path, w->levels[i].member->name, w->levels[i].entry);
  add_name(path, name, 0);
}

static void add_problem(struct request_writer *w, const char *path, const char *format,
                        va_list arguments) {
  struct buffer *out = &w->request->problems;
  char text[LONGEST_PROBLEM];
  if (w->problems++ >= MOST_PROBLEMS) return;
  vsnprintf(text, sizeof text, format, arguments);
  buffer_format(out, "%s%s %s", out->size > 0 ? "; " : "", path, text);
}

/* Records a violation at the path. */
static void problem_at(struct request_writer *w, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void problem_at(struct request_writer *w, const char *path, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  add_problem(w, path, format, arguments);
  va_end(arguments);
}

/* Records a violation of a member of the innermost open structure. */
static void problem(struct request_writer *w, const struct member *m, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void problem(struct request_writer *w, const struct member *m, const char *format, ...) {
  char path[PATH_SIZE];
  va_list arguments;
  write_path(w, m->name, path);
  va_start(arguments, format);
  add_problem(w, path, format, arguments);
  va_end(arguments);
}

/* Writes what precedes a value in JSON: a comma if needed, and a member's name. */
static void begin_value(struct request_writer *w, const struct member *m) {
  struct buffer *body = &w->request->body;
  bool begun = w->levels[w->depth].begun;
  if (m->place != IN_BODY) return;
  w->levels[w->depth].begun = true;
  if (w->levels[w->depth].entry > 0) {
    if (begun) buffer_add_char(body, ',');
    return;
  }
  buffer_add_text(body, begun ? ",\"" : "\"");
  buffer_add_text(body, m->name);
  buffer_add(body, "\":", 2);
}

/* Records a violation if the count is outside the member's limits. */
static void check_count(struct request_writer *w, const struct member *m, double count) {
  const char *rule = m->min == m->max ? "exactly" : count < m->min ? "at least" : "at most";
  double limit = count < m->min ? m->min : m->max;
  if (count >= m->min && (m->max == 0 || count <= m->max)) return;
  const char *unit = m->type == LIST ? "entr" : "character";
  const char *ending = m->type == LIST ? (limit == 1 ? "y" : "ies") : (limit == 1 ? "" : "s");
  problem(w, m, "must have %s %.0f %s%s, not %.0f", rule, limit, unit, ending, count);
}

static bool is_value(const struct member *m, const char *text) {
  for (const char *const *v = m->values; *v != NULL; v++) {
    if (strcmp(*v, text) == 0) return true;
  }
  return false;
}

/* Records a violation, listing the enumeration's values, if the text is not one of them. */
static void check_enumeration(struct request_writer *w, const struct member *m, const char *text) {
  struct suggestion s = {.name = text};
  char list[LONGEST_PROBLEM] = "";
  if (is_value(m, text)) return;
  for (const char *const *v = m->values; *v != NULL; v++) {
    size_t size = strlen(list);
    suggest_consider(&s, *v);
    snprintf(list + size, sizeof list - size, "%s%s", size > 0 ? ", " : "", *v);
  }
  const char *meant = suggest_nearest(&s);
  problem(w, m, "must be one of %.400s%s%s%s", list, meant != NULL ? " (did you mean " : "",
          meant != NULL ? meant : "", meant != NULL ? "?)" : "");
}

/* Validates a string; `plain` is the result of text_is_plain. */
static bool check_string(struct request_writer *w, const struct member *m, const char *text,
                         size_t size, bool plain) {
  int before = w->problems;
  long length = plain ? (long)size : text_length(text, size);
  if (length < 0) {
    problem(w, m, "must be valid UTF-8");
    return false;
  }
  check_count(w, m, (double)length);
  if (!plain && text_has_control(text, size, m->type == TEXT ? TEXT_LINES : TEXT_ONE_LINE))
    problem(w, m, "must not contain control characters");
  if (m->place == IN_HEADER && size > 0 && (text[0] == ' ' || text[size - 1] == ' '))
    problem(w, m, "must not begin or end with a space");
  if (m->values != NULL) check_enumeration(w, m, text);
  return w->problems == before;
}

static void add_escape(struct buffer *out, unsigned char c) {
  static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt", digits[] = "0123456789abcdef";
  for (const char *n = named; *n != '\0'; n += 2) {
    if ((unsigned char)*n != c) continue;
    char two[2] = {'\\', n[1]};
    buffer_add(out, two, sizeof two);
    return;
  }
  char six[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
  buffer_add(out, six, sizeof six);
}

/* Appends valid UTF-8 as a JSON string. */
static void add_json(struct buffer *out, const char *text, size_t size) {
  size_t from = 0;
  buffer_add_char(out, '"');
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) continue;
    buffer_add(out, text + from, i - from);
    add_escape(out, c);
    from = i + 1;
  }
  buffer_add(out, text + from, size - from);
  buffer_add_char(out, '"');
}

static void write_string(struct request_writer *w, const struct member *m, const char *text,
                         size_t size) {
  struct request *r = w->request;
  begin_value(w, m);
  if (m->place == IN_BODY) add_json(&r->body, text, size);
  if (m->place == IN_PATH) text_add_percent(&r->url, text, size);
  if (m->place == IN_HEADER) {
    buffer_add_text(&r->headers, "X-Amz-Bearer: ");
    buffer_add(&r->headers, text, size);
    buffer_add(&r->headers, "", 1);
    buffer_add(&r->token, text, size);
  }
  if (m->need == TOKEN) buffer_add(&r->client_token, text, size);
}

void request_absent(struct request_writer *w, const struct member *m) {
  if (m->need == REQUIRED) problem(w, m, "is required");
  if (m->need == TOKEN) write_string(w, m, w->client_token, UUID_SIZE - 1);
}

void request_string(struct request_writer *w, const struct member *m, const char *text,
                    size_t size) {
  if (m->type != STRING && m->type != TEXT) {
    request_other(w, m, "string");
  } else if (check_string(w, m, text, size, text_is_plain(text, size))) {
    write_string(w, m, text, size);
  }
}

static void write_whole(struct request_writer *w, const struct member *m,
                        unsigned long long value) {
  begin_value(w, m);
  buffer_add_whole(&w->request->body, value);
}

/* Compare as integers: converted to a double, a value beyond 2^53 could round to within the limits.
 * The limits themselves are exact in both types. */
void request_integer(struct request_writer *w, const struct member *m, long long value) {
  if (m->type != WHOLE) {
    request_other(w, m, "number");
  } else if (value < (long long)m->min) {
    problem(w, m, "must be at least %.0f", m->min);
  } else if (m->max > 0 && value > (long long)m->max) {
    problem(w, m, "must be at most %.0f", m->max);
  } else {
    write_whole(w, m, (unsigned long long)value);
  }
}

void request_number(struct request_writer *w, const struct member *m, double value) {
  bool has_no_fraction = !isnan(value) && (isinf(value) || value == floor(value));
  if (m->type == WHOLE && !has_no_fraction) {
    problem(w, m, "must be a whole number");
  } else if (m->type == WHOLE && value > LARGEST_WHOLE) {
    problem(w, m, "must be at most %.0f", m->max > 0 ? m->max : LARGEST_WHOLE);
  } else if (m->type == WHOLE && value < m->min) {
    problem(w, m, "must be at least %.0f", m->min);
  } else {
    request_integer(w, m, m->type == WHOLE ? (long long)value : 0);
  }
}

void request_boolean(struct request_writer *w, const struct member *m, bool value) {
  if (m->type != BOOLEAN) {
    request_other(w, m, "boolean");
    return;
  }
  begin_value(w, m);
  buffer_add_text(&w->request->body, value ? "true" : "false");
}

void request_other(struct request_writer *w, const struct member *m, const char *type) {
  static const char *const wanted[] = {
      [STRING] = "a string",      [TEXT] = "a string", [BOOLEAN] = "a boolean",
      [WHOLE] = "a whole number", [LIST] = "a list",   [MAP] = "a table",
      [STRUCT] = "a table"};
  problem(w, m, "must be %s, not %s", wanted[m->type], type);
}

static void open_level(struct request_writer *w, const struct member *m, char bracket) {
  begin_value(w, m);
  w->depth++;
  w->levels[w->depth].member = m;
  w->levels[w->depth].entry = 0;
  w->levels[w->depth].begun = false;
  buffer_add_char(&w->request->body, bracket);
}

bool request_open_struct(struct request_writer *w, const struct member *m) {
  bool may = m->type == STRUCT && w->depth + 1 < REQUEST_DEPTH;
  if (may) open_level(w, m, '{');
  if (!may) request_other(w, m, "table");
  return may;
}

bool request_open_list(struct request_writer *w, const struct member *m, size_t count,
                       bool is_list) {
  if (m->type != LIST || w->depth + 1 >= REQUEST_DEPTH) {
    request_other(w, m, "table");
    return false;
  }
  if (!is_list) {
    problem(w, m, "must be a list, with keys from 1 on and no others");
    return false;
  }
  check_count(w, m, (double)count);
  /* The list is refused as a whole; no need to validate each entry. */
  if (m->max > 0 && (double)count > m->max) return false;
  open_level(w, m, '[');
  return true;
}

void request_entry(struct request_writer *w) {
  w->levels[w->depth].entry++;
}

void request_close(struct request_writer *w) {
  const struct member *m = w->levels[w->depth].member;
  bool is_list = m != NULL && m->type == LIST;
  buffer_add_char(&w->request->body, is_list ? ']' : '}');
  w->depth--;
}

void request_unknown(struct request_writer *w, const struct member *members, const char *name,
                     size_t size) {
  struct suggestion s = {.name = name};
  struct buffer clean = {0};
  char path[PATH_SIZE];
  if (request_is_full(w)) {
    w->problems++;
    return;
  }
  for (const struct member *m = members; m->name != NULL; m++) suggest_consider(&s, m->name);
  if (!secrets_add_clean(&clean, name, size, NULL, LONGEST_NAME))
    w->request->problems.failed = true;
  write_path(w, buffer_text(&clean), path);
  buffer_free(&clean);
  const char *meant = suggest_nearest(&s);
  problem_at(w, path, "is not a member of %s%s%s%s", w->request->operation->name,
             meant != NULL ? " (did you mean " : "", meant != NULL ? meant : "",
             meant != NULL ? "?)" : "");
}

void request_wrong_key(struct request_writer *w, const char *type) {
  char path[PATH_SIZE];
  write_path(w, "", path);
  problem_at(w, *path != '\0' ? path : "the parameters", "must have names only, not a %s as key",
             type);
}

bool request_is_full(const struct request_writer *w) {
  return w->problems >= MOST_PROBLEMS;
}

static void add_header(struct request *r, const char *name, const char *value) {
  buffer_add_text(&r->headers, name);
  buffer_add(&r->headers, value, strlen(value) + 1);
}

void request_begin(struct request_writer *w, struct request *r, const struct operation *operation,
                   const char *endpoint, const char *user_agent) {
  const char *path = operation->path, *hole = strstr(path, "{}");
  size_t before = hole != NULL ? (size_t)(hole - path) : strlen(path);
  *w = (struct request_writer){.request = r, .user_agent = user_agent};
  w->path_rest = hole != NULL ? hole + 2 : "";
  r->operation = operation;
  r->token.secret = r->headers.secret = r->body.secret = r->client_token.secret = true;
  random_uuid(w->client_token);
  random_uuid(w->invocation_id);
  buffer_add_text(&r->url, endpoint);
  buffer_add(&r->url, path, before);
  buffer_add_char(&r->body, '{');
}

static bool is_whole(const struct request *r) {
  return !r->url.failed && !r->headers.failed && !r->body.failed && !r->token.failed &&
         !r->client_token.failed && !r->problems.failed;
}

enum request_result request_end(struct request_writer *w) {
  struct request *r = w->request;
  bool has_body = strcmp(r->operation->verb, "GET") != 0;
  buffer_add_char(&r->body, '}');
  buffer_add_text(&r->url, w->path_rest);
  if (w->problems > MOST_PROBLEMS)
    buffer_format(&r->problems, "; and %d more", w->problems - MOST_PROBLEMS);
  if (has_body) add_header(r, "Content-Type: ", "application/json");
  add_header(r, "User-Agent: ", w->user_agent);
  add_header(r, "amz-sdk-invocation-id: ", w->invocation_id);
  r->attempt_line = r->headers.size;
  if (!is_whole(r)) return REQUEST_NO_MEMORY;
  if (!has_body) buffer_clear(&r->body);
  return w->problems == 0 ? REQUEST_BUILT : REQUEST_REFUSED;
}

bool request_set_attempt(struct request *r, int attempt, int max_attempts) {
  r->headers.size = r->attempt_line;
  buffer_add_text(&r->headers, "amz-sdk-request: attempt=");
  buffer_add_whole(&r->headers, (unsigned)attempt);
  buffer_add_text(&r->headers, "; max=");
  buffer_add_whole(&r->headers, (unsigned)max_attempts);
  return buffer_add(&r->headers, "\0", 2);
}

void request_clear(struct request *r) {
  r->operation = NULL;
  r->attempt_line = 0;
  buffer_recycle(&r->url);
  buffer_recycle(&r->headers);
  buffer_recycle(&r->body);
  buffer_recycle(&r->token);
  buffer_recycle(&r->client_token);
  buffer_recycle(&r->problems);
}

void request_free(struct request *r) {
  buffer_free(&r->url);
  buffer_free(&r->headers);
  buffer_free(&r->body);
  buffer_free(&r->token);
  buffer_free(&r->client_token);
  buffer_free(&r->problems);
}
