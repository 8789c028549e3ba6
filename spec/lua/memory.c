/* Lets each allocation of a scenario fail in turn, ours or Lua's: it must end as it does otherwise,
 * or say that memory ran out. Linked with all of csrc, and with --wrap for our allocations; see
 * memory_spec.lua.
 * usage: memory SCENARIOS.lua */
#include "lua/compat.h"
#include "lua/module.h"
#include "lua/settings.h"

#include <lualib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *memory);

/* Which allocation fails, alone or with all that follow; 0: none. When one of Lua's fails alone,
 * Lua collects all garbage and tries again: what is not anchored is gone then. */
struct failing {
  const char *whose;
  int at, seen;
  bool alone;
};
static struct failing ours = {.whose = "ours"}, luas = {.whose = "Lua's"};

static int blocks, status;

static bool fails(struct failing *f) {
  f->seen++;
  return f->at > 0 && (f->alone ? f->seen == f->at : f->seen >= f->at);
}

void *__wrap_malloc(size_t size) {
  void *memory = fails(&ours) ? NULL : __real_malloc(size);
  blocks += memory != NULL;
  return memory;
}

void *__wrap_calloc(size_t count, size_t size) {
  void *memory = fails(&ours) ? NULL : __real_calloc(count, size);
  blocks += memory != NULL;
  return memory;
}

void *__wrap_realloc(void *memory, size_t size) {
  if (fails(&ours)) return NULL;
  blocks += memory == NULL;
  return __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text) {
  char *copy = fails(&ours) ? NULL : __real_strdup(text);
  blocks += copy != NULL;
  return copy;
}

void __wrap_free(void *memory) {
  blocks -= memory != NULL;
  __real_free(memory);
}

/* Lua's, which must not fail when a block shrinks. */
static void *allocate(void *user, void *memory, size_t before, size_t size) {
  (void)user;
  if (size == 0) {
    __real_free(memory);
    return NULL;
  }
  bool grows = memory == NULL || size > before;
  if (grows && fails(&luas)) return NULL;
  return __real_realloc(memory, size);
}

/* describe(settings): what they hold, which Lua does not show. */
static int describe(lua_State *L) {
  const struct settings *s = settings_check(L, 1);
  const struct transport *t = &s->transport;
  lua_pushfstring(L, "%s %s %s %s %d %d", buffer_text(&s->endpoint), buffer_text(&s->user_agent),
                  t->ca_file != NULL ? t->ca_file : "-", t->proxy != NULL ? t->proxy : "-",
                  t->https, t->allow_insecure);
  return 1;
}

/* restore(): from now on nothing fails. */
static int restore(lua_State *L) {
  (void)L;
  ours.at = luas.at = 0;
  return 0;
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
  lua_pushcfunction(L, luaopen_connectparticipant_core);
  lua_call(L, 0, 1);
  lua_setglobal(L, "core");
  if (luaL_loadfile(L, path) != 0 || lua_pcall(L, 0, 1, 0) != 0) {
    printf("%s\n", lua_tostring(L, -1));
    exit(2);
  }
  return L;
}

/* Leaves what the scenario came to, a string, on the stack. Nothing is collected meanwhile: Lua 5.1
 * forgets an object whose finalizer could not be called for want of memory, and we would miss what
 * that held. */
static void run(lua_State *L, int scenario) {
  lua_gc(L, LUA_GCSTOP, 0);
  lua_rawgeti(L, 1, scenario);
  if (lua_pcall(L, 0, 1, 0) != 0 && lua_type(L, -1) != LUA_TSTRING) {
    lua_pop(L, 1);
    lua_pushliteral(L, "raised what is no string");
  }
  ours.at = luas.at = 0;
  lua_gc(L, LUA_GCRESTART, 0);
}

/* Lets each allocation fail, from the first to the last that there is. */
static void try_all(lua_State *L, int scenario, struct failing *f, bool alone) {
  run(L, scenario);
  const char *expected = lua_tostring(L, -1);
  int last = 1;
  f->alone = alone;
  for (int i = 1; i <= last && i < 2000; i++) {
    f->seen = 0;
    f->at = i;
    run(L, scenario);
    const char *found = lua_tostring(L, -1);
    /* "out of memory", "not enough memory", lua-cjson's "Memory allocation error" */
    bool same = strcmp(found, expected) == 0;
    if (!same && strstr(found, "emory") == NULL) {
      printf("scenario %d, allocation %d of %s: %s\n", scenario, i, f->whose, found);
      status = 1;
    }
    if (f->seen >= i) last = i + 1;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

int main(int count, char **arguments) {
  const char *path = count > 1 ? arguments[1] : "";
  int before = 0, scenarios = 1;
  for (int scenario = 0; scenario <= scenarios; scenario++) {
    lua_State *L = open_scenarios(path);
    scenarios = (int)lua_rawlen(L, 1);
    for (int i = 0; scenario > 0 && i < 4; i++) {
      try_all(L, scenario, i % 2 == 0 ? &ours : &luas, i < 2);
    }
    lua_close(L);
    /* The first has loaded what stays, and let nothing fail. */
    if (scenario > 0 && blocks != before) {
      printf("scenario %d: %d blocks lost\n", scenario, blocks - before);
      status = 1;
    }
    before = blocks;
  }
  if (status == 0) printf("%d scenarios\n", scenarios);
  return status;
}
