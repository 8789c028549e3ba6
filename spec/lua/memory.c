/* Lets each allocation of a scenario fail in turn, ours, Lua's or libcurl's: the scenario must end
 * as without failures, or report that memory ran out. All scenarios together must call every
 * function of the module. Linked with all of csrc and spec/support/failing.c; see memory_spec.lua.
 * usage: memory SCENARIOS.lua
 *
 * Exceptions:
 *   lua-cjson        ends the process when its own malloc fails, which we cannot change; what it
 *                    allocates through Lua does fail here
 *   COULDNT_RESOLVE_HOST: counts as lack of memory, since libcurl reports that so when it resolves
 *   core.end_by_signal, and core.exec if it succeeds, would end this process
 *   __gc             is called only by the collector, with all hooks off; what it must free is
 *                    counted */
#include "lua/compat.h"
#include "lua/memory_server.h"
#include "lua/module.h"
#include "lua/settings.h"
#include "support/failing.h"

#include <curl/curl.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* When a single one of Lua's allocations fails, Lua collects all garbage and tries again, which
 * frees whatever is not anchored. */
static struct failing luas = {.whose = "Lua's"};

static int status, port;
static long tried;

/* Lua's allocator, which must not fail when a block shrinks. */
static void *allocate(void *user, void *memory, size_t before, size_t size) {
  (void)user;
  if (size == 0) {
    __real_free(memory);
    return NULL;
  }
  bool grows = memory == NULL || size > before;
  if (grows && failing_next(&luas)) return NULL;
  return __real_realloc(memory, size);
}

/* describe(settings) -> what they hold, as text; core has no function for that. */
static int describe(lua_State *L) {
  const struct settings *s = settings_check(L, 1);
  const struct transport *t = &s->transport;
  lua_pushfstring(L, "%s %s %s %s %d %d", buffer_text(&s->endpoint), buffer_text(&s->user_agent),
                  t->ca_file != NULL ? t->ca_file : "-", t->proxy != NULL ? t->proxy : "-",
                  t->https, t->allow_insecure);
  return 1;
}

/* restore(): from now on no allocation fails. */
static int restore(lua_State *L) {
  (void)L;
  failing_ours.at = luas.at = failing_libcurls.at = 0;
  return 0;
}

/* connect_to(path) -> a descriptor of that Unix socket; shut(descriptor). */

static int connect_to(lua_State *L) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  snprintf(name.sun_path, sizeof name.sun_path, "%s", luaL_checkstring(L, 1));
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&name, sizeof name) != 0) perror("connect_to");
  lua_pushinteger(L, fd);
  return 1;
}

static int shut(lua_State *L) {
  close((int)luaL_checkinteger(L, 1));
  return 0;
}

static const char called_key;

