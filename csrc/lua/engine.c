/* Engines for Lua; see core_engine.h. */
#include "lua/engine.h"
#include "lua/module.h"
#include "lua/transfer.h"
#include "http/engine.h"

#include <string.h>

#define ENGINE_TYPE "connectparticipant.engine"

static struct engine *engine_at(lua_State *L, int index) {
  return luaL_checkudata(L, index, ENGINE_TYPE);
}

struct engine *core_engine_open_at(lua_State *L, int index) {
  struct engine *engine = engine_at(L, index);
  if (engine->closed) luaL_error(L, "the engine is closed");
  return engine;
}

static int new_engine(lua_State *L) {
  struct engine *engine = lua_newuserdata(L, sizeof *engine);
  memset(engine, 0, sizeof *engine);
  luaL_getmetatable(L, ENGINE_TYPE);
  lua_setmetatable(L, -2);
  return 1;
}

static int lua_engine_step(lua_State *L) {
  bool moved = false;
  int active = engine_step(engine_at(L, 1), &moved);
  lua_pushinteger(L, active);
  lua_pushboolean(L, moved);
  return 2;
}

/* engine:ready() -> the id of an exchange that is done or waits to be fed or drained; nil when all
 * have been told. */
static int lua_engine_ready(lua_State *L) {
  double id = engine_next_ready(engine_at(L, 1));
  if (id <= 0) return 0;
  lua_pushnumber(L, id);
  return 1;
}

static int lua_engine_wait(lua_State *L) {
  engine_wait(engine_at(L, 1), (double)luaL_checknumber(L, 2));
  return 0;
}

/* engine:pollfd(), engine:events(), engine:timeout(): what cqueues and its like poll an object by
 */
static int lua_engine_pollfd(lua_State *L) {
  int fd = engine_pollfd(engine_at(L, 1));
  if (fd < 0) return luaL_error(L, "the engine is closed, or no descriptor is left");
  lua_pushinteger(L, fd);
  return 1;
}

static int lua_engine_events(lua_State *L) {
  engine_at(L, 1);
  lua_pushliteral(L, "r");
  return 1;
}

static int lua_engine_timeout(lua_State *L) {
  double seconds = engine_timeout(engine_at(L, 1));
  if (seconds < 0) return 0;
  lua_pushnumber(L, seconds);
  return 1;
}

static int lua_engine_close(lua_State *L) {
  engine_close(engine_at(L, 1));
  return 0;
}

static int lua_engine_tostring(lua_State *L) {
  const struct engine *engine = engine_at(L, 1);
  if (engine->closed) {
    lua_pushliteral(L, ENGINE_TYPE " (closed)");
  } else {
    lua_pushfstring(L, ENGINE_TYPE ": %d under way", engine->active);
  }
  return 1;
}

void core_engine_open(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"step", lua_engine_step},     {"ready", lua_engine_ready},   {"wait", lua_engine_wait},
      {"pollfd", lua_engine_pollfd}, {"events", lua_engine_events}, {"timeout", lua_engine_timeout},
      {"close", lua_engine_close},   {"transfer", core_transfer},   {NULL, NULL}};
  static const luaL_Reg metamethods[] = {{"__gc", lua_engine_close},
                                         {"__close", lua_engine_close},
                                         {"__tostring", lua_engine_tostring},
                                         {NULL, NULL}};
  static const luaL_Reg functions[] = {{"engine", new_engine}, {NULL, NULL}};
  core_new_type(L, ENGINE_TYPE, methods, metamethods);
  luaL_setfuncs(L, functions, 0);
}
