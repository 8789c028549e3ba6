/* Bridges the differences between the C APIs of Lua 5.1 to 5.5 and LuaJIT; all other code uses the
 * names of Lua 5.3. */
#ifndef CONNECTPARTICIPANT_COMPAT_H
#define CONNECTPARTICIPANT_COMPAT_H

/* Lua loads modules with RTLD_NOW, so loading a module built for another Lua fails with a message
 * like "undefined symbol: lua_newuserdatauv". With weak references a missing function is NULL
 * instead, the module loads, and luaopen_connectparticipant_core can name the Lua it was built for.
 * It checks that before it calls any function that could be missing. */
#include <luaconf.h>
#if defined(__GNUC__) && defined(__ELF__)
#undef LUA_API
#define LUA_API extern __attribute__((weak))
#endif

#include <lauxlib.h>
#include <lua.h>

/* They never return, but Lua's headers do not say so. */
#if defined(__GNUC__)
int luaL_error(lua_State *L, const char *format, ...) __attribute__((noreturn));
int luaL_argerror(lua_State *L, int argument, const char *message) __attribute__((noreturn));
#endif

#if LUA_VERSION_NUM < 502

#define LUA_OK 0
#define lua_absindex(L, i) ((i) > 0 || (i) <= LUA_REGISTRYINDEX ? (i) : lua_gettop(L) + (i) + 1)
#define luaL_checkversion(L) ((void)(L))
#define lua_setuservalue(L, i) lua_setfenv((L), (i))
#define lua_getuservalue(L, i) lua_getfenv((L), (i))

/* `table` is an absolute or a pseudo-index. */
static inline void compat_rawgetp(lua_State *L, int table, const void *key) {
  lua_pushlightuserdata(L, (void *)key);
  lua_rawget(L, table);
}
#undef lua_rawgetp
#define lua_rawgetp compat_rawgetp

static inline void compat_rawsetp(lua_State *L, int table, const void *key) {
  lua_pushlightuserdata(L, (void *)key);
  lua_insert(L, -2);
  lua_rawset(L, table);
}
#undef lua_rawsetp
#define lua_rawsetp compat_rawsetp

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

/* A length that fits into memory: 5.4's lua_Unsigned is wider than a size_t of 32 bits. */
static inline size_t compat_rawlen(lua_State *L, int index) {
#if LUA_VERSION_NUM < 502
  return lua_objlen(L, index);
#else
  return (size_t)lua_rawlen(L, index);
#endif
}

/* A userdata with user values, numbered from 1. Lua before 5.4 has only one user value, which 5.1
 * requires to be a table; there the values live in a table. */
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

/* Pops the value. */
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

/* Pushes a whole number: as an integer where Lua has that subtype, so that a size prints as
 * 20971520 and not as 20971520.0. */
static inline void compat_pushwhole(lua_State *L, double whole) {
#if LUA_VERSION_NUM >= 503
  lua_pushinteger(L, (lua_Integer)whole);
#else
  lua_pushnumber(L, (lua_Number)whole);
#endif
}

#endif
