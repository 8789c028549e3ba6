/* An interpreter like Lua's own, for what must be linked into the program: sanitizers, which would
 * otherwise be preloaded into each program that a spec starts, and counters of allocations.
 * usage: lua [-e CODE]... [SCRIPT [ARGUMENT]...] */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int with_traceback(lua_State *L) {
  lua_getglobal(L, "debug");
  lua_getfield(L, -1, "traceback");
  if (lua_type(L, 1) != LUA_TSTRING && !luaL_callmeta(L, 1, "__tostring")) return 1;
  lua_pushvalue(L, lua_type(L, -1) == LUA_TSTRING ? -1 : 1);
  lua_pushinteger(L, 2);
  lua_call(L, 2, 1);
  return 1;
}

/* Calls the chunk below its `count` arguments, or tells what is wrong with what was loaded. */
static int run(lua_State *L, int loaded, int count) {
  int function = lua_gettop(L) - count;
  if (loaded == 0) {
    lua_pushcfunction(L, with_traceback);
    lua_insert(L, function);
    loaded = lua_pcall(L, count, 0, function);
  }
  if (loaded != 0) fprintf(stderr, "lua: %s\n", lua_tostring(L, -1));
  return loaded != 0;
}

static void set_arguments(lua_State *L, int count, char **words, int script) {
  lua_newtable(L);
  for (int i = 0; i < count; i++) {
    lua_pushstring(L, words[i]);
    lua_rawseti(L, -2, i - script);
  }
  lua_setglobal(L, "arg");
}

#if !defined(LUA_JITLIBNAME) && LUA_VERSION_NUM >= 504
/* The collector at its most eager: a whole round at each allocation that it looks at. */
static void hurry(lua_State *L) {
  lua_gc(L, LUA_GCINC, 1, 1000, 0);
}
#else
static void hurry(lua_State *L) {
  lua_gc(L, LUA_GCSETPAUSE, 0);
  lua_gc(L, LUA_GCSETSTEPMUL, 1000);
}
#endif

int main(int count, char **words) {
  int at = 1, script = 1, failed = 0;
  lua_State *L = luaL_newstate();
  if (L == NULL) return 1;
  luaL_openlibs(L);
  if (getenv("EAGER") != NULL) hurry(L);
  while (script + 1 < count && strcmp(words[script], "-e") == 0) script += 2;
  set_arguments(L, count, words, script);
  for (; !failed && at < script; at += 2) {
    failed = run(L, luaL_loadbuffer(L, words[at + 1], strlen(words[at + 1]), "=(command line)"), 0);
  }
  if (!failed && script < count) {
    int loaded = luaL_loadfile(L, words[script]), arguments = count - script - 1;
    luaL_checkstack(L, arguments + 4, "arguments");
    for (int i = 0; loaded == 0 && i < arguments; i++) lua_pushstring(L, words[script + 1 + i]);
    failed = run(L, loaded, loaded == 0 ? arguments : 0);
  }
  lua_close(L);
  return failed;
}
