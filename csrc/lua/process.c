/* Sockets and programs; see process.h. */
#include "lua/process.h"
#include "base/system.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#if SYSTEM_LINUX
#include <sys/prctl.h>
#endif

#if defined(__APPLE__)
#include <crt_externs.h>
#define environ (*_NSGetEnviron())
#else
extern char **environ;
#endif

static int failed(lua_State *L, const char *what, int number) {
  lua_pushnil(L);
  lua_pushfstring(L, "%s: %s", what, strerror(number));
  return 2;
}

/* core.listen(address, port) -> descriptor, port: opens a listening socket that a program started
 * with core.exec inherits. Port 0 picks a free one. */
static int process_listen(lua_State *L) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof address;
  int on = 1, port = (int)luaL_checkinteger(L, 2);
  luaL_argcheck(L, inet_pton(AF_INET, luaL_checkstring(L, 1), &address.sin_addr) == 1, 1,
                "IPv4 address expected");
  luaL_argcheck(L, port >= 0 && port <= 65535, 2, "port number expected");
  address.sin_port = htons((uint16_t)port);
  /* nginx expects inherited sockets to be non-blocking. */
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return failed(L, "socket", errno);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 4096) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
    int number = errno;
    close(fd);
    return failed(L, "cannot listen", number);
  }
  lua_pushinteger(L, fd);
  lua_pushinteger(L, ntohs(address.sin_port));
  return 2;
}

/* Pushes an array of `more` unset entries, the strings of the list at `index`, and NULL. The array
 * is a userdata and its strings belong to the list, so both stay valid while they are on the stack.
 * (+1) */
static char **push_strings(lua_State *L, int index, size_t more) {
  size_t count = compat_rawlen(L, index);
  char **list = lua_newuserdata(L, (count + more + 1) * sizeof *list);
  for (size_t i = 1; i <= count; i++) {
    size_t size = 0;
    lua_rawgeti(L, index, (int)i);
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &size) : NULL;
    luaL_argcheck(L, text != NULL, index, "list of strings expected");
    luaL_argcheck(L, strlen(text) == size, index, "a string contains a NUL");
    list[more + i - 1] = (char *)text;
    lua_pop(L, 1);
  }
  list[more + count] = NULL;
  return list;
}

/* The length of the name in "NAME=value", including the `=`; 0 if there is no name. */
static size_t name_length(const char *entry) {
  const char *equals = strchr(entry, '=');
  return equals == NULL || equals == entry ? 0 : (size_t)(equals - entry) + 1;
}

static bool is_set(char *const *list, const char *entry) {
  size_t length = name_length(entry);
  for (; length > 0 && *list != NULL; list++) {
    if (strncmp(*list, entry, length) == 0) return true;
  }
  return false;
}

/* Pushes the environment, extended and overridden by the list at `index`. (+1) */
static char **push_environment(lua_State *L, int index) {
  size_t kept = 0, count = 0;
  while (environ[count] != NULL) count++;
  char **all = push_strings(L, index, count), **added = all + count;
  for (char **entry = added; *entry != NULL; entry++) {
    luaL_argcheck(L, name_length(*entry) > 0, index, "entries must be NAME=value");
  }
  for (size_t i = 0; i < count; i++) {
    if (!is_set(added, environ[i])) all[kept++] = environ[i];
  }
  memmove(all + kept, added, (compat_rawlen(L, index) + 1) * sizeof *all);
  return all;
}

/* Asks Linux for SIGTERM when the parent dies; does nothing on other systems. False if `parent` is
 * already gone. */
static bool follow(int parent) {
#if SYSTEM_LINUX
  prctl(PR_SET_PDEATHSIG, SIGTERM);
#endif
  return getppid() == parent;
}

/* core.exec(file, arguments, environment [, parent]): replaces this process by another program, and
 * returns nil and a message only if that fails. `environment` is a list of "NAME=value" to add.
 * With `parent`, a pid, the program gets SIGTERM when that process ends. */
static int process_exec(lua_State *L) {
  const char *file = luaL_checkstring(L, 1);
  lua_settop(L, 4);
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checktype(L, 3, LUA_TTABLE);
  char **arguments = push_strings(L, 2, 1), **environment = push_environment(L, 3);
  int parent = (int)luaL_optinteger(L, 4, 0);
  arguments[0] = (char *)file;
  if (parent != 0 && !follow(parent)) return failed(L, "the parent is gone", ESRCH);
  /* execvp passes on `environ`. If it fails, restore ours, which does not point into Lua's
   * memory. */
  char **ours = environ;
  environ = environment;
  execvp(file, arguments);
  int number = errno;
  environ = ours;
  return failed(L, file, number);
}

/* core.pid() -> the pids of this process and its parent */
static int process_pid(lua_State *L) {
  lua_pushinteger(L, getpid());
  lua_pushinteger(L, getppid());
  return 2;
}

void process_open(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"listen", process_listen}, {"exec", process_exec}, {"pid", process_pid}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
