/* Decoding JSON; see json.h. */
#include "lua/json.h"
#include "aws/model.h"

#include <math.h>
#include <string.h>

/* The key, in the registry, of cjson's decode. */
static const char decode_key;

#define LONG_LIMIT 9007199254740992.0

/* What a table takes of Lua's stack while it is shaped: a key, a value, and two for put_back. */
enum { TABLE_SLOTS = 4 };

void json_open(lua_State *L) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "cjson.safe");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "new");
  lua_call(L, 0, 1);
  lua_getfield(L, -1, "decode_invalid_numbers");
  lua_pushboolean(L, 0);
  lua_call(L, 1, 0);
  lua_getfield(L, -1, "decode");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &decode_key);
  lua_pop(L, 2);
}

/* Pushes the decoded value and nil, or nil and a message. (+2) */
static void decode(lua_State *L, const char *text, size_t size) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &decode_key);
  lua_pushlstring(L, text, size);
  lua_call(L, 1, 2);
}

bool json_push_object(lua_State *L, const char *text, size_t size) {
  size_t start = 0;
  while (start < size && strchr(" \t\r\n", text[start]) != NULL && text[start] != '\0') start++;
  /* lua-cjson takes a NUL for the end, and anything behind it for nothing. */
  if (start == size || text[start] != '{' || memchr(text, '\0', size) != NULL) {
    lua_pushnil(L);
    lua_pushliteral(L, "it is not a JSON object");
    return false;
  }
  decode(L, text, size);
  if (!lua_istable(L, -2)) {
    /* lua-cjson 2.1 looks up the locale's decimal point when an instance is made, and fails on
     * fractions after the host has called setlocale. Making a new instance looks it up again, for
     * all instances. */
    lua_pop(L, 2);
    json_open(L);
    decode(L, text, size);
  }
  if (!lua_istable(L, -2)) return false;
  lua_pop(L, 1);
  return true;
}

static bool shape_value(lua_State *L, const struct member *member, char *path);

/* cjson's null is a light userdata. */
static bool is_null(lua_State *L, int index) {
  return lua_islightuserdata(L, index) && lua_touserdata(L, index) == NULL;
}

/* Converts a whole number on top of the stack to an integer. False if it is not one. */
static bool shape_whole(lua_State *L) {
  if (lua_type(L, -1) != LUA_TNUMBER) return false;
  double number = lua_tonumber(L, -1);
  if (!(fabs(number) <= LONG_LIMIT) || number != floor(number)) return false;
  lua_pop(L, 1);
  compat_pushwhole(L, number);
  return true;
}

/* Removes nulls from the list on top, closing the gaps: AWS's lists are dense. */
static bool shape_list(lua_State *L, const struct member *of, char *path) {
  luaL_checkstack(L, TABLE_SLOTS, "JSON");
  size_t count = compat_rawlen(L, -1), kept = 0;
  lua_pushnil(L);
  if (lua_next(L, -2) != 0) {
    bool object = lua_type(L, -2) == LUA_TSTRING;
    lua_pop(L, 2);
    if (object) return false;
  }
  for (size_t i = 1; i <= count; i++) {
    lua_rawgeti(L, -1, (int)i);
    bool null = is_null(L, -1);
    if (!null && !shape_value(L, of, path)) return false;
    lua_pop(L, null ? 1 : 0);
    if (!null) lua_rawseti(L, -2, (int)++kept);
  }
  for (size_t i = kept + 1; i <= count; i++) {
    lua_pushnil(L);
    lua_rawseti(L, -2, (int)i);
  }
  return true;
}

/* Stores the value on top under the key below it in the table below that, or nil to remove the key.
 * Only existing fields are assigned, which lua_next permits during a traversal. */
static void put_back(lua_State *L, bool wanted) {
  lua_pushvalue(L, -2);
  if (wanted) lua_pushvalue(L, -2);
  if (!wanted) lua_pushnil(L);
  lua_rawset(L, -5);
}

static bool shape_map(lua_State *L, const struct member *of, char *path) {
  luaL_checkstack(L, TABLE_SLOTS, "JSON");
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    if (lua_type(L, -2) != LUA_TSTRING) return false;
    bool null = is_null(L, -1);
    if (!null && !shape_value(L, of, path)) return false;
    if (null || lua_type(L, -1) == LUA_TNUMBER) put_back(L, !null);
    lua_pop(L, 1);
  }
  return true;
}

/* Values that the model does not describe are kept: AWS adds members to answers before it adds them
 * to its public model. */
static bool shape_unknown(lua_State *L, char *path) {
  if (lua_type(L, -1) == LUA_TNUMBER) (void)shape_whole(L);
  if (!lua_istable(L, -1)) return true;
  return compat_rawlen(L, -1) > 0 ? shape_list(L, NULL, path) : shape_map(L, NULL, path);
}

static const struct member *find_member(const struct member *members, const char *name) {
  for (; members->name != NULL; members++) {
    if (strcmp(members->name, name) == 0) return members;
  }
  return NULL;
}

/* Names in the model are short and its structures shallow, so a path always fits. */
static void add_name(char path[JSON_PATH], size_t length, const char *name) {
  size_t size = strlen(name);
  if (length + size + 2 > JSON_PATH) return;
  if (length > 0) path[length++] = '.';
  memcpy(path + length, name, size + 1);
}

/* Shapes the table on top of the stack. */
static bool shape_struct(lua_State *L, const struct member *members, char *path) {
  luaL_checkstack(L, TABLE_SLOTS, "JSON");
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    if (lua_type(L, -2) != LUA_TSTRING) return false;
    const struct member *member = find_member(members, lua_tostring(L, -2));
    bool null = is_null(L, -1);
    if (!null) {
      size_t length = strlen(path);
      if (member != NULL) add_name(path, length, member->name);
      if (!shape_value(L, member, path)) return false;
      path[length] = '\0';
    }
    if (null || lua_type(L, -1) == LUA_TNUMBER) put_back(L, !null);
    lua_pop(L, 1);
  }
  return true;
}

/* Shapes the value on top of the stack in place. `member` is NULL if the model has none. */
static bool shape_value(lua_State *L, const struct member *member, char *path) {
  if (member == NULL) return shape_unknown(L, path);
  switch (member->type) {
  case STRING:
  case TEXT:
    return lua_type(L, -1) == LUA_TSTRING;
  case BOOLEAN:
    return lua_isboolean(L, -1);
  case WHOLE:
    return shape_whole(L);
  case LIST:
    return lua_istable(L, -1) && shape_list(L, member->of, path);
  case MAP:
    return lua_istable(L, -1) && shape_map(L, member->of, path);
  case STRUCT:
    return lua_istable(L, -1) && shape_struct(L, member->of, path);
  }
  return false;
}

bool json_shape(lua_State *L, int index, const struct member *members, char path[JSON_PATH]) {
  int top = lua_gettop(L);
  lua_pushvalue(L, index);
  path[0] = '\0';
  bool good = shape_struct(L, members, path);
  lua_settop(L, top);
  return good;
}
