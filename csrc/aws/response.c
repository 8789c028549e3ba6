/* Reading answers; see response.h. */
#include "aws/response.h"
#include "lua/json.h"
#include "aws/model.h"
#include "base/ascii.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

const char *response_request_id(const struct answer *answer) {
  static const char *const names[] = {"x-amzn-requestid", "x-amzn-request-id", "x-amz-request-id",
                                      "x-amz-requestid", NULL};
  const char *value = NULL;
  for (size_t i = 0; names[i] != NULL && value == NULL; i++) value = answer_header(answer, names[i]);
  return value;
}

/* Seconds that the server asks to wait: AWS's header counts milliseconds, HTTP's seconds or names
 * a date. What cannot be read is as if it were not there. */
static bool retry_after(const struct answer *r, double *seconds) {
  const char *value = answer_header(r, "x-amz-retry-after");
  char *end;
  if (value != NULL && ascii_is_digit(*value)) {
    *seconds = (double)strtoull(value, &end, 10) / 1000;
    if (*end == '\0') return true;
  }
  value = answer_header(r, "retry-after");
  if (value == NULL) return false;
  if (ascii_is_digit(*value)) {
    *seconds = (double)strtoull(value, &end, 10);
    return *end == '\0';
  }
  time_t date = curl_getdate(value, NULL);
  *seconds = date < 0 ? -1 : difftime(date, time(NULL));
  if (date >= 0 && *seconds < 0) *seconds = 0;
  return date >= 0;
}

static bool is_one_of(const char *code, const char *const *codes) {
  for (; *codes != NULL; codes++) {
    if (strcmp(code, *codes) == 0) return true;
  }
  return false;
}

/* What may be repeated. The code beats the status: a 503 SlowDown throttles. */
static void classify(struct failure *f) {
  static const char *const throttling[] = {"Throttling",
                                           "ThrottlingException",
                                           "ThrottledException",
                                           "RequestThrottledException",
                                           "TooManyRequestsException",
                                           "ProvisionedThroughputExceededException",
                                           "TransactionInProgressException",
                                           "RequestLimitExceeded",
                                           "BandwidthLimitExceeded",
                                           "LimitExceededException",
                                           "RequestThrottled",
                                           "SlowDown",
                                           "PriorRequestNotComplete",
                                           "EC2ThrottledException",
                                           NULL};
  static const char *const final[] = {"ValidationException",           "AccessDeniedException",
                                      "ResourceNotFoundException",     "ConflictException",
                                      "ServiceQuotaExceededException", NULL};
  static const char *const transient[] = {"RequestTimeout", "RequestTimeoutException", NULL};
  if (is_one_of(f->code, final)) return;
  f->throttled = is_one_of(f->code, throttling) || (f->status == 429);
  f->retryable = f->throttled || is_one_of(f->code, transient) || f->status == 500 ||
                 f->status == 502 || f->status == 503 || f->status == 504;
}

/* restJson1: "aws.protocol#FooError:http://docs/" is FooError. Gives its place in `code`. */
static size_t sanitise_code(const char **code) {
  size_t size = strcspn(*code, ",:");
  const char *hash = memchr(*code, '#', size);
  if (hash != NULL) {
    size -= (size_t)(hash + 1 - *code);
    *code = hash + 1;
  }
  while (size > 0 && ascii_is_space(**code)) {
    (*code)++;
    size--;
  }
  while (size > 0 && ascii_is_space((*code)[size - 1])) size--;
  return size;
}

/* Pushes the error's code: header, `code`, `__type`, then the status. The body's table, or nil, is
 * on top of the stack. (+1) */
static const char *push_code(lua_State *L, const struct answer *r) {
  static const char *const fields[] = {"code", "__type", NULL};
  const char *code = answer_header(r, "x-amzn-errortype");
  size_t size = code == NULL ? 0 : sanitise_code(&code);
  for (size_t i = 0; size == 0 && fields[i] != NULL && lua_istable(L, -1); i++) {
    lua_getfield(L, -1, fields[i]);
    if (lua_type(L, -1) == LUA_TNUMBER) {
      lua_pushfstring(L, "%d", (int)lua_tonumber(L, -1));
      lua_remove(L, -2);
    }
    code = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    size = sanitise_code(&code);
    if (size > 0) {
      lua_pushlstring(L, code, size);
      lua_remove(L, -2);
      return lua_tostring(L, -1);
    }
    lua_pop(L, 1);
  }
  if (size > 0) lua_pushlstring(L, code, size);
  if (size == 0) lua_pushfstring(L, "%d", (int)r->status);
  return lua_tostring(L, -1);
}

