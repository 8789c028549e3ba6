/* Error objects; see error.h. */
#include "lua/error.h"
#include "base/text.h"

#include <string.h>

#define ERROR_TYPE "connectparticipant.error"

enum { LONGEST_MESSAGE = 2048, LONGEST_FIELD = ERROR_LONGEST_FIELD };

void error_set_text(lua_State *L, const char *field, const char *text,
                    const struct secrets *secrets, size_t limit) {
  if (text == NULL) return;
  /* Pushing may raise, so nothing may be left to free by then. */
  char room[LONGEST_MESSAGE + sizeof "..."];
  struct buffer clean = {0};
  bool whole = secrets_add_clean(&clean, text, strlen(text), secrets, limit);
  size_t size = whole ? clean.size : 0;
  if (size > 0) memcpy(room, clean.data, size);
  buffer_free(&clean);
  if (whole) lua_pushlstring(L, room, size);
  if (!whole) lua_pushliteral(L, "(out of memory)");
  lua_setfield(L, -2, field);
}

static const char *field_text(lua_State *L, int index, const char *field) {
  lua_getfield(L, index, field);
  const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  lua_pop(L, 1); /* the table still holds it */
  return text;
}

/* StartAttachmentUpload: put: AccessDenied: Request has expired [status 403, request id 4242] */
static int error_tostring(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  static const char *const leading[] = {"operation", "step", "code"};
  luaL_Buffer out;
  luaL_buffinit(L, &out);
  for (size_t i = 0; i < 3; i++) {
    const char *text = field_text(L, 1, leading[i]);
    if (text == NULL) continue;
    luaL_addstring(&out, text);
    luaL_addstring(&out, ": ");
  }
  const char *message = field_text(L, 1, "message");
  luaL_addstring(&out, message != NULL ? message : "unknown error");
  const char *status = NULL, *id = field_text(L, 1, "request_id");
  lua_getfield(L, 1, "status");
  bool has_status = lua_isnumber(L, -1);
  lua_pop(L, 1);
  if (has_status) {
    luaL_addstring(&out, " [status ");
    lua_getfield(L, 1, "status");
    lua_pushfstring(L, "%d", (int)lua_tonumber(L, -1));
    lua_remove(L, -2);
    luaL_addvalue(&out);
    status = ", ";
  }
  if (id != NULL) {
    luaL_addstring(&out, status != NULL ? status : " [");
    luaL_addstring(&out, "request id ");
    luaL_addstring(&out, id);
  }
  if (status != NULL || id != NULL) luaL_addchar(&out, ']');
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
  luaL_checkstack(L, 6, "error object");
  lua_createtable(L, 0, 12);
  set_metatable(L);
  error_set_text(L, "kind", f->kind, NULL, LONGEST_FIELD);
  error_set_text(L, "code", f->code, secrets, LONGEST_FIELD);
  error_set_text(L, "message", f->message, secrets, LONGEST_MESSAGE);
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

static double number_field(lua_State *L, const char *field) {
  lua_getfield(L, 1, field);
  double number = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return number;
}

static bool flag_field(lua_State *L, const char *field) {
  lua_getfield(L, 1, field);
  bool flag = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return flag;
}

int error_new(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  struct secrets secrets = {field_text(L, 1, "token"), field_text(L, 1, "url")};
  struct failure f = {
      .kind = field_text(L, 1, "kind"),
      .code = field_text(L, 1, "code"),
      .message = field_text(L, 1, "message"),
      .operation = field_text(L, 1, "operation"),
      .step = field_text(L, 1, "step"),
      .request_id = field_text(L, 1, "request_id"),
      .attachment_id = field_text(L, 1, "attachment_id"),
      .status = (long)number_field(L, "status"),
      .retry_after = number_field(L, "retry_after"),
      .has_retry_after = flag_field(L, "retry_after"),
      .retryable = flag_field(L, "retryable"),
      .throttled = flag_field(L, "throttled"),
      .attempts = (int)number_field(L, "attempts"),
  };
  luaL_argcheck(L, f.kind != NULL && f.code != NULL && f.message != NULL, 1,
                "kind, code and message are needed");
  error_push(L, &f, &secrets);
  return 1;
}
