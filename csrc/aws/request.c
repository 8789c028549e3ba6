/* Building requests; see request.h. */
#include "aws/request.h"
#include "lua/json.h"
#include "aws/model.h"
#include "base/random.h"
#include "base/secrets.h"
#include "base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Enough for people to see what is wrong; a table of a million strangers must not fill memory. */
enum { MOST_PROBLEMS = 20, PATH_SIZE = 160 };

struct building {
  lua_State *L;
  struct request *request;
  int problems;
  char client_token[UUID_SIZE]; /* for a caller without one */
};

static void problem(struct building *b, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void problem(struct building *b, const char *path, const char *format, ...) {
  struct buffer *out = &b->request->problems;
  if (b->problems++ >= MOST_PROBLEMS) return;
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  buffer_format(out, "%s%s %s", out->size > 0 ? "; " : "", path, text);
}

/* Says that a count lies outside the limits of a member. */
static void check_count(struct building *b, const struct member *m, const char *path,
                        double count) {
  const char *rule = m->min == m->max ? "exactly" : count < m->min ? "at least" : "at most";
  double limit = count < m->min ? m->min : m->max;
  if (count >= m->min && (m->max == 0 || count <= m->max)) return;
  const char *unit = m->type == LIST ? "entr" : "character";
  const char *ending = m->type == LIST ? (limit == 1 ? "y" : "ies") : (limit == 1 ? "" : "s");
  problem(b, path, "must have %s %.0f %s%s, not %.0f", rule, limit, unit, ending, count);
}

/* Finds the value among an enumeration's; NULL ends it. */
static void check_enumeration(struct building *b, const struct member *m, const char *path,
                              const char *value) {
  struct buffer list = {0};
  const char *nearest = NULL;
  size_t least = 0;
  for (const char *const *v = m->values; *v != NULL; v++) {
    if (strcmp(*v, value) == 0) {
      buffer_free(&list);
      return;
    }
    size_t distance = text_distance(value, *v);
    if (nearest == NULL || distance < least) {
      nearest = *v;
      least = distance;
    }
    buffer_format(&list, "%s%s", v == m->values ? "" : ", ", *v);
  }
  bool near = text_is_near(value, least);
  problem(b, path, "must be one of %s%s%s%s", buffer_text(&list), near ? " (did you mean " : "",
          near ? nearest : "", near ? "?)" : "");
  buffer_free(&list);
}

/* Checks the string at the top of the stack; true when it may be sent. */
static bool check_string(struct building *b, const struct member *m, const char *path) {
  size_t size;
  int before = b->problems;
  const char *text = lua_tolstring(b->L, -1, &size);
  bool plain = text_is_plain(text, size);
  long length = plain ? (long)size : text_length(text, size);
  if (length < 0) {
    problem(b, path, "must be valid UTF-8");
    return false;
  }
  check_count(b, m, path, (double)length);
  if (!plain && text_has_control(text, size, m->type == TEXT ? TEXT_LINES : TEXT_ONE_LINE)) {
    problem(b, path, "must not hold control characters");
  }
  if (m->place == IN_HEADER && size > 0 && (text[0] == ' ' || text[size - 1] == ' ')) {
    problem(b, path, "must not begin or end with a space");
  }
  if (m->values != NULL) check_enumeration(b, m, path, text);
  return b->problems == before;
}

static void add_string(struct building *b, const struct member *m, const char *path) {
  struct request *r = b->request;
  if (!check_string(b, m, path)) return;
  size_t size;
  const char *text = lua_tolstring(b->L, -1, &size);
  if (m->place == IN_BODY) {
    json_add_string(b->L, &r->body, -1);
  } else if (m->place == IN_HEADER) {
    buffer_add_text(&r->headers, "X-Amz-Bearer: ");
    buffer_add(&r->headers, text, size + 1);
    buffer_add(&r->token, text, size);
  }
  if (m->need == TOKEN) buffer_add(&r->client_token, text, size);
}

static void add_whole(struct building *b, const struct member *m, const char *path) {
  lua_Number number = lua_tonumber(b->L, -1);
  double value = (double)number;
#if LUA_VERSION_NUM >= 503
  /* An integer beyond 2^53 would be rounded into the limits by the conversion to a double. */
  if (lua_isinteger(b->L, -1)) {
    lua_Integer integer = lua_tointeger(b->L, -1);
    if (m->max > 0 && integer > (lua_Integer)m->max) value = INFINITY;
  }
#endif
  if (isnan(value) || (isfinite(value) && value != floor(value))) {
    problem(b, path, "must be a whole number");
  } else if (value < m->min) {
    problem(b, path, "must be at least %.0f", m->min);
  } else if (m->max > 0 && value > m->max) {
    problem(b, path, "must be at most %.0f", m->max);
  } else {
    buffer_add_whole(&b->request->body, (unsigned long long)value);
  }
}

static void add_value(struct building *b, const struct member *m, const char *path);

static void add_list(struct building *b, const struct member *m, const char *path) {
  lua_State *L = b->L;
  struct buffer *body = &b->request->body;
  size_t count = lua_rawlen(L, -1), keys = 0;
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    lua_pop(L, 1);
    keys++;
  }
  if (keys != count) {
    problem(b, path, "must be a list, with entries from 1 on and nothing else");
    return;
  }
  check_count(b, m, path, (double)count);
  /* What is over the limit is already said once, and need not be said of each entry. */
  if (m->max > 0 && (double)count > m->max) return;
  buffer_add_char(body, '[');
  for (size_t i = 1; i <= count && b->problems < MOST_PROBLEMS; i++) {
    char entry[PATH_SIZE];
    snprintf(entry, sizeof entry, "%s[%zu]", path, i);
    if (i > 1) buffer_add_char(body, ',');
    lua_rawgeti(L, -1, (int)i);
    add_value(b, m->of, entry);
    lua_pop(L, 1);
  }
  buffer_add_char(body, ']');
}