/* A hook that records which functions are called. */
static void note_call(lua_State *L, lua_Debug *call) {
  lua_pushlightuserdata(L, (void *)&called_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  lua_getinfo(L, "f", call);
  lua_pushboolean(L, 1);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

/* Prints which functions of the table on top have not been called, and pops it. */
static void tell_uncalled(lua_State *L, const char *owner) {
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    const char *name = lua_tostring(L, -2);
    lua_pushlightuserdata(L, (void *)&called_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    lua_pushvalue(L, -2);
    lua_rawget(L, -2);
    bool spared = strcmp(name, "__gc") == 0 || strcmp(name, "end_by_signal") == 0;
    if (lua_iscfunction(L, -3) && lua_isnil(L, -1) && !spared) {
      printf("no scenario calls %s %s\n", owner, name);
      status = 1;
    }
    lua_pop(L, 3);
  }
  lua_pop(L, 1);
}

static void tell_all_uncalled(lua_State *L) {
  static const char *const types[] = {"engine",   "exchange", "source", "sink",
                                      "settings", "watcher",  NULL};
  lua_getglobal(L, "core");
  tell_uncalled(L, "core");
  for (size_t i = 0; types[i] != NULL; i++) {
    lua_pushfstring(L, "connectparticipant.%s", types[i]);
    lua_rawget(L, LUA_REGISTRYINDEX);
    lua_getfield(L, -1, "__index");
    tell_uncalled(L, types[i]);
    lua_pushfstring(L, "connectparticipant.%s", types[i]);
    lua_rawget(L, LUA_REGISTRYINDEX);
    tell_uncalled(L, types[i]);
    lua_pop(L, 1);
  }
}

static lua_State *new_state(void) {
#if defined(LUA_JITLIBNAME)
  return luaL_newstate(); /* LuaJIT may refuse another allocator than its own */
#elif LUA_VERSION_NUM >= 505
  return lua_newstate(allocate, NULL, 1);
#else
  return lua_newstate(allocate, NULL);
#endif
}

/* A state with the scenarios, a list of functions, at index 1. */
static lua_State *open_scenarios(const char *path) {
  lua_State *L = new_state();
  luaL_openlibs(L);
  lua_pushcfunction(L, describe);
  lua_setglobal(L, "describe");
  lua_pushcfunction(L, restore);
  lua_setglobal(L, "restore");
  lua_pushcfunction(L, connect_to);
  lua_setglobal(L, "connect_to");
  lua_pushcfunction(L, shut);
  lua_setglobal(L, "shut");
  lua_pushfstring(L, "http://127.0.0.1:%d", port);
  lua_setglobal(L, "endpoint");
  lua_pushcfunction(L, luaopen_connectparticipant_core);
  lua_call(L, 0, 1);
  lua_setglobal(L, "core");
  if (luaL_loadfile(L, path) != 0 || lua_pcall(L, 0, 1, 0) != 0) {
    printf("%s\n", lua_tostring(L, -1));
    exit(2);
  }
  return L;
}

/* Runs a scenario and pushes its outcome, a string. The collector is stopped meanwhile: Lua 5.1
 * forgets an object whose finalizer it could not call for lack of memory, and what that object held
 * would be counted as lost. */
static void run(lua_State *L, int scenario) {
  lua_gc(L, LUA_GCSTOP, 0);
  lua_rawgeti(L, 1, scenario);
  if (lua_pcall(L, 0, 1, 0) != 0 && lua_type(L, -1) != LUA_TSTRING) {
    lua_pop(L, 1);
    lua_pushliteral(L, "raised something that is not a string");
  }
  failing_ours.at = luas.at = failing_libcurls.at = 0;
  lua_gc(L, LUA_GCRESTART, 0);
}

/* "out of memory", "not enough memory", lua-cjson's "Memory allocation error" */
static bool is_told(const char *outcome) {
  return strstr(outcome, "emory") != NULL || strstr(outcome, "OUT_OF_MEMORY") != NULL ||
         strstr(outcome, "COULDNT_RESOLVE_HOST") != NULL;
}

/* Lets each allocation fail, from the first to the last. */
static void try_all(lua_State *L, int scenario, struct failing *f, bool alone) {
  run(L, scenario);
  const char *expected = lua_tostring(L, -1);
  int last = 1;
  f->alone = alone;
  for (int i = 1; i <= last && i < 5000; i++, tried++) {
    failing_begin(f, i);
    run(L, scenario);
    const char *found = lua_tostring(L, -1);
    if (strcmp(found, expected) != 0 && !is_told(found)) {
      printf("scenario %d, %s allocation %d: %s\n", scenario, f->whose, i, found);
      status = 1;
    }
    if (f->seen >= i) last = i + 1;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* Runs each scenario once without failures, recording what it calls. This also allocates whatever
 * stays for the life of the process. */
static int run_all(const char *path) {
  lua_State *L = open_scenarios(path);
  int count = (int)compat_rawlen(L, 1);
  lua_pushlightuserdata(L, (void *)&called_key);
  lua_newtable(L);
  lua_rawset(L, LUA_REGISTRYINDEX);
  for (int i = 1; i <= count; i++) {
    lua_sethook(L, note_call, LUA_MASKCALL, 0);
    run(L, i);
    lua_sethook(L, NULL, 0, 0);
    if (getenv("VERBOSE") != NULL) fprintf(stderr, "%d: %s\n", i, lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  tell_all_uncalled(L);
  lua_close(L);
  return count;
}

int main(int count, char **arguments) {
  const char *path = count > 1 ? arguments[1] : "";
  struct failing *whose[] = {&failing_ours, &luas, &failing_libcurls};
  if (curl_global_init_mem(CURL_GLOBAL_ALL, failing_curl_malloc, failing_curl_free,
                           failing_curl_realloc, failing_curl_strdup,
                           failing_curl_calloc) != CURLE_OK)
    return puts("libcurl takes no allocator");
  port = memory_server_start();
  int scenarios = run_all(path);
  for (int scenario = 1; scenario <= scenarios; scenario++) {
    lua_State *L = open_scenarios(path);
    int before = failing_blocks;
    for (int i = 0; i < 6; i++) try_all(L, scenario, whose[i / 2], i % 2 == 0);
    lua_close(L);
    /* A thread that has finished a file may not have released it yet. */
    for (int wait = 0; failing_blocks != before && wait < 2000; wait++) usleep(1000);
    if (failing_blocks != before) {
      printf("scenario %d: %d blocks lost\n", scenario, failing_blocks - before);
      status = 1;
    }
  }
  if (status == 0) printf("%d scenarios, %ld failed allocations\n", scenarios, tried);
  return status;
}