/* Where users always stumble. */
static const char *hint(const struct operation *o, const struct failure *f) {
  if (f->status == 402) return " (the chat already has as many attachments as its instance allows)";
  if (f->status != 403) return "";
  if (strcmp(o->name, "CreateParticipantConnection") == 0) {
    return " (this operation takes the ParticipantToken of StartChatContact; it is refused once the"
           " participant has left or the chat has ended)";
  }
  return " (is the token a ConnectionToken of CreateParticipantConnection, not a ParticipantToken,"
         " and is the chat still open?)";
}

static bool is_html(const struct answer *r) {
  const char *body = buffer_text(&r->body);
  while (ascii_is_space(*body)) body++;
  return ascii_starts_nocase(body, "<html") || ascii_starts_nocase(body, "<!doctype");
}

/* Pushes what the server said, with a hint. The body's table, or nil, is on top. (+1) */
static const char *push_message(lua_State *L, const struct operation *o, const struct answer *r,
                                const struct failure *f) {
  static const char *const fields[] = {"message", "Message", "errorMessage", NULL};
  for (size_t i = 0; lua_istable(L, -1) && fields[i] != NULL; i++) {
    lua_getfield(L, -1, fields[i]);
    if (lua_type(L, -1) == LUA_TSTRING && lua_rawlen(L, -1) > 0) {
      lua_pushstring(L, hint(o, f));
      lua_concat(L, 2);
      return lua_tostring(L, -1);
    }
    lua_pop(L, 1);
  }
  bool text = r->body.size > 0 && !lua_istable(L, -1) && !is_html(r);
  if (text) {
    lua_pushlstring(L, buffer_text(&r->body), r->body.size < 512 ? r->body.size : 512);
  } else if (is_html(r)) {
    lua_pushfstring(L, "the server answered %d with an HTML page", (int)r->status);
  } else {
    lua_pushfstring(L, "the server answered %d without a message", (int)r->status);
  }
  lua_pushstring(L, hint(o, f));
  lua_concat(L, 2);
  return lua_tostring(L, -1);
}

static int push_service_error(lua_State *L, const struct operation *o, const struct answer *r,
                              const struct secrets *secrets) {
  struct failure f = {.kind = "service", .operation = o->name, .status = r->status, .attempts = 1};
  if (r->body_truncated || !json_push_object(L, buffer_text(&r->body), r->body.size)) {
    lua_pushnil(L);
  }
  int body = lua_gettop(L);
  f.request_id = response_request_id(r);
  f.has_retry_after = retry_after(r, &f.retry_after);
  f.code = push_code(L, r);
  lua_pushvalue(L, body);
  f.message = push_message(L, o, r, &f);
  classify(&f);
  return error_return(L, &f, secrets);
}

static int push_protocol_error(lua_State *L, const struct operation *o, const struct answer *r,
                               const struct secrets *secrets, const char *code,
                               const char *message) {
  struct failure f = {.kind = "protocol",
                      .code = code,
                      .message = message,
                      .operation = o->name,
                      .status = r->status,
                      .attempts = 1};
  f.request_id = response_request_id(r);
  return error_return(L, &f, secrets);
}

static void add_metadata(lua_State *L, const struct answer *r) {
  lua_createtable(L, 0, 3);
  const char *id = response_request_id(r);
  if (id != NULL) {
    lua_pushstring(L, id);
    lua_setfield(L, -2, "RequestId");
  }
  compat_pushwhole(L, (double)r->status);
  lua_setfield(L, -2, "HTTPStatusCode");
  compat_pushwhole(L, 0);
  lua_setfield(L, -2, "RetryAttempts");
  lua_setfield(L, -2, "ResponseMetadata");
}