static void add_struct(struct building *b, const struct member *members, const char *path);

static void wrong_type(struct building *b, const char *path, const char *wanted) {
  problem(b, path, "must be %s, not %s", wanted,
          lua_type(b->L, -1) == LUA_TNIL ? "nil" : luaL_typename(b->L, -1));
}

/* Checks the value on top of the stack and appends it where it goes. */
static void add_value(struct building *b, const struct member *m, const char *path) {
  int type = lua_type(b->L, -1);
  luaL_checkstack(b->L, 8, "parameters");
  switch (m->type) {
  case STRING:
  case TEXT:
    if (type != LUA_TSTRING) wrong_type(b, path, "a string");
    if (type == LUA_TSTRING) add_string(b, m, path);
    break;
  case WHOLE:
    if (type != LUA_TNUMBER) wrong_type(b, path, "a whole number");
    if (type == LUA_TNUMBER) add_whole(b, m, path);
    break;
  case BOOLEAN:
    if (type != LUA_TBOOLEAN) wrong_type(b, path, "a boolean");
    if (type == LUA_TBOOLEAN)
      buffer_add_text(&b->request->body, lua_toboolean(b->L, -1) ? "true" : "false");
    break;
  case LIST:
    if (type != LUA_TTABLE) wrong_type(b, path, "a list");
    if (type == LUA_TTABLE) add_list(b, m, path);
    break;
  case STRUCT:
  case MAP: /* no operation takes one */
    if (type != LUA_TTABLE) wrong_type(b, path, "a table");
    if (type == LUA_TTABLE) add_struct(b, m->of, path);
    break;
  }
}

/* Names a stranger among the members, with the one that was probably meant. */
static void unknown(struct building *b, const struct member *members, const char *path,
                    const char *name, size_t size) {
  const char *nearest = NULL;
  size_t least = 0;
  for (const struct member *m = members; m->name != NULL; m++) {
    size_t distance = text_distance(name, m->name);
    if (nearest == NULL || distance < least) {
      nearest = m->name;
      least = distance;
    }
  }
  char shown[160];
  struct buffer clean = {0};
  secrets_add_clean(&clean, name, size, NULL, 64);
  snprintf(shown, sizeof shown, "%s%s%s", path, *path != '\0' ? "." : "", buffer_text(&clean));
  buffer_free(&clean);
  if (nearest != NULL && text_is_near(nearest, least)) {
    problem(b, shown, "is no member of %s (did you mean %s?)", b->request->operation->name,
            nearest);
  } else {
    problem(b, shown, "is no member of %s", b->request->operation->name);
  }
}

/* Puts the value of every member on the stack, in their order, and nil where there is none; says
 * which keys of the table on top are no members. Returns the index of the first. (+members) */
