/* What differs between the C interfaces of Lua 5.1, 5.2, 5.3, 5.4 and LuaJIT, and nothing else:
 * the rest of csrc is written once, against the names of Lua 5.3. */
#ifndef CONNECTPARTICIPANT_COMPAT_H
#define CONNECTPARTICIPANT_COMPAT_H

#include <lauxlib.h>
#include <lua.h>

/* Functions that only some of the Luas have. Weak, so that a build for one Lua can be loaded by
 * another and say so, where the dynamic linker would only name a missing symbol. */
#if LUA_VERSION_NUM < 502
#pragma weak luaL_prepbuffer
#pragma weak lua_call
#pragma weak lua_getfenv
#pragma weak lua_objlen
#pragma weak lua_pcall
#pragma weak lua_setfenv
#else
#pragma weak luaL_checkversion_
#pragma weak luaL_prepbuffsize
#pragma weak luaL_setfuncs
#pragma weak luaL_testudata
#pragma weak lua_absindex
#pragma weak lua_callk
#pragma weak lua_getglobal
#pragma weak lua_pcallk
#pragma weak lua_rawlen
#pragma weak lua_tointegerx
#pragma weak lua_tonumberx
#endif
#if LUA_VERSION_NUM < 503
#pragma weak lua_insert
#pragma weak lua_remove
#pragma weak lua_replace
#else
#pragma weak lua_copy
#pragma weak lua_isinteger
#pragma weak lua_rotate
#endif
#if LUA_VERSION_NUM < 502
#pragma weak lua_tointeger
#pragma weak lua_tonumber
#endif
#if LUA_VERSION_NUM < 504
#pragma weak lua_newuserdata
#endif
#if LUA_VERSION_NUM == 502 || LUA_VERSION_NUM == 503
#pragma weak lua_getuservalue
#pragma weak lua_setuservalue
#elif LUA_VERSION_NUM == 504
#pragma weak lua_getiuservalue
#pragma weak lua_newuserdatauv
#pragma weak lua_setiuservalue
#endif

#if LUA_VERSION_NUM < 502

#define LUA_OK 0
#define lua_rawlen(L, i) lua_objlen((L), (i))
#define lua_absindex(L, i) ((i) > 0 || (i) <= LUA_REGISTRYINDEX ? (i) : lua_gettop(L) + (i) + 1)
#define luaL_checkversion(L) ((void)(L))
#define lua_setuservalue(L, i) lua_setfenv((L), (i))
#define lua_getuservalue(L, i) lua_getfenv((L), (i))

static inline void *compat_testudata(lua_State *L, int index, const char *name) {
  void *data = lua_touserdata(L, index);
  if (data == NULL || !lua_getmetatable(L, index)) return NULL;
  luaL_getmetatable(L, name);
  int same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same ? data : NULL;
}
#undef luaL_testudata
#define luaL_testudata compat_testudata

static inline void compat_setfuncs(lua_State *L, const luaL_Reg *functions, int upvalues) {
  for (; functions->name != NULL; functions++) {
    for (int i = 0; i < upvalues; i++) lua_pushvalue(L, -upvalues);
    lua_pushcclosure(L, functions->func, upvalues);
    lua_setfield(L, -(upvalues + 2), functions->name);
  }
  lua_pop(L, upvalues);
}
#undef luaL_setfuncs
#define luaL_setfuncs compat_setfuncs

#endif

/* A userdata that keeps some values alive, numbered from 1. Before Lua 5.4 there is one, and in 5.1
 * it must be a table: so there they are in a table. */
#if LUA_VERSION_NUM >= 504

#define compat_newuserdata(L, size, values) lua_newuserdatauv((L), (size), (values))
#define compat_setvalue(L, i, n) ((void)lua_setiuservalue((L), (i), (n)))
#define compat_pushvalue(L, i, n) ((void)lua_getiuservalue((L), (i), (n)))

#else

static inline void *compat_newuserdata(lua_State *L, size_t size, int values) {
  void *data = lua_newuserdata(L, size);
  lua_createtable(L, values, 0);
  lua_setuservalue(L, -2);
  return data;
}

/* Takes the value off the stack. */
static inline void compat_setvalue(lua_State *L, int index, int n) {
  lua_getuservalue(L, index);
  lua_insert(L, -2);
  lua_rawseti(L, -2, n);
  lua_pop(L, 1);
}

static inline void compat_pushvalue(lua_State *L, int index, int n) {
  lua_getuservalue(L, index);
  lua_rawgeti(L, -1, n);
  lua_remove(L, -2);
}

#endif

/* Numbers have no integer subtype before Lua 5.3, and a size of 2^53 must not become 9.0e15 there.
 */
static inline void compat_pushwhole(lua_State *L, double whole) {
#if LUA_VERSION_NUM >= 503
  lua_pushinteger(L, (lua_Integer)whole);
#else
  lua_pushnumber(L, (lua_Number)whole);
#endif
}

#endif