int response_push_result(lua_State *L, const struct operation *o, const struct answer *r,
                         const struct secrets *secrets) {
  luaL_checkstack(L, 12, "response");
  if (r->status < 200 || r->status > 299) return push_service_error(L, o, r, secrets);
  if (r->body_truncated) {
    return push_protocol_error(L, o, r, secrets, "ResponseTooLarge",
                               "the answer is larger than any of this operation can be");
  }
  if (r->body.size == 0) {
    lua_newtable(L);
  } else if (!json_push_object(L, buffer_text(&r->body), r->body.size)) {
    lua_pushfstring(L, "the answer cannot be read: %s", lua_tostring(L, -1));
    return push_protocol_error(L, o, r, secrets, "InvalidResponse", lua_tostring(L, -1));
  }
  char path[JSON_PATH];
  if (!json_shape(L, -1, o->output, path)) {
    lua_pushfstring(L, "the answer does not have the shape of this operation: %s is wrong", path);
    return push_protocol_error(L, o, r, secrets, "InvalidResponse", lua_tostring(L, -1));
  }
  add_metadata(L, r);
  return 1;
}

/* Replaces the five entities that XML has of itself, and numeric ones of ASCII. */
static void add_unescaped(struct buffer *out, const char *text, size_t size) {
  static const char *const entities[] = {"&amp;&", "&lt;<", "&gt;>", "&quot;\"", "&apos;'"};
  for (size_t i = 0; i < size;) {
    size_t step = 1;
    char c = text[i];
    for (size_t e = 0; c == '&' && e < 5 && step == 1; e++) {
      size_t length = strlen(entities[e]) - 1;
      if (length > size - i || strncmp(text + i, entities[e], length) != 0) continue;
      c = entities[e][length];
      step = length;
    }
    if (c == '&' && step == 1 && i + 2 < size && text[i + 1] == '#') {
      char *end;
      bool hex = text[i + 2] == 'x';
      unsigned long code = strtoul(text + i + (hex ? 3 : 2), &end, hex ? 16 : 10);
      if (*end == ';' && code > 0 && code < 0x80 && end < text + size) {
        c = (char)code;
        step = (size_t)(end - text) - i + 1;
      }
    }
    buffer_add_char(out, c);
    i += step;
  }
}

/* S3's errors are flat: the first <Name>…</Name> is the one. False where it is missing. */
static bool xml_field(const struct answer *r, const char *name, struct buffer *out) {
  char open[64], close[64];
  snprintf(open, sizeof open, "<%s>", name);
  snprintf(close, sizeof close, "</%s>", name);
  const char *start = strstr(buffer_text(&r->body), open);
  const char *end = start == NULL ? NULL : strstr(start, close);
  if (end == NULL) return false;
  start += strlen(open);
  add_unescaped(out, start, (size_t)(end - start));
  return out->size > 0 && !out->failed;
}

static void push_xml(lua_State *L, const struct answer *r, const char *name) {
  char text[1024];
  struct buffer field = {0};
  bool found = xml_field(r, name, &field);
  size_t size = field.size < sizeof text ? field.size : sizeof text - 1;
  if (found) memcpy(text, field.data, size);
  buffer_free(&field);
  if (found) lua_pushlstring(L, text, size);
  if (!found) lua_pushnil(L);
}

int response_push_storage_error(lua_State *L, const char *operation, const char *step,
                                const struct answer *r, const struct secrets *secrets) {
  static const char *const again[] = {"OperationAborted", "BadDigest", "TemporaryRedirect", NULL};
  luaL_checkstack(L, 12, "response");
  struct failure f = {.kind = "storage",
                      .operation = operation,
                      .step = step,
                      .status = r->status,
                      .attempts = 1,
                      .request_id = response_request_id(r)};
  f.has_retry_after = retry_after(r, &f.retry_after);
  push_xml(L, r, "Code");
  if (lua_isnil(L, -1)) lua_pushfstring(L, "%d", (int)r->status);
  f.code = lua_tostring(L, -1);
  push_xml(L, r, "Message");
  if (lua_isnil(L, -1)) {
    lua_pushfstring(L, "the object store answered %d%s", (int)r->status,
                    is_html(r) ? " with an HTML page" : " without a message");
  }
  f.message = lua_tostring(L, -1);
  if (f.request_id == NULL) {
    push_xml(L, r, "RequestId");
    f.request_id = lua_tostring(L, -1);
  }
  classify(&f);
  f.retryable = f.retryable || is_one_of(f.code, again);
  return error_return(L, &f, secrets);
}