static int push_members(struct building *b, const struct member *members, const char *path) {
  lua_State *L = b->L;
  int table = lua_gettop(L), first = table + 1, count = 0;
  while (members[count].name != NULL) count++;
  luaL_checkstack(L, count + 8, "parameters");
  lua_settop(L, table + count);
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    if (lua_type(L, -2) != LUA_TSTRING) {
      problem(b, *path != '\0' ? path : "the parameters", "must have names only, not a %s as key",
              luaL_typename(L, -2));
      lua_pop(L, 1);
      continue;
    }
    size_t size;
    const char *name = lua_tolstring(L, -2, &size);
    int i = 0;
    while (i < count && strcmp(members[i].name, name) != 0) i++;
    bool known = i < count && strlen(name) == size;
    if (!known) unknown(b, members, path, name, size);
    if (known) lua_replace(L, first + i);
    if (!known) lua_pop(L, 1);
  }
  return first;
}

/* The table is on top of the stack. */
static void add_struct(struct building *b, const struct member *members, const char *path) {
  lua_State *L = b->L;
  struct buffer *body = &b->request->body;
  const char *separator = "\"";
  int table = lua_gettop(L), first = push_members(b, members, path);
  buffer_add_char(body, '{');
  for (const struct member *m = members; m->name != NULL; m++) {
    char joined[PATH_SIZE];
    const char *inner = m->name;
    if (*path != '\0') {
      snprintf(joined, sizeof joined, "%s.%s", path, m->name);
      inner = joined;
    }
    bool ours = m->need == TOKEN && lua_isnil(L, first + (int)(m - members));
    if (ours) lua_pushstring(L, b->client_token);
    if (!ours) lua_pushvalue(L, first + (int)(m - members));
    if (lua_isnil(L, -1)) {
      if (m->need == REQUIRED) problem(b, inner, "is required");
    } else {
      if (m->place == IN_BODY) {
        buffer_add_text(body, separator);
        buffer_add_text(body, m->name);
        buffer_add(body, "\":", 2);
        separator = ",\"";
      }
      add_value(b, m, inner);
    }
    lua_pop(L, 1);
  }
  lua_settop(L, table);
  buffer_add_char(body, '}');
}

static void add_url(struct building *b, const char *endpoint) {
  struct request *r = b->request;
  const char *path = r->operation->path, *hole = strstr(path, "{}");
  buffer_add_text(&r->url, endpoint);
  if (hole == NULL) {
    buffer_add_text(&r->url, path);
    return;
  }
  buffer_add(&r->url, path, (size_t)(hole - path));
  for (const struct member *m = r->operation->input; m->name != NULL; m++) {
    if (m->place != IN_PATH) continue;
    size_t size;
    lua_pushstring(b->L, m->name);
    lua_rawget(b->L, -2);
    const char *text = lua_tolstring(b->L, -1, &size);
    text_add_percent(&r->url, text, size);
    lua_pop(b->L, 1);
  }
  buffer_add_text(&r->url, hole + 2);
}

static void add_header(struct request *r, const char *name, const char *value) {
  buffer_add_text(&r->headers, name);
  buffer_add(&r->headers, value, strlen(value) + 1);
}

bool request_build(lua_State *L, struct request *r, int params, const char *endpoint,
                   const char *user_agent) {
  struct building b = {.L = L, .request = r};
  char invocation_id[UUID_SIZE];
  r->token.secret = r->headers.secret = true;
  random_uuids(b.client_token, invocation_id);
  bool get = strcmp(r->operation->verb, "GET") == 0;
  lua_pushvalue(L, params);
  add_struct(&b, r->operation->input, "");
  if (b.problems == 0) add_url(&b, endpoint);
  lua_pop(L, 1);
  if (b.problems > MOST_PROBLEMS) {
    buffer_format(&r->problems, "; and %d more", b.problems - MOST_PROBLEMS);
  }
  if (get) buffer_clear(&r->body);
  if (!get) add_header(r, "Content-Type: ", "application/json");
  add_header(r, "User-Agent: ", user_agent);
  add_header(r, "amz-sdk-invocation-id: ", invocation_id);
  r->attempt_line = r->headers.size;
  return b.problems == 0;
}

void request_set_attempt(struct request *r, int attempt, int max_attempts) {
  r->headers.size = r->attempt_line;
  buffer_add_text(&r->headers, "amz-sdk-request: attempt=");
  buffer_add_whole(&r->headers, (unsigned)attempt);
  buffer_add_text(&r->headers, "; max=");
  buffer_add_whole(&r->headers, (unsigned)max_attempts);
  buffer_add(&r->headers, "\0", 2);
}

bool request_failed(const struct request *r) {
  return r->url.failed || r->headers.failed || r->body.failed || r->token.failed ||
         r->client_token.failed || r->problems.failed;
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
