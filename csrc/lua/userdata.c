/* Types of userdata; see userdata.h. */
#include "lua/userdata.h"

#include <string.h>

void userdata_define(lua_State *L, const struct userdata_type *type, const luaL_Reg *methods,
                     const luaL_Reg *metamethods) {
  luaL_newmetatable(L, type->name);
  luaL_setfuncs(L, metamethods, 0);
  if (methods != NULL) {
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, type);
}

void *userdata_new(lua_State *L, const struct userdata_type *type, size_t size, int values) {
  void *data = compat_newuserdata(L, size, values);
  memset(data, 0, size);
  lua_rawgetp(L, LUA_REGISTRYINDEX, type);
  lua_setmetatable(L, -2);
  return data;
}

void *userdata_test(lua_State *L, int index, const struct userdata_type *type) {
  void *data = lua_touserdata(L, index);
  if (data == NULL || !lua_getmetatable(L, index)) return NULL;
  lua_rawgetp(L, LUA_REGISTRYINDEX, type);
  int same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same ? data : NULL;
}

void *userdata_check(lua_State *L, int index, const struct userdata_type *type) {
  void *data = userdata_test(L, index, type);
  return data != NULL ? data : luaL_checkudata(L, index, type->name);
}
