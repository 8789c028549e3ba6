/* Error objects; see error.h. */
#include "lua/error.h"
#include "lua/fields.h"

#include <stdio.h>
#include <string.h>

#define ERROR_TYPE "connectparticipant.error"

/* A validation error's list of violations is our own text and gets more room. */
enum { LONGEST_MESSAGE = 2048, MOST_VIOLATIONS = 4096, LONGEST_FIELD = ERROR_LONGEST_FIELD };

void error_set_text(lua_State *L, const char *field, const char *text,
                    const struct secrets *secrets, size_t limit) {
  if (text == NULL) return;
  /* lua_pushlstring may raise, so copy to the stack and free the buffer first. */
  char room[MOST_VIOLATIONS + sizeof "..."];
  struct buffer clean = {0};
  bool whole = secrets_add_clean(&clean, text, strlen(text), secrets, limit);
  size_t size = whole ? clean.size : 0;
  if (size > 0) memcpy(room, clean.data, size);
  buffer_free(&clean);
  if (whole) lua_pushlstring(L, room, size);
  if (!whole) lua_pushliteral(L, "(out of memory)");
  lua_setfield(L, -2, field);
}

/* A whole number; 0 if it is missing, not a number or out of range. */
static long small_field(const struct fields *f, int which) {
  double number = fields_number(f, which, 0);
  return number >= 0 && number < 1e9 ? (long)number : 0;
}

enum field_of_error {
  KIND,
  CODE,
  MESSAGE,
  HINT,
  OPTION,
  OPERATION,
  STEP,
  REQUEST_ID,
  ATTACHMENT_ID,
  STATUS,
  ATTEMPTS,
  RETRY_AFTER,
  RETRYABLE,
  THROTTLED,
  CAUSE,
  SECRET_TOKEN,
  SECRET_URL,
  SECRET_PROXY,
  FIELDS
};

/* A field of the wrong type is left out, not refused: some come from a caller's parameters, and a
 * mistake there must not mask the error that is being reported. */
static const struct field fields_of_error[] = {
    [KIND] = {"kind", LUA_TNONE},
    [CODE] = {"code", LUA_TNONE},
    [MESSAGE] = {"message", LUA_TNONE},
    [HINT] = {"hint", LUA_TNONE},
    [OPTION] = {"option", LUA_TNONE},
    [OPERATION] = {"operation", LUA_TNONE},
    [STEP] = {"step", LUA_TNONE},
    [REQUEST_ID] = {"request_id", LUA_TNONE},
    [ATTACHMENT_ID] = {"attachment_id", LUA_TNONE},
    [STATUS] = {"status", LUA_TNONE},
    [ATTEMPTS] = {"attempts", LUA_TNONE},
    [RETRY_AFTER] = {"retry_after", LUA_TNONE},
    [RETRYABLE] = {"retryable", LUA_TNONE},
    [THROTTLED] = {"throttled", LUA_TNONE},
    [CAUSE] = {"cause", LUA_TNONE},
    [SECRET_TOKEN] = {"token", LUA_TNONE},
    [SECRET_URL] = {"url", LUA_TNONE},
    [SECRET_PROXY] = {"proxy", LUA_TNONE},
    [FIELDS] = {NULL, 0},
};

/* "StartAttachmentUpload: put: AccessDenied: Request has expired (hint) [status 403, request id
 * 42]" */
static int error_tostring(lua_State *L) {
  static const int leading[] = {OPERATION, STEP, CODE};
  lua_settop(L, 1);
  struct fields err = fields_read(L, 1, NULL, fields_of_error);
  luaL_Buffer out;
  luaL_buffinit(L, &out);
  for (size_t i = 0; i < 3; i++) {
    const char *text = fields_text(&err, leading[i], NULL);
    if (text == NULL) continue;
    luaL_addstring(&out, text);
    luaL_addstring(&out, ": ");
  }
  const char *message = fields_text(&err, MESSAGE, NULL), *hint = fields_text(&err, HINT, NULL);
  const char *id = fields_text(&err, REQUEST_ID, NULL);
  char status[32] = "";
  if (small_field(&err, STATUS) > 0)
    snprintf(status, sizeof status, "status %ld", small_field(&err, STATUS));
  luaL_addstring(&out, message != NULL ? message : "unknown error");
  const char *const rest[] = {hint != NULL ? " (" : "",
                              hint != NULL ? hint : "",
                              hint != NULL ? ")" : "",
                              *status != '\0' || id != NULL ? " [" : "",
                              status,
                              *status != '\0' && id != NULL ? ", " : "",
                              id != NULL ? "request id " : "",
                              id != NULL ? id : "",
                              *status != '\0' || id != NULL ? "]" : ""};
  for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) luaL_addstring(&out, rest[i]);
  luaL_pushresult(&out);
  return 1;
}

