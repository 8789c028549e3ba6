/* The engine userdata; see engine.h. */
#include "lua/engine.h"
#include "http/engine.h"
#include "lua/module.h"
#include "lua/transfer.h"
#include "lua/userdata.h"

static const struct userdata_type engine_type = {"connectparticipant.engine"};

/* The userdata. The engine outlives it while an exchange is in progress. */
struct box {
  struct engine *engine; /* NULL: collected */
};

/* NULL after __gc: another object's finalizer may still call us. */
static struct engine *engine_at(lua_State *L, int index) {
  return ((const struct box *)userdata_check(L, index, &engine_type))->engine;
}

struct engine *core_engine_open_at(lua_State *L, int index) {
  struct engine *engine = engine_at(L, index);
  if (engine == NULL || engine->closed) luaL_error(L, "the engine is closed");
  return engine;
}

static int new_engine(lua_State *L) {
  struct box *box = userdata_new(L, &engine_type, sizeof *box, 0);
  box->engine = engine_new();
  if (box->engine == NULL) return luaL_error(L, "out of memory");
  return 1;
}

/* engine:step([seconds]) -> how many exchanges are in progress, whether any has moved, and whether
 * `ready` has an id. Waits until it has, but no longer than so many seconds (0). */
static int lua_engine_step(lua_State *L) {
  struct engine *engine = engine_at(L, 1);
  double seconds = (double)luaL_optnumber(L, 2, 0);
  bool moved = false;
  int active = engine == NULL ? 0 : engine_run(engine, seconds, &moved);
  lua_pushinteger(L, active);
  lua_pushboolean(L, moved);
  lua_pushboolean(L, engine != NULL && engine_has_ready(engine));
  return 3;
}

/* engine:ready() -> the id of the next exchange that is done or waits to be fed or drained, and
 * whether there is another; nothing if there is none. Each change is reported once. */
static int lua_engine_ready(lua_State *L) {
  struct engine *engine = engine_at(L, 1);
  if (engine == NULL || !engine_has_ready(engine)) return 0;
  double id = engine_next_ready(engine);
  lua_pushnumber(L, id);
  lua_pushboolean(L, engine_has_ready(engine));
  return 2;
}

static int lua_engine_wait(lua_State *L) {
  struct engine *engine = engine_at(L, 1);
  double seconds = (double)luaL_checknumber(L, 2);
  if (engine != NULL) engine_wait(engine, seconds);
  return 0;
}

/* engine:pollfd(), engine:events(), engine:timeout(): the methods by which cqueues polls an
 * object. Without epoll there is no descriptor: nil, and the timeout is short. */
static int lua_engine_pollfd(lua_State *L) {
  struct engine *engine = engine_at(L, 1);
  int fd = -1;
  if (engine == NULL || !engine_pollfd(engine, &fd))
    return luaL_error(L, "the engine is closed, or the process is out of file descriptors");
  if (fd < 0) {
    lua_pushnil(L);
  } else {
    lua_pushinteger(L, fd);
  }
  return 1;
}

static int lua_engine_events(lua_State *L) {
  engine_at(L, 1);
  lua_pushliteral(L, "r");
  return 1;
}

static int lua_engine_timeout(lua_State *L) {
  struct engine *engine = engine_at(L, 1);
  double seconds = engine == NULL ? -1 : engine_timeout(engine);
  if (seconds < 0) return 0;
  lua_pushnumber(L, seconds);
  return 1;
}

static int lua_engine_close(lua_State *L) {
  struct engine *engine = engine_at(L, 1);
  if (engine != NULL) engine_close(engine);
  return 0;
}

static int lua_engine_gc(lua_State *L) {
  struct box *box = userdata_check(L, 1, &engine_type);
  if (box->engine != NULL) engine_free(box->engine);
  box->engine = NULL;
  return 0;
}

static int lua_engine_tostring(lua_State *L) {
  const struct engine *engine = engine_at(L, 1);
  if (engine == NULL || engine->closed) {
    lua_pushfstring(L, "%s (closed)", engine_type.name);
  } else {
    lua_pushfstring(L, "%s: %d under way", engine_type.name, engine->active);
  }
  return 1;
}

void core_engine_open(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"step", lua_engine_step},     {"ready", lua_engine_ready},   {"wait", lua_engine_wait},
      {"pollfd", lua_engine_pollfd}, {"events", lua_engine_events}, {"timeout", lua_engine_timeout},
      {"close", lua_engine_close},   {"transfer", core_transfer},   {NULL, NULL}};
  static const luaL_Reg metamethods[] = {{"__gc", lua_engine_gc},
                                         {"__close", lua_engine_close},
                                         {"__tostring", lua_engine_tostring},
                                         {NULL, NULL}};
  static const luaL_Reg functions[] = {{"engine", new_engine}, {NULL, NULL}};
  userdata_define(L, &engine_type, methods, metamethods);
  luaL_setfuncs(L, functions, 0);
}
