/* What differs between the C interfaces of Lua 5.1 to 5.5 and LuaJIT, and nothing else: the rest of
 * csrc is written once, against the names of Lua 5.3. */
#ifndef CONNECTPARTICIPANT_COMPAT_H
#define CONNECTPARTICIPANT_COMPAT_H

/* Lua opens modules with RTLD_NOW: one that another Lua was meant to load fails there, and the
 * dynamic linker names some missing function ("undefined symbol: lua_newuserdatauv"). As weak
 * references, what is missing is NULL, and luaopen_connectparticipant_core can say which Lua the
 * module was built for; it lets nothing be called before it knows that all of them are there. */
#include <luaconf.h>
#if defined(__GNUC__) && defined(__ELF__)
#undef LUA_API
#define LUA_API extern __attribute__((weak))
#endif

#include <lauxlib.h>
#include <lua.h>

/* They never return, which Lua's header does not say. */
#if defined(__GNUC__)
int luaL_error(lua_State *L, const char *format, ...) __attribute__((noreturn));
int luaL_argerror(lua_State *L, int argument, const char *message) __attribute__((noreturn));
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
  if (values == 0) return data;
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
