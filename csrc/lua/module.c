/* luaopen_connectparticipant_core: checks that it is loaded by the right Lua and assembles the
 * module. Also holds small functions without a file of their own: clocks, randomness, names. */
#include "lua/module.h"
#include "lua/command.h"
#include "lua/engine.h"
#include "lua/exchange.h"
#include "lua/files.h"
#include "lua/operation.h"
#include "lua/error.h"
#include "lua/json.h"
#include "lua/model.h"
#include "lua/process.h"
#include "base/ascii.h"
#include "base/random.h"
#include "lua/settings.h"
#include "base/suggest.h"
#include "lua/version.h"
#include "lua/watcher.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

static lua_Number read_clock(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (lua_Number)now.tv_sec + (lua_Number)now.tv_nsec / 1e9;
}

static int core_now(lua_State *L) {
  lua_pushnumber(L, read_clock(CLOCK_MONOTONIC));
  return 1;
}

static int core_time(lua_State *L) {
  lua_pushnumber(L, read_clock(CLOCK_REALTIME));
  return 1;
}

/* core.sleep(seconds) */
static int core_sleep(lua_State *L) {
  double seconds = (double)luaL_checknumber(L, 1);
  if (!(seconds > 0) || seconds > 1e6) return 0;
  struct timespec left = {.tv_sec = (time_t)seconds};
  left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
  int woken;
  do {
    woken = nanosleep(&left, &left);
  } while (woken != 0 && errno == EINTR);
  return 0;
}

static int core_uuid(lua_State *L) {
  char uuid[UUID_SIZE];
  random_uuid(uuid);
  lua_pushstring(L, uuid);
  return 1;
}

static int core_random(lua_State *L) {
  lua_pushnumber(L, random_fraction());
  return 1;
}

/* core.suggest(name, candidates): the nearest candidate, or nothing if none is near enough to be a
 * typo */
static int core_suggest(lua_State *L) {
  struct suggestion s = {.name = luaL_checkstring(L, 1)};
  luaL_checktype(L, 2, LUA_TTABLE);
  size_t count = compat_rawlen(L, 2);
  for (size_t i = 1; i <= count; i++) {
    lua_rawgeti(L, 2, (int)i);
    if (lua_type(L, -1) == LUA_TSTRING) suggest_consider(&s, lua_tostring(L, -1));
    lua_pop(L, 1); /* the table keeps the string alive */
  }
  const char *nearest = suggest_nearest(&s);
  if (nearest == NULL) return 0;
  lua_pushstring(L, nearest);
  return 1;
}

/* core.lower(text): string.lower for ASCII only, independent of the locale */
static int core_lower(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  luaL_Buffer out;
  luaL_buffinit(L, &out);
  for (size_t i = 0; i < size; i++) luaL_addchar(&out, ascii_lower(text[i]));
  luaL_pushresult(&out);
  return 1;
}

/* The shared object that contains an address, or NULL. */
static const void *object_of(const void *address) {
  Dl_info info;
  return address != NULL && dladdr(address, &info) != 0 ? info.dli_fbase : NULL;
}

/* The version of the Lua that our calls are bound to, or NULL if it cannot be determined. It is
 * recognised by functions that only this version or later ones have. The process may contain
 * another Lua (ModSecurity's next to ngx_lua's), so a function counts only if it is in the same
 * shared object as lua_gettop, which every version has. LuaJIT has the ABI of 5.1. */
static const char *running_lua(void) {
  static const struct {
    const char *function, *version;
  } known[] = {{"lua_numbertocstring", "5.5"},
               {"lua_newuserdatauv", "5.4"},
               {"lua_isinteger", "5.3"},
               {"lua_callk", "5.2"}};
  int (*gettop)(lua_State *) = lua_gettop;
  const void *address;
  memcpy(&address, &gettop, sizeof address);
  const void *lua = object_of(address);
  if (lua == NULL) return NULL;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if (object_of(dlsym(RTLD_DEFAULT, known[i].function)) == lua) return known[i].version;
  }
  return "5.1";
}

static void check_lua(lua_State *L) {
  const char *running = running_lua();
  const char *built = CONNECTPARTICIPANT_LUA;
  bool jit = strcmp(built, "LuaJIT") == 0;
  if (running == NULL || strcmp(jit ? "5.1" : built, running) == 0) return;
  luaL_error(L,
             "connectparticipant.core was built for %s%s, but is loaded by Lua %s: "
             "build and install it for Lua %s",
             jit ? "" : "Lua ", built, running, running);
}

int luaopen_connectparticipant_core(lua_State *L) {
  static const luaL_Reg functions[] = {{"now", core_now},          {"sleep", core_sleep},
                                       {"time", core_time},        {"uuid", core_uuid},
                                       {"random", core_random},    {"suggest", core_suggest},
                                       {"lower", core_lower},      {"new_error", error_new},
                                       {"settings", settings_new}, {NULL, NULL}};
  check_lua(L);
  luaL_checkversion(L);
  json_open(L);
  settings_open(L);
  lua_newtable(L);
  luaL_setfuncs(L, functions, 0);
  core_engine_open(L);
  core_exchange_open(L);
  core_file_open(L);
  core_request_open(L);
  process_open(L);
  core_watcher_open(L);
  lua_model_open(L);
  command_open(L);
  lua_pushliteral(L, CONNECTPARTICIPANT_VERSION);
  lua_setfield(L, -2, "_VERSION");
  return 1;
}