static void push_operand(lua_State *L, int index) {
  if (lua_type(L, index) == LUA_TTABLE && luaL_callmeta(L, index, "__tostring")) return;
  lua_pushvalue(L, index);
}

static int error_concat(lua_State *L) {
  push_operand(L, 1);
  push_operand(L, 2);
  lua_concat(L, 2);
  return 1;
}

static void set_metatable(lua_State *L) {
  if (luaL_newmetatable(L, ERROR_TYPE)) {
    lua_pushcfunction(L, error_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushcfunction(L, error_concat);
    lua_setfield(L, -2, "__concat");
    lua_pushliteral(L, ERROR_TYPE);
    lua_setfield(L, -2, "__name");
  }
  lua_setmetatable(L, -2);
}

static void set_number(lua_State *L, const char *field, double number) {
  compat_pushwhole(L, number);
  lua_setfield(L, -2, field);
}

void error_push(lua_State *L, const struct failure *f, const struct secrets *secrets) {
  bool lists = f->kind != NULL && strcmp(f->kind, "validation") == 0;
  luaL_checkstack(L, 6, "error object");
  lua_createtable(L, 0, 12);
  set_metatable(L);
  error_set_text(L, "kind", f->kind, NULL, LONGEST_FIELD);
  error_set_text(L, "code", f->code, secrets, LONGEST_FIELD);
  error_set_text(L, "message", f->message, secrets, lists ? MOST_VIOLATIONS : LONGEST_MESSAGE);
  error_set_text(L, "hint", f->hint, secrets, LONGEST_FIELD);
  error_set_text(L, "option", f->option, NULL, LONGEST_FIELD);
  error_set_text(L, "operation", f->operation, NULL, LONGEST_FIELD);
  error_set_text(L, "step", f->step, NULL, LONGEST_FIELD);
  error_set_text(L, "request_id", f->request_id, secrets, LONGEST_FIELD);
  error_set_text(L, "attachment_id", f->attachment_id, secrets, LONGEST_FIELD);
  if (f->status > 0) set_number(L, "status", (double)f->status);
  if (f->attempts > 0) set_number(L, "attempts", f->attempts);
  if (f->has_retry_after) {
    lua_pushnumber(L, f->retry_after);
    lua_setfield(L, -2, "retry_after");
  }
  lua_pushboolean(L, f->retryable);
  lua_setfield(L, -2, "retryable");
  lua_pushboolean(L, f->throttled);
  lua_setfield(L, -2, "throttled");
}

int error_return(lua_State *L, const struct failure *failure, const struct secrets *secrets) {
  lua_pushnil(L);
  error_push(L, failure, secrets);
  return 2;
}

int error_new(lua_State *L) {
  lua_settop(L, 1);
  struct fields given = fields_read(L, 1, NULL, fields_of_error);
  struct secrets secrets = {fields_text(&given, SECRET_TOKEN, NULL),
                            fields_text(&given, SECRET_URL, NULL),
                            fields_text(&given, SECRET_PROXY, NULL)};
  struct failure f = {
      .kind = fields_text(&given, KIND, NULL),
      .code = fields_text(&given, CODE, NULL),
      .message = fields_text(&given, MESSAGE, NULL),
      .hint = fields_text(&given, HINT, NULL),
      .option = fields_text(&given, OPTION, NULL),
      .operation = fields_text(&given, OPERATION, NULL),
      .step = fields_text(&given, STEP, NULL),
      .request_id = fields_text(&given, REQUEST_ID, NULL),
      .attachment_id = fields_text(&given, ATTACHMENT_ID, NULL),
      .status = small_field(&given, STATUS),
      .retry_after = fields_number(&given, RETRY_AFTER, 0),
      .has_retry_after = fields_number(&given, RETRY_AFTER, -1) >= 0,
      .retryable = fields_flag(&given, RETRYABLE),
      .throttled = fields_flag(&given, THROTTLED),
      .attempts = (int)small_field(&given, ATTEMPTS),
  };
  luaL_argcheck(L, f.kind != NULL && f.code != NULL && f.message != NULL, 1,
                "kind, code and message are required");
  error_push(L, &f, &secrets);
  if (fields_has(&given, CAUSE)) {
    lua_pushvalue(L, fields_index(&given, CAUSE));
    lua_setfield(L, -2, "cause");
  }
  return 1;
}
