/* Reading parameters from Lua tables; see params.h. */
#include "lua/params.h"
#include "aws/model.h"

#include <string.h>

/* The index of the member that the key at -2 names. For any other key, records a violation and
 * returns -1. */
static int find_member(lua_State *L, struct request_writer *w, const struct member *members) {
  size_t size;
  if (lua_type(L, -2) != LUA_TSTRING) {
    request_wrong_key(w, luaL_typename(L, -2));
    return -1;
  }
  const char *name = lua_tolstring(L, -2, &size);
  for (int i = 0; members[i].name != NULL; i++) {
    if (strcmp(members[i].name, name) == 0 && strlen(name) == size) return i;
  }
  request_unknown(w, members, name, size);
  return -1;
}

static void write_value(lua_State *L, struct request_writer *w, const struct member *m);

/* Writes the members of the table on top. First collects their values on the stack in the model's
 * order, so that one traversal of the table finds both the members and the unknown keys. */
static void write_members(lua_State *L, struct request_writer *w, const struct member *members) {
  int table = lua_gettop(L), count = 0;
  while (members[count].name != NULL) count++;
  luaL_checkstack(L, count + 8, "parameters");
  lua_settop(L, table + count);
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    int which = find_member(L, w, members);
    if (which >= 0) lua_replace(L, table + 1 + which);
    if (which < 0) lua_pop(L, 1);
  }
  for (int i = 0; i < count; i++) {
    lua_pushvalue(L, table + 1 + i);
    write_value(L, w, &members[i]);
    lua_pop(L, 1);
  }
  lua_settop(L, table);
}

static void write_list(lua_State *L, struct request_writer *w, const struct member *m) {
  size_t count = compat_rawlen(L, -1), keys = 0;
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    lua_pop(L, 1);
    keys++;
  }
  if (!request_open_list(w, m, count, keys == count)) return;
  for (size_t i = 1; i <= count && !request_is_full(w); i++) {
    lua_rawgeti(L, -1, (int)i);
    request_entry(w);
    write_value(L, w, m->of);
    lua_pop(L, 1);
  }
  request_close(w);
}

static void write_number(lua_State *L, struct request_writer *w, const struct member *m) {
#if LUA_VERSION_NUM >= 503
  if (lua_isinteger(L, -1)) {
    request_integer(w, m, (long long)lua_tointeger(L, -1));
    return;
  }
#endif
  request_number(w, m, (double)lua_tonumber(L, -1));
}

static void write_table(lua_State *L, struct request_writer *w, const struct member *m) {
  if (m->type == LIST) {
    write_list(L, w, m);
  } else if (request_open_struct(w, m)) {
    write_members(L, w, m->of);
    request_close(w);
  }
}

/* Writes the value on top of the stack, without popping it. */
static void write_value(lua_State *L, struct request_writer *w, const struct member *m) {
  size_t size;
  const char *text;
  int type = lua_type(L, -1);
  luaL_checkstack(L, 8, "parameters");
  switch (type) {
  case LUA_TNIL:
    request_absent(w, m);
    break;
  case LUA_TSTRING:
    text = lua_tolstring(L, -1, &size);
    request_string(w, m, text, size);
    break;
  case LUA_TNUMBER:
    write_number(L, w, m);
    break;
  case LUA_TBOOLEAN:
    request_boolean(w, m, lua_toboolean(L, -1));
    break;
  case LUA_TTABLE:
    write_table(L, w, m);
    break;
  default:
    request_other(w, m, lua_typename(L, type));
  }
}

void params_write(lua_State *L, int index, struct request_writer *w) {
  lua_pushvalue(L, index);
  write_members(L, w, w->request->operation->input);
  lua_pop(L, 1);
}
