/* Pushing results; see result.h. */
#include "lua/result.h"
#include "aws/model.h"
#include "aws/response.h"
#include "aws/storage.h"
#include "base/ascii.h"
#include "lua/error.h"
#include "lua/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* 2^53: a double represents every whole number up to here. */
#define LARGEST_WHOLE 9007199254740992.0

enum { CODE_DIGITS = 32 };

/* The value on top of the stack as an error code, or NULL. A number is formatted into `digits`
 * unless it has a fraction or exceeds 2^53. */
static const char *code_of(lua_State *L, char digits[CODE_DIGITS]) {
  if (lua_type(L, -1) == LUA_TSTRING) return lua_tostring(L, -1);
  if (lua_type(L, -1) != LUA_TNUMBER) return NULL;
  double number = (double)lua_tonumber(L, -1);
  if (!(fabs(number) <= LARGEST_WHOLE) || number != floor(number)) return NULL;
  snprintf(digits, CODE_DIGITS, "%.0f", number + 0.0); /* no "-0" */
  return digits;
}

/* How well a key matches a name: 2 exactly, 1 ignoring case, 0 not at all. */
static int fit(const char *key, const char *name) {
  return strcmp(key, name) == 0 ? 2 : ascii_equal_nocase(key, name) ? 1 : 0;
}

/* The fields of an error's body, and room for a numeric code. */
struct found {
  struct response_fields fields;
  char digits[CODE_DIGITS];
};

/* Finds the error's fields in the table on top of the stack, which keeps the strings alive. */
static void read_fields(lua_State *L, struct found *found) {
  struct response_fields *fields = &found->fields;
  int best_code = 0, best_message = 0;
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    int code = fit(key, "code"), message = 2 * fit(key, "message");
    if (message == 0) message = fit(key, "errorMessage") > 0;
    if (code > best_code && code_of(L, found->digits) != NULL) {
      best_code = code;
      fields->code = code_of(L, found->digits);
    } else if (text != NULL && strcmp(key, "__type") == 0) {
      fields->type = text;
    } else if (text != NULL && *text != '\0' && message > best_message) {
      best_message = message;
      fields->message = text;
    }
    lua_pop(L, 1);
  }
}

static int push_service_error(lua_State *L, const struct operation *operation,
                              const struct answer *answer, const struct secrets *secrets) {
  struct response_error error;
  struct found found = {.digits = ""};
  if (!answer->body_truncated)
    found.fields.is_object = json_push_object(L, buffer_text(&answer->body), answer->body.size);
  if (found.fields.is_object) read_fields(L, &found);
  response_read_error(&error, operation, answer, &found.fields, time(NULL));
  return error_return(L, &error.failure, secrets);
}

static int push_protocol_error(lua_State *L, const struct operation *operation,
                               const struct answer *answer, const struct secrets *secrets,
                               const char *code, const char *message) {
  struct failure f = {.kind = "protocol",
                      .code = code,
                      .message = message,
                      .operation = operation->name,
                      .request_id = response_request_id(answer),
                      .status = answer->status,
                      .attempts = 1};
  return error_return(L, &f, secrets);
}

static void add_metadata(lua_State *L, const struct answer *answer, const struct secrets *secrets) {
  lua_createtable(L, 0, 3);
  error_set_text(L, "RequestId", response_request_id(answer), secrets, ERROR_LONGEST_FIELD);
  compat_pushwhole(L, (double)answer->status);
  lua_setfield(L, -2, "HTTPStatusCode");
  compat_pushwhole(L, 0);
  lua_setfield(L, -2, "RetryAttempts");
  lua_setfield(L, -2, "ResponseMetadata");
}

int result_push(lua_State *L, const struct operation *operation, const struct answer *answer,
                const struct secrets *secrets) {
  luaL_checkstack(L, 12, "result");
  if (answer->status < 200 || answer->status > 299)
    return push_service_error(L, operation, answer, secrets);
  if (answer->body_truncated) {
    return push_protocol_error(L, operation, answer, secrets, "ResponseTooLarge",
                               "the answer is larger than any this operation can give");
  }
  if (answer->body.size == 0) {
    lua_newtable(L);
  } else if (!json_push_object(L, buffer_text(&answer->body), answer->body.size)) {
    lua_pushfstring(L, "the answer cannot be read: %s", lua_tostring(L, -1));
    return push_protocol_error(L, operation, answer, secrets, "InvalidResponse",
                               lua_tostring(L, -1));
  }
  char path[JSON_PATH];
  if (!json_shape(L, -1, operation->output, path)) {
    lua_pushfstring(L, "the answer does not match this operation's model: %s is wrong", path);
    return push_protocol_error(L, operation, answer, secrets, "InvalidResponse",
                               lua_tostring(L, -1));
  }
  add_metadata(L, answer, secrets);
  return 1;
}

int result_push_storage_error(lua_State *L, const char *operation, const char *step,
                              const struct answer *answer, const struct secrets *secrets) {
  struct response_error error;
  storage_read_error(&error, answer, secrets, time(NULL));
  error.failure.operation = operation;
  error.failure.step = step;
  return error_return(L, &error.failure, secrets);
}
