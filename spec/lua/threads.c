/* Several Lua states in threads of one process, as nginx's thread pools have them: each runs the
 * script with a state of its own, and so with threads of ours that write files and wake. Compiled
 * with ThreadSanitizer, all of csrc, too; see spec/support/check_threads.sh.
 * usage: threads SCRIPT THREADS ROUNDS
 * With PLANT in the environment it has a data race on purpose, to show that one is detected. */
#include "lua/compat.h"
#include "lua/memory_server.h"
#include "lua/module.h"

#include <lualib.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MOST = 64 };

static const char *script;
static int port, rounds, planted;

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

static lua_State *new_state(void) {
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  lua_register(L, "connect_to", connect_to);
  lua_register(L, "shut", shut);
  lua_pushfstring(L, "http://127.0.0.1:%d", port);
  lua_setglobal(L, "endpoint");
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, luaopen_connectparticipant_core);
  lua_setfield(L, -2, "connectparticipant.core");
  lua_pop(L, 2);
  return L;
}

/* Returns how many calls the script has made; -1: it failed. A new state each round. */
static void *work(void *result) {
  long *calls = result;
  for (int i = 0; i < rounds && *calls >= 0; i++) {
    lua_State *L = new_state();
    if (getenv("PLANT") != NULL) planted++;
    if (luaL_loadfile(L, script) != 0 || lua_pcall(L, 0, 1, 0) != 0) {
      fprintf(stderr, "%s\n", lua_tostring(L, -1));
      *calls = -1;
    } else {
      *calls += (long)lua_tointeger(L, -1);
    }
    lua_close(L);
  }
  return NULL;
}

int main(int count, char **arguments) {
  if (count < 4) return 2;
  int threads = atoi(arguments[2]) < MOST ? atoi(arguments[2]) : MOST, status = 0;
  pthread_t ids[MOST];
  long calls[MOST] = {0}, sum = 0;
  script = arguments[1];
  rounds = atoi(arguments[3]);
  port = memory_server_start();
  for (int i = 0; i < threads; i++) {
    if (pthread_create(&ids[i], NULL, work, &calls[i]) != 0) return 3;
  }
  for (int i = 0; i < threads; i++) {
    pthread_join(ids[i], NULL);
    if (calls[i] < 0) status = 1;
    sum += calls[i];
  }
  printf("%ld calls in %d threads, %d states\n", sum, threads, threads * rounds);
  return status;
}
